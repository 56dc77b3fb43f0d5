"""The morphable face space: codes to shapes and textures, learned from a population.

A code is a vector in blocks that can be mixed separately: *shape*, *coarse* texture (build, skin
tone, light) and *middle* texture (features), each along principal components, with a mean of 0 and
a variance of 1 over the population; and *detail* (pores, wrinkles, lashes, brows), weights over
archetypes. An archetype is a mixture of at least eight people with the contrast of one (see
:func:`mix`): no single person is in a face space. After Blanz & Vetter (1999), with the texture in
Laplacian bands (Burt & Adelson 1983). How it is learned: ``scripts/train_face_space.py``; what it
can and cannot do: ``docs/identity.md``.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.faces import topology as topo
from visavis.identity import frame

Code = NDArray[np.float32]
Array = NDArray[np.float32]

#: Blocks of a code, in their order; all but the last are principal components.
BLOCKS = ("shape", "coarse", "middle", "detail")
#: Textures are known up to so many pixels outside the face's outline.
MARGIN = 18


class SpaceError(ValueError):
    """A face space that cannot be read, or a code that does not fit it."""


def mix(codes: Array, weights: Array) -> Array:
    """A mixture that is as far from the mean as its parts are.

    A plain weighted mean of many is average: its variance falls with their number. Here only the
    parts' common mean is plain; the direction in which the weights lead away from it is kept at
    the length of one part's own way. A mixture of samples of a normal distribution is one more
    sample of that distribution.

    Args:
        codes: ``(n, ...)``.
        weights: ``(n,)``, not negative, not all 0. If all are equal, this is the plain mean.
    """
    n = len(codes)
    middle = codes.mean(0)
    lead = np.asarray(weights, np.float64) / np.sum(weights) - 1 / n
    length = float(np.linalg.norm(lead))
    if length < 1e-9:
        return np.asarray(middle, np.float32)
    way = np.tensordot(lead / length * np.sqrt(1 - 1 / n), codes, 1)
    return np.asarray(middle + way, np.float32)


@dataclass(frozen=True, slots=True)
class Basis:
    """Directions and a mean, quantised.

    Attributes:
        mean: ``(n,)``.
        rows: int8 ``(k, n)``.
        scale: ``(k,)``: a row times this is what 1 in the code adds.
    """

    mean: Array
    rows: NDArray[np.int8]
    scale: Array

    def decode(self, code: Code) -> Array:
        """``(k,)`` to ``(n,)``."""
        used = np.flatnonzero(code)
        part = (code[used] * self.scale[used]) @ self.rows[used].astype(np.float32)
        return np.asarray(self.mean + part, np.float32)

    @staticmethod
    def of(mean: Array, rows: Array, levels: int = 127) -> Basis:
        """Rows ``(k, n)`` in float to so many steps on each side of 0."""
        peak = np.maximum(np.quantile(np.abs(rows), 0.9995, axis=1), 1e-6)
        steps = np.clip(np.round(rows / peak[:, None] * levels), -127, 127)
        return Basis(
            mean.astype(np.float32), steps.astype(np.int8), (peak / levels).astype(np.float32)
        )


@dataclass(frozen=True)
class FaceSpace:
    """See the module.

    Attributes:
        canonical: ``(478, 3)``, the shape of all textures, frame pixels.
        bases: By block.
        archetypes: ``(n, size)`` codes; the last block of each is its own detail.
        archetype_people: By archetype: numbers of those who are in it.
        archetype_traits: ``(n, len(TRAITS))``, what each archetype is like.
        trait_rows: ``(len(TRAITS), size)``: traits are about ``rows @ code + offset``.
        trait_offset: ``(len(TRAITS),)``.
        people: Embeddings of everybody in the population, ``(p, 1024)``, unit length.
        limit: Cosine that 99.9 % of the pairs of different people stay below.
    """

    canonical: Array
    bases: dict[str, Basis]
    archetypes: Array
    archetype_people: tuple[tuple[int, ...], ...]
    archetype_traits: Array
    trait_rows: Array
    trait_offset: Array
    people: Array
    limit: float

    @cached_property
    def blocks(self) -> dict[str, slice]:
        """Where each block lies in a code."""
        ends = np.cumsum([len(self.bases[b].rows) for b in BLOCKS])
        return {b: slice(e - len(self.bases[b].rows), e) for b, e in zip(BLOCKS, ends, strict=True)}

    @cached_property
    def inside(self) -> Array:
        """How far inside the outline each value of the detail lies, 0..1."""
        size = (frame.HEIGHT, frame.WIDTH)
        oval = (frame.filled(self.canonical, topo.FACE_OVAL, size) > 0.5).astype(np.uint8)
        depth = cv2.distanceTransform(oval, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        fade = frame.smoothstep(depth, 4, 24)
        shares = [
            np.repeat(cv2.resize(fade, (w, h), interpolation=cv2.INTER_AREA)[mask], channels)
            for level, (mask, channels) in enumerate(
                zip(texture_masks(self.canonical), (1, 1, 3, 3), strict=True)
            )
            for h, w in [frame.size_of(level)]
        ]
        # In the order of `take_bands`: middle, then fine.
        return np.concatenate([*shares[2:], *shares[:2]])

    @property
    def size(self) -> int:
        """Length of a code."""
        return int(self.blocks["detail"].stop)

    @property
    def smooth(self) -> slice:
        """The part of a code that lies along principal components."""
        return slice(0, self.blocks["middle"].stop)

    def check(self, code: Code) -> Code:
        """A code as float32.

        Raises:
            SpaceError: It has another length or is not finite.
        """
        code = np.asarray(code, np.float32)
        if code.shape != (self.size,) or not np.isfinite(code).all():
            raise SpaceError(f"a code is {self.size} finite numbers, got {code.shape}")
        return code

    def shape(self, code: Code) -> Array:
        """Landmarks ``(478, 3)``, upright, in frame pixels."""
        return self.bases["shape"].decode(code[self.blocks["shape"]]).reshape(-1, 3)

    def texture(self, code: Code) -> Array:
        """L*a*b* ``(HEIGHT, WIDTH, 3)`` in the canonical shape; true inside the face only."""
        part = {b: self.bases[b].decode(code[self.blocks[b]]) for b in BLOCKS[1:]}
        # Near the outline portraits show ears, hair and backdrop; no detail is taken from there.
        part["detail"] = part["detail"] * self.inside
        n = len(part["middle"])
        part["middle"] = part["middle"] + part["detail"][:n]
        return assemble_bands(
            part["coarse"], part["middle"], part["detail"][n:], texture_masks(self.canonical)
        )

    def traits(self, code: Code) -> Array:
        """What a code's face is like, ``(len(TRAITS),)``, by the linear model."""
        return np.asarray(self.trait_rows @ code + self.trait_offset, np.float32)

    # -- files ------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write the space to one ``.npz``."""
        arrays: dict[str, NDArray[np.generic]] = {
            "canonical": self.canonical.astype(np.float32),
            "archetypes": self.archetypes.astype(np.float16),
            "archetype_traits": self.archetype_traits.astype(np.float32),
            "archetype_people": np.frombuffer(json.dumps(self.archetype_people).encode(), np.uint8),
            "trait_rows": self.trait_rows.astype(np.float32),
            "trait_offset": self.trait_offset.astype(np.float32),
            "people": self.people.astype(np.float16),
            "limit": np.array(self.limit, np.float32),
        }
        for name, basis in self.bases.items():
            arrays[f"{name}_mean"] = basis.mean.astype(np.float16)
            arrays[f"{name}_rows"] = basis.rows
            arrays[f"{name}_scale"] = basis.scale
        arrays["shape_mean"] = self.bases["shape"].mean
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @staticmethod
    def load(path: Path) -> FaceSpace:
        """Read what :meth:`save` wrote.

        Raises:
            SpaceError: The file is not there or is not a face space.
        """
        try:
            with np.load(path, allow_pickle=False) as z:
                bases = {
                    b: Basis(z[f"{b}_mean"].astype(np.float32), z[f"{b}_rows"], z[f"{b}_scale"])
                    for b in BLOCKS
                }
                people = z["people"].astype(np.float32)
                return FaceSpace(
                    canonical=z["canonical"],
                    bases=bases,
                    archetypes=z["archetypes"].astype(np.float32),
                    archetype_people=tuple(
                        tuple(p) for p in json.loads(z["archetype_people"].tobytes())
                    ),
                    archetype_traits=z["archetype_traits"],
                    trait_rows=z["trait_rows"],
                    trait_offset=z["trait_offset"],
                    people=people / np.linalg.norm(people, axis=1, keepdims=True),
                    limit=float(z["limit"]),
                )
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as e:
            raise SpaceError(
                f"{path} is not a face space; scripts/train_face_space.py makes one ({e})"
            ) from e


@cache
def default_space() -> FaceSpace:
    """The face space that comes with the package."""
    with resources.as_file(resources.files("visavis.identity") / "data" / "space.npz") as path:
        return FaceSpace.load(path)


# -- textures and what bases hold of them ----------------------------------------------------


def texture_masks(canonical: Array) -> list[NDArray[np.bool_]]:
    """Pixels of each Laplacian band that belong to the face and a margin around it."""
    oval = frame.filled(canonical, topo.FACE_OVAL, (frame.HEIGHT, frame.WIDTH))
    near = frame.grow(oval, MARGIN)
    masks = []
    for level in range(frame.LEVELS):
        h, w = frame.size_of(level)
        small = cv2.resize(near, (w, h), interpolation=cv2.INTER_AREA)
        masks.append(np.asarray(cv2.dilate(small, np.ones((3, 3))) > 0.01))
    return masks


def take_bands(texture: Array, masks: list[NDArray[np.bool_]]) -> tuple[Array, Array, Array]:
    """Coarse, middle and fine values of a texture, flat; fine is lightness alone."""
    bands = frame.pyramid(texture)
    fine = [b[m, 0] for b, m in zip(bands[:2], masks[:2], strict=True)]
    middle = [b[m].ravel() for b, m in zip(bands[2:4], masks[2:4], strict=True)]
    return bands[4].ravel(), np.concatenate(middle), np.concatenate(fine)


def assemble_bands(
    coarse: Array, middle: Array, fine: Array, masks: list[NDArray[np.bool_]]
) -> Array:
    """The texture of the values that :func:`take_bands` takes."""
    sizes = [frame.size_of(level) for level in range(frame.LEVELS + 1)]
    bands = [np.zeros((h, w, 3), np.float32) for h, w in sizes]
    for values, levels, channels in ((fine, (0, 1), 1), (middle, (2, 3), 3)):
        at = 0
        for level in levels:
            n = int(masks[level].sum()) * channels
            bands[level][masks[level], :channels] = values[at : at + n].reshape(-1, channels)
            at += n
    bands[-1][:] = coarse.reshape(bands[-1].shape)
    return np.asarray(frame.collapse(list(bands)), np.float32)
