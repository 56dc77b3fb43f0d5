"""Kind ``splat``: a head of 3D Gaussians that hangs on a mesh with ARKit morph targets.

The format is that of LAM's exported avatars (He et al. 2025, "LAM: Large Avatar Model for One-shot
Animatable Gaussian Head"): ``skin.glb`` holds a subdivided head mesh with morph targets and a
skeleton, ``offset.ply`` one Gaussian for each of its vertices, in the same order: where it lies
relative to the vertex, the logarithms of its three standard deviations, its rotation (quaternion,
w first), the logit of its opacity, and its colour. The colour fields are called ``f_dc`` as in 3D
Gaussian splatting (Kerbl et al. 2023) but hold RGB itself.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.replicas.errors import ReplicaError
from visavis.replicas.glb import quaternion_matrix
from visavis.replicas.mesh import MeshModel, read_mesh

Floats = NDArray[np.float32]

#: The files of a splat replica.
OFFSETS, SKIN = "offset.ply", "skin.glb"
#: Most Gaussians.
MAX_COUNT = 200_000
#: Most bytes of a member of a zip, and of a PLY header.
MAX_BYTES = 128 * 1024 * 1024
MAX_HEADER = 16 * 1024
#: Largest standard deviation, in pupil distances: larger ones are errors that would veil the face.
MAX_SIGMA = 0.25
#: The constant spherical harmonic.
_SH0 = 0.28209479177387814

_TYPES = {"char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2",
          "ushort": "u2", "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
          "float": "f4", "float32": "f4", "double": "f8", "float64": "f8"}  # fmt: skip


@dataclass(slots=True)
class SplatModel:
    """Gaussians at rest.

    Attributes:
        mesh: What they hang on; one Gaussian per vertex of its only part.
        positions: ``(n, 3)`` centres.
        covariances: ``(n, 6)``: xx, xy, xz, yy, yz, zz.
        colours: ``(n, 3)`` sRGB, 0..1.
        opacities: ``(n,)`` 0..1.
    """

    mesh: MeshModel
    positions: Floats
    covariances: Floats
    colours: Floats
    opacities: Floats


def read_ply(data: bytes, name: str = OFFSETS) -> dict[str, NDArray[np.float64]]:
    """The columns of the vertices of a binary little-endian PLY file.

    Raises:
        ReplicaError: Another format, damaged, or values that are not finite.
    """
    end = data[:MAX_HEADER].find(b"end_header\n")
    if not data.startswith(b"ply\n") or end < 0:
        raise ReplicaError(f"{name}: not a PLY file")
    lines = data[:end].decode("ascii", "replace").split("\n")
    if "format binary_little_endian 1.0" not in lines:
        raise ReplicaError(f"{name}: not a binary little-endian PLY file")
    count, element = -1, ""
    fields: list[tuple[str, str]] = []
    for line in lines[1:]:
        word = line.split()
        if word[:1] == ["element"]:
            element = word[1] if len(word) == 3 else ""
            if element != "vertex" and count < 0:
                raise ReplicaError(f"{name}: its first element is not vertex")
            if element == "vertex":
                if not re.fullmatch(r"\d{1,9}", word[2]) or count >= 0:
                    raise ReplicaError(f"{name}: damaged header")
                count = int(word[2])
        elif word[:1] == ["property"] and element == "vertex":
            if len(word) != 3 or word[1] not in _TYPES or word[2] in dict(fields):
                raise ReplicaError(f"{name}: a property we do not read: {line[:60]!r}")
            fields.append((word[2], "<" + _TYPES[word[1]]))
    if not 0 < count <= MAX_COUNT:
        raise ReplicaError(f"{name}: {count} Gaussians; between 1 and {MAX_COUNT} are read")
    dtype = np.dtype(fields)
    start = end + len(b"end_header\n")
    if not fields or len(data) < start + count * dtype.itemsize:
        raise ReplicaError(f"{name}: truncated")
    table = np.frombuffer(data, dtype, count, start)
    columns = {n: table[n].astype(np.float64) for n, _ in fields}
    for column, values in columns.items():
        if not np.isfinite(values).all():
            raise ReplicaError(f"{name}: {column} holds values that are not finite")
    return columns


def read_splat(offsets: bytes, skin: bytes) -> SplatModel:
    """The model in the bytes of ``offset.ply`` and ``skin.glb``.

    Raises:
        ReplicaError: Either is damaged, or they do not belong together.
    """
    columns = read_ply(offsets)
    needed = ["x", "y", "z", "opacity", *(f"f_dc_{i}" for i in range(3)),
              *(f"scale_{i}" for i in range(3)), *(f"rot_{i}" for i in range(4))]  # fmt: skip
    missing = [n for n in needed if n not in columns]
    if missing:
        raise ReplicaError(f"{OFFSETS}: properties missing: {', '.join(missing)}")

    def stack(prefix: str, n: int) -> NDArray[np.float64]:
        return np.stack([columns[f"{prefix}{i}"] for i in range(n)], 1)

    mesh = read_mesh(skin, SKIN)
    if len(mesh.parts) != 1:
        raise ReplicaError(f"{SKIN}: {len(mesh.parts)} meshes; the Gaussians hang on one")
    vertices = mesh.parts[0].positions
    offset = np.stack([columns[n] for n in "xyz"], 1)
    if len(offset) != len(vertices):
        raise ReplicaError(
            f"{OFFSETS} has {len(offset)} Gaussians and {SKIN} {len(vertices)} vertices; "
            "they must be of the same export"
        )
    if np.abs(offset).max() > 20 * mesh.unit:
        raise ReplicaError(f"{OFFSETS}: Gaussians far away from their vertices")
    sigma = np.exp(np.clip(stack("scale_", 3), -40, np.log(MAX_SIGMA * mesh.unit)))
    axes = quaternion_matrix(stack("rot_", 4)) * sigma[:, None]
    full = axes @ axes.transpose(0, 2, 1)
    colours = stack("f_dc_", 3)
    if colours.min() < -0.05 or colours.max() > 1.05:
        colours = 0.5 + _SH0 * colours
    return SplatModel(
        mesh,
        (vertices + offset).astype(np.float32),
        full[:, (0, 0, 0, 1, 1, 2), (0, 1, 2, 1, 2, 2)].astype(np.float32),
        np.clip(colours, 0, 1).astype(np.float32),
        (1 / (1 + np.exp(-np.clip(columns["opacity"], -40, 40)))).astype(np.float32),
    )


def unpack_lam(data: bytes) -> dict[str, bytes]:
    """``offset.ply`` and ``skin.glb`` out of the zip that LAM exports, by name.

    Nothing is written to disk; folders inside the zip do not matter, other members are not read.

    Raises:
        ReplicaError: Damaged, too large, or a file is missing or there twice.
    """
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as z:
            for info in z.infolist():
                name = info.filename.replace("\\", "/").rsplit("/", 1)[-1]
                if name not in (OFFSETS, SKIN):
                    continue
                if name in found:
                    raise ReplicaError(f"{name} is in the zip twice")
                if info.file_size > MAX_BYTES:
                    raise ReplicaError(f"{name} is too large")
                with z.open(info) as f:
                    found[name] = f.read(info.file_size + 1)
                if len(found[name]) != info.file_size:
                    raise ReplicaError(f"{name}: size is not what the zip says")
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error,
            ValueError, OSError) as e:  # fmt: skip
        if isinstance(e, ReplicaError):
            raise
        raise ReplicaError(f"damaged zip ({e})") from e
    missing = [n for n in (OFFSETS, SKIN) if n not in found]
    if missing:
        raise ReplicaError(
            f"the zip has no {' and no '.join(missing)}; send an avatar as LAM exports it"
        )
    return found
