"""Kind ``mesh``: any GLB with ARKit morph targets, as Ready Player Me, Blender or we export it.

The model is brought to rest: node transforms and skins are applied once, so that what remains are
triangles in world space, displacements by ARKit name, and how much each vertex goes with the head
and the eyes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.animation.face_state import ARKIT_NAMES
from visavis.replicas.errors import ReplicaError
from visavis.replicas.glb import Glb
from visavis.replicas.pictures import MAX_PIXELS, decode_picture

Floats = NDArray[np.float32]
Array = NDArray[np.float64]

#: Most vertices of a model: beyond this no CPU draws it in time.
MAX_VERTICES = 400_000
#: Without these nothing speaks or blinks.
ESSENTIAL = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight")


@dataclass(slots=True)
class MeshPart:
    """Triangles of one material.

    Attributes:
        positions: ``(n, 3)`` metres (or the model's unit), y up, z to the viewer.
        triangles: ``(k, 3)``, int32.
        uv: ``(n, 2)``, origin at the top left.
        colours: ``(n, 4)`` linear factors, 0..1, vertex colour times base colour.
        texture: uint8 RGBA ``(h, w, 4)``, sRGB; ``None`` for plain colour.
        blend: ``opaque``, ``mask`` or ``blend``.
        cutoff: Alpha below which ``mask`` draws nothing.
        morphs: ARKit name to displacement ``(n, 3)``.
        head: ``(n,)`` 0..1, how much of the head's motion a vertex takes.
        eye: ``(n,)`` int8: 1 belongs to the person's left eyeball, 2 to the right, 0 to neither.
        lit: False for materials that are drawn as they are (``KHR_materials_unlit``).
    """

    positions: Floats
    triangles: NDArray[np.int32]
    uv: Floats
    colours: Floats
    texture: NDArray[np.uint8] | None
    blend: str
    cutoff: float
    morphs: dict[str, Floats]
    head: Floats
    eye: NDArray[np.int8]
    lit: bool = True


@dataclass(slots=True)
class MeshModel:
    """A head that can be driven, at rest.

    Attributes:
        parts: Opaque ones first.
        names: ARKit names that some part has, in Apple's order.
        pupils: Where the left and the right eye are, ``(2, 3)``: the middle of what blinks.
        pivot: Where the head turns, ``(3,)``.
        eyes: Centres of the eyeballs, left and right, ``(2, 3)``; ``None`` if they do not turn.
    """

    parts: list[MeshPart]
    names: tuple[str, ...]
    pupils: Array
    pivot: Array
    eyes: Array | None

    @property
    def unit(self) -> float:
        """Distance of the pupils."""
        return float(np.linalg.norm(self.pupils[0] - self.pupils[1]))


_ARKIT_BY_FOLDED = {n.lower(): n for n in ARKIT_NAMES}


def arkit_name(name: object) -> str | None:
    """The ARKit name meant by a morph target's name, if any.

    Understands other capitals and prefixes (``head.jawOpen``), and ``_L``/``_R`` for the sides.
    """
    folded = str(name).replace(":", ".").rsplit(".", 1)[-1].lower()
    for short, long in (("_l", "left"), ("_r", "right")):
        if folded.endswith(short):
            folded = folded.removesuffix(short) + long
    return _ARKIT_BY_FOLDED.get(folded.replace("_", ""))


class _Textures:
    """The pictures of a model, each decoded once, and not too many of them."""

    def __init__(self, glb: Glb) -> None:
        self._glb = glb
        self._seen: dict[object, NDArray[np.uint8]] = {}

    def get(self, index: object) -> NDArray[np.uint8]:
        """uint8 RGBA of a glTF texture."""
        glb = self._glb
        texture = glb.item("textures", index)
        webp = (texture.get("extensions") or {}).get("EXT_texture_webp") or {}
        source = webp.get("source", texture.get("source"))
        data = glb.image(source)
        if source not in self._seen:
            image = decode_picture(data, f"{glb.name}: a texture")
            if image.shape[2] == 3:
                image = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2RGBA), np.uint8)
            self._seen[source] = image
            if sum(i.size // 4 for i in self._seen.values()) > MAX_PIXELS:
                raise glb.error("its textures are too large together")
        return self._seen[source]


class _Skeleton:
    """Where the joints of a skin are, and which of them belong to head, neck and eyes."""

    def __init__(self, glb: Glb, skin: object, world: Array, parent: Sequence[int]) -> None:
        s = glb.item("skins", skin)
        joints = s.get("joints")
        if not isinstance(joints, list) or not joints:
            raise glb.error("a skin without joints")
        self.joints: list[int] = joints
        names = [str(glb.item("nodes", j).get("name", "")).lower() for j in self.joints]
        if "inverseBindMatrices" in s:
            inverse = glb.array(s["inverseBindMatrices"], "MAT4").reshape(-1, 4, 4)
            if len(inverse) < len(self.joints):
                raise glb.error("a skin with too few bind matrices")
            inverse = inverse[: len(self.joints)].transpose(0, 2, 1).astype(np.float64)
        else:
            inverse = np.broadcast_to(np.eye(4), (len(self.joints), 4, 4))
        self.matrices = world[self.joints] @ inverse
        self.places = world[self.joints][:, :3, 3]
        heads = [j for j, n in zip(self.joints, names, strict=True) if _is(n, "head")]
        under = [self._under(j, heads[:1], parent) for j in self.joints]
        self.head = np.array(under, np.float64)
        for i, n in enumerate(names):
            if "neck" in n and not self.head[i]:
                self.head[i] = 0.5
        self.pivot = self.places[self.joints.index(heads[0])] if heads else None
        self.eye = np.zeros(len(self.joints), np.int8)
        for i, n in enumerate(names):
            if _is(n, "eye"):
                self.eye[i] = 1 if _SIDE.search(_plain(n)) else 2

    @staticmethod
    def _under(joint: int, heads: list[int], parent: Sequence[int]) -> float:
        at = joint
        while at != -1 and heads:
            if at == heads[0]:
                return 1.0
            at = parent[at]
        return 0.0


def _plain(name: str) -> str:
    """A joint's name without what the rig puts before all of them."""
    return re.sub(r"^(mixamorig\d*|bip01|cc_base)[:_ ]*", "", name).strip("_-. ")


#: Left, in a joint's name.
_SIDE = re.compile(r"^l(eft)?(?=[_.]?eye)|left$|[_.]l$")


def _is(name: str, part: str) -> bool:
    """Whether a joint is the part itself, of either side, and not something near it."""
    sides = r"(l|r|left|right)"
    return bool(re.fullmatch(rf"{sides}?[_.]?{part}([_.]?{sides})?", _plain(name)))


def _apply(matrices: Array, points: NDArray[np.floating], w: float) -> Array:
    """Transform ``(n, 3)`` by ``(n, 4, 4)`` or ``(4, 4)``; ``w`` 1 for points, 0 for vectors."""
    full = np.c_[points, np.full(len(points), w)]
    if matrices.ndim == 2:
        return np.asarray(full @ matrices[:3].T)
    return np.asarray(np.einsum("nij,nj->ni", matrices[:, :3], full))


def _part(
    glb: Glb,
    primitive: dict[str, Any],
    names: list[Any],
    matrix: Array,
    skeleton: _Skeleton | None,
    textures: _Textures,
) -> MeshPart | None:
    if primitive.get("mode", 4) != 4:
        return None  # points and lines are no face
    attributes = primitive.get("attributes")
    if not isinstance(attributes, dict) or "POSITION" not in attributes:
        raise glb.error("a mesh without positions")
    local = glb.array(attributes["POSITION"], "VEC3").astype(np.float64)
    n = len(local)
    if n > MAX_VERTICES:
        raise glb.error(f"more than {MAX_VERTICES} vertices; export a lighter model")
    if "indices" in primitive:
        flat = glb.array(primitive["indices"], "SCALAR")[:, 0].astype(np.int64)
    else:
        flat = np.arange(n)
    triangles = flat[: len(flat) // 3 * 3].reshape(-1, 3)
    if not n or not len(triangles):
        return None
    if int(triangles.max()) >= n or int(triangles.min()) < 0:
        raise glb.error("triangles without vertices")
    head, eye = np.ones(n), np.zeros(n, np.int8)
    if skeleton is not None and "JOINTS_0" in attributes and "WEIGHTS_0" in attributes:
        joints = glb.array(attributes["JOINTS_0"], "VEC4").astype(np.int64)
        weights = glb.array(attributes["WEIGHTS_0"], "VEC4").astype(np.float64)
        if len(joints) != n or len(weights) != n:
            raise glb.error("skin weights do not match the vertices")
        if joints.max(initial=0) >= len(skeleton.joints) or joints.min(initial=0) < 0:
            raise glb.error("a vertex hangs on a joint that is not there")
        weights = np.maximum(weights, 0)
        weights /= np.maximum(weights.sum(1, keepdims=True), 1e-9)
        matrix = np.einsum("nk,nkij->nij", weights, skeleton.matrices[joints])
        if skeleton.pivot is not None:
            head = (weights * skeleton.head[joints]).sum(1)
        main = joints[np.arange(n), weights.argmax(1)]
        eye = np.where(weights.max(1) > 0.7, skeleton.eye[main], 0).astype(np.int8)
    positions = _apply(matrix, local, 1.0)
    morphs: dict[str, Floats] = {}
    targets = primitive.get("targets") or []
    for i, target in enumerate(targets):
        name = arkit_name(names[i]) if i < len(names) else None
        if name is None or not isinstance(target, dict) or "POSITION" not in target:
            continue
        delta = glb.array(target["POSITION"], "VEC3")
        if len(delta) != n:
            raise glb.error(f"the morph target {name} does not match the vertices")
        if np.abs(delta).max(initial=0) > 0:
            morphs[name] = _apply(matrix, delta, 0.0).astype(np.float32)
    if not np.isfinite(positions).all() or np.abs(positions).max() > 1e6:
        raise glb.error("vertices lie at infinity")
    uv = np.zeros((n, 2), np.float32)
    if "TEXCOORD_0" in attributes:
        uv = glb.array(attributes["TEXCOORD_0"], "VEC2").astype(np.float32)
        if len(uv) != n:
            raise glb.error("texture coordinates do not match the vertices")
    colours = np.ones((n, 4), np.float32)
    if "COLOR_0" in attributes:
        given = glb.array(attributes["COLOR_0"]).astype(np.float32)
        if len(given) != n or given.shape[1] not in (3, 4):
            raise glb.error("vertex colours do not match the vertices")
        colours[:, : given.shape[1]] = np.clip(given, 0, 1)
    texture, blend, cutoff, lit = None, "opaque", 0.5, True
    if "material" in primitive:
        material = glb.item("materials", primitive["material"])
        blend = str(material.get("alphaMode", "OPAQUE")).lower()
        lit = "KHR_materials_unlit" not in (material.get("extensions") or {})
        pbr = material.get("pbrMetallicRoughness") or {}
        try:
            factor = np.array(pbr.get("baseColorFactor", (1, 1, 1, 1)), np.float32).reshape(4)
            cutoff = float(material.get("alphaCutoff", 0.5))
            wanted = (pbr.get("baseColorTexture") or {}).get("index")
        except (AttributeError, TypeError, ValueError) as e:
            raise glb.error(f"a material is damaged ({e})") from e
        colours *= np.clip(np.nan_to_num(factor), 0, 1)
        texture = None if wanted is None else textures.get(wanted)
    return MeshPart(
        positions.astype(np.float32), triangles.astype(np.int32), uv, colours, texture,
        blend if blend in ("mask", "blend") else "opaque", cutoff, morphs,
        head.astype(np.float32), eye, lit,
    )  # fmt: skip


def read_mesh(data: bytes, name: str = "rig.glb") -> MeshModel:
    """The model in the bytes of a GLB file.

    Raises:
        ReplicaError: Damaged, too large, or nothing in it moves by ARKit names.
    """
    glb = Glb(data, name)
    try:
        return _read(glb)
    except ReplicaError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError) as e:
        raise glb.error(f"damaged ({type(e).__name__}: {e})") from e


def _read(glb: Glb) -> MeshModel:
    world, parent = glb.world_matrices()
    parts: list[MeshPart] = []
    skeletons: dict[int, _Skeleton] = {}
    textures = _Textures(glb)
    found_names: list[str] = []
    pivot: Array | None = None
    eyes: dict[int, Array] = {}
    for i in range(len(world)):
        node = glb.item("nodes", i)
        if "mesh" not in node:
            continue
        mesh = glb.item("meshes", node["mesh"])
        names = (mesh.get("extras") or {}).get("targetNames") or []
        found_names += [str(n) for n in names]
        skeleton = None
        if "skin" in node:
            skin = node["skin"]
            if skin not in skeletons:
                skeletons[skin] = _Skeleton(glb, skin, world, parent)
            skeleton = skeletons[skin]
            pivot = skeleton.pivot if pivot is None else pivot
            for side in (1, 2):
                at = np.flatnonzero(skeleton.eye == side)
                if len(at):
                    eyes.setdefault(side, skeleton.places[at[0]])
        for primitive in mesh.get("primitives") or []:
            made = _part(glb, primitive, names, world[i], skeleton, textures)
            if made is not None:
                parts.append(made)
        if sum(len(p.positions) for p in parts) > MAX_VERTICES:
            raise glb.error(f"more than {MAX_VERTICES} vertices; export a lighter model")
    has = {n for p in parts for n in p.morphs}
    _check_names(glb, has, found_names)
    pupils = _pupils(glb, parts)
    unit = float(np.linalg.norm(pupils[0] - pupils[1]))
    if pivot is None:
        # no skeleton: the head turns on the neck, and what lies below stays
        pivot = pupils.mean(0) - np.array([0.0, 1.8, 1.2]) * unit
        for p in parts:
            t = np.clip(
                (p.positions[:, 1] - (pupils[:, 1].mean() - 3.4 * unit)) / (1.4 * unit), 0, 1
            )
            p.head = (t * t * (3 - 2 * t)).astype(np.float32)
    turning = all(any((p.eye == side).any() for p in parts) for side in eyes)
    order = {"opaque": 0, "mask": 1, "blend": 2}
    parts.sort(key=lambda p: order[p.blend])
    return MeshModel(
        parts,
        tuple(n for n in ARKIT_NAMES if n in has),
        pupils,
        np.asarray(pivot, np.float64),
        np.array([eyes[1], eyes[2]]) if len(eyes) == 2 and turning else None,
    )


def _check_names(glb: Glb, has: set[str], found: list[str]) -> None:
    if not has:
        there = f" (it has {', '.join(sorted(set(found))[:6])} …)" if found else ""
        raise glb.error(
            f"none of its morph targets has an ARKit name such as jawOpen{there}. Export the "
            "model with the 52 ARKit blendshapes and their names; for Ready Player Me add "
            "?morphTargets=ARKit to the address"
        )
    missing = [n for n in ESSENTIAL if n not in has]
    if missing:
        raise glb.error(
            f"the morph targets {', '.join(missing)} are missing: without them nothing "
            "speaks or blinks"
        )


def _pupils(glb: Glb, parts: list[MeshPart]) -> Array:
    """The middle of what each eye's blink moves, ``(2, 3)``."""
    out = []
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        moving = [(p.positions, p.morphs[name]) for p in parts if name in p.morphs]
        points = np.concatenate([p for p, _ in moving]).astype(np.float64)
        weight = (np.concatenate([d for _, d in moving]).astype(np.float64) ** 2).sum(1)
        out.append((points * weight[:, None]).sum(0) / max(float(weight.sum()), 1e-30))
    pupils = np.array(out)
    size = np.ptp(np.concatenate([p.positions for p in parts]), axis=0).max()
    if not np.linalg.norm(pupils[0] - pupils[1]) > 0.002 * size:
        raise glb.error("eyeBlinkLeft and eyeBlinkRight move the same place")
    return pupils
