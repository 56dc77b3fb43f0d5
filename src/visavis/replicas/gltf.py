"""A rig as ``rig.glb`` (glTF 2.0) and back.

One node per layer, morph targets named in ``mesh.extras.targetNames``, unlit materials, textures
beside the file (WebP through EXT_texture_webp). Displacements are stored as sparse accessors:
most of a face does not take part in most expressions. What glTF has no place for (blend mode,
camera, pivot, row indices) is in ``extras.visavis`` of the nodes and of the scene; scalars per
vertex are custom attributes (``_FOLLOW``). Any glTF viewer opens the result.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pygltflib as gl
from numpy.typing import NDArray

from visavis.replicas.errors import ReplicaError
from visavis.replicas.rig import DRAW_ORDER, Camera, Ints, Layer, Rig

#: Displacements below this (rig units, about 0.02 pixels) are not stored.
EPSILON = 1e-4
#: Attribute of a morph target: change of log display brightness.
SHADE = "_SHADE"

_DTYPES: dict[int, np.dtype[Any]] = {gl.FLOAT: np.dtype("<f4"), gl.UNSIGNED_SHORT: np.dtype("<u2"),
           gl.UNSIGNED_INT: np.dtype("<u4")}  # fmt: skip
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}


class _Writer:
    def __init__(self) -> None:
        self.gltf = gl.GLTF2(asset=gl.Asset(version="2.0", generator="visavis"))
        self.blob = bytearray()

    def view(self, data: bytes, target: int | None = None) -> int:
        self.blob += b"\0" * (-len(self.blob) % 4)
        self.gltf.bufferViews.append(
            gl.BufferView(buffer=0, byteOffset=len(self.blob), byteLength=len(data), target=target)
        )
        self.blob += data
        return len(self.gltf.bufferViews) - 1

    def accessor(self, values: NDArray[Any], kind: str, *, indices: bool = False) -> int:
        if indices:
            short = values.max(initial=0) < 65535
            data = values.ravel().astype("<u2" if short else "<u4")
            component = gl.UNSIGNED_SHORT if short else gl.UNSIGNED_INT
            target = gl.ELEMENT_ARRAY_BUFFER
        else:
            data = values.astype("<f4")
            component, target = gl.FLOAT, gl.ARRAY_BUFFER
        accessor = gl.Accessor(
            bufferView=self.view(data.tobytes(), target),
            componentType=component,
            count=len(data),
            type=kind,
        )
        if kind == "VEC3":
            accessor.min, accessor.max = data.min(0).tolist(), data.max(0).tolist()
        self.gltf.accessors.append(accessor)
        return len(self.gltf.accessors) - 1

    def sparse(self, delta: NDArray[np.floating]) -> int:
        scalar = delta.ndim == 1
        delta = delta.reshape(len(delta), -1).astype("<f4")
        moved = np.flatnonzero(np.abs(delta).max(1) > EPSILON)
        kept = np.zeros_like(delta)
        kept[moved] = delta[moved]
        accessor = gl.Accessor(
            componentType=gl.FLOAT, count=len(delta), type="SCALAR" if scalar else "VEC3"
        )
        if not scalar:
            accessor.min, accessor.max = kept.min(0).tolist(), kept.max(0).tolist()
        if len(moved):
            accessor.sparse = gl.Sparse(
                count=len(moved),
                indices=gl.AccessorSparseIndices(
                    bufferView=self.view(
                        moved.astype("<u2" if len(delta) < 65536 else "<u4").tobytes()
                    ),
                    componentType=gl.UNSIGNED_SHORT if len(delta) < 65536 else gl.UNSIGNED_INT,
                ),
                values=gl.AccessorSparseValues(bufferView=self.view(delta[moved].tobytes())),
            )
        self.gltf.accessors.append(accessor)
        return len(self.gltf.accessors) - 1


def _material(w: _Writer, layer: Layer, textures: dict[str, int]) -> int:
    g = w.gltf
    if layer.texture not in textures:
        g.images.append(gl.Image(uri=layer.texture))
        texture = gl.Texture(sampler=0, source=len(g.images) - 1)
        if layer.texture.endswith(".webp"):
            texture = gl.Texture(
                sampler=0, extensions={"EXT_texture_webp": {"source": len(g.images) - 1}}
            )
            if "EXT_texture_webp" not in g.extensionsUsed:
                g.extensionsUsed.append("EXT_texture_webp")
                g.extensionsRequired.append("EXT_texture_webp")
        g.textures.append(texture)
        textures[layer.texture] = len(g.textures) - 1
    g.materials.append(
        gl.Material(
            name=layer.name,
            pbrMetallicRoughness=gl.PbrMetallicRoughness(
                baseColorTexture=gl.TextureInfo(index=textures[layer.texture]),
                metallicFactor=0.0,
                roughnessFactor=1.0,
            ),
            alphaMode="OPAQUE" if layer.name == "background" else "BLEND",
            doubleSided=True,
            extensions={"KHR_materials_unlit": {}},
        )
    )
    return len(g.materials) - 1


def write_glb(rig: Rig) -> bytes:
    """The rig as the bytes of a GLB file."""
    w = _Writer()
    g = w.gltf
    g.extensionsUsed = ["KHR_materials_unlit"]
    g.extensionsRequired = []
    g.samplers = [gl.Sampler(wrapS=gl.CLAMP_TO_EDGE, wrapT=gl.CLAMP_TO_EDGE)]
    textures: dict[str, int] = {}
    shared: dict[int, tuple[gl.Attributes, list[gl.Attributes]]] = {}
    for name in DRAW_ORDER:
        layer = rig.layers.get(name)
        if layer is None:
            continue
        key = id(layer.positions)
        if key not in shared:
            attributes = gl.Attributes(
                POSITION=w.accessor(layer.positions, "VEC3"),
                TEXCOORD_0=w.accessor(layer.uv, "VEC2"),
            )
            for extra, values in layer.attributes.items():
                setattr(attributes, f"_{extra.upper()}", w.accessor(values, "SCALAR"))
            targets = [gl.Attributes(POSITION=w.sparse(d)) for d in layer.morphs.values()]
            for target, morph in zip(targets, layer.morphs, strict=True):
                if morph in layer.shades:
                    setattr(target, SHADE, w.sparse(layer.shades[morph]))
            shared[key] = (attributes, targets)
        attributes, targets = shared[key]
        primitive = gl.Primitive(
            attributes=attributes,
            indices=w.accessor(layer.triangles, "SCALAR", indices=True),
            material=_material(w, layer, textures),
            targets=targets or None,
        )
        mesh = gl.Mesh(name=name, primitives=[primitive], extras={})
        if layer.morphs:
            mesh.extras = {"targetNames": list(layer.morphs)}
            mesh.weights = [0.0] * len(layer.morphs)
        g.meshes.append(mesh)
        g.nodes.append(
            gl.Node(
                name=name,
                mesh=len(g.meshes) - 1,
                extras={"visavis": {"blend": layer.blend, "opacity_from": layer.opacity_from}},
            )
        )
    scene = {
        "camera": {
            "width": rig.camera.width,
            "height": rig.camera.height,
            "origin": list(rig.camera.origin),
            "scale": rig.camera.scale,
        },
        "pivot": list(rig.pivot),
        "rows": {k: v.tolist() for k, v in rig.rows.items()},
        "coarse": w.accessor(rig.coarse, "SCALAR", indices=True),
        "eye_radius": rig.eye_radius,
    }
    g.scenes = [gl.Scene(nodes=list(range(len(g.nodes))), extras={"visavis": scene})]
    g.scene = 0
    g.buffers = [gl.Buffer(byteLength=len(w.blob))]
    g.set_binary_blob(bytes(w.blob))
    return b"".join(g.save_to_bytes())


class _Reader:
    def __init__(self, data: bytes) -> None:
        if len(data) < 20 or data[:4] != b"glTF":
            raise ReplicaError("rig.glb: not a binary glTF file")
        if struct.unpack("<I", data[8:12])[0] != len(data):
            raise ReplicaError("rig.glb: truncated")
        try:
            gltf = gl.GLTF2.load_from_bytes(data)
        except Exception as e:  # pygltflib lets json, struct and key errors through
            raise ReplicaError(f"rig.glb: unreadable ({e})") from e
        if gltf is None:
            raise ReplicaError("rig.glb: unreadable")
        self.gltf = gltf
        self.blob = gltf.binary_blob() or b""

    def _raw(self, view: int, offset: int, dtype: np.dtype[Any], n: int) -> NDArray[Any]:
        v = self.gltf.bufferViews[view]
        start = (v.byteOffset or 0) + offset
        end = start + n * dtype.itemsize
        if end > len(self.blob) or end > (v.byteOffset or 0) + v.byteLength:
            raise ReplicaError("rig.glb: data runs past the end of the file")
        return np.frombuffer(self.blob, dtype, n, start)

    def array(self, index: int) -> NDArray[Any]:
        a = self.gltf.accessors[index]
        dtype, width = _DTYPES[a.componentType], _WIDTHS[a.type]
        if a.count > 2_000_000:
            raise ReplicaError("rig.glb: an accessor is too large")
        if a.bufferView is None:
            out: NDArray[Any] = np.zeros((a.count, width), dtype)
        else:
            out = self._raw(a.bufferView, a.byteOffset or 0, dtype, a.count * width)
            out = out.reshape(a.count, width).copy()
        if a.sparse is not None:
            s = a.sparse
            where = self._raw(
                s.indices.bufferView,
                s.indices.byteOffset or 0,
                _DTYPES[s.indices.componentType],
                s.count,
            )
            if s.count and int(where.max()) >= a.count:
                raise ReplicaError("rig.glb: a sparse index is out of range")
            values = self._raw(
                s.values.bufferView, s.values.byteOffset or 0, dtype, s.count * width
            )
            out[where] = values.reshape(s.count, width)
        return out[:, 0] if width == 1 else out


def _texture_uri(g: gl.GLTF2, material: gl.Material) -> str:
    texture = g.textures[material.pbrMetallicRoughness.baseColorTexture.index]
    source = texture.source
    if source is None:
        source = texture.extensions["EXT_texture_webp"]["source"]
    return str(g.images[source].uri)


def read_glb(data: bytes) -> Rig:
    """The rig in the bytes of a GLB file.

    Raises:
        ReplicaError: The file is damaged, or no portrait rig.
    """
    r = _Reader(data)
    g = r.gltf
    try:
        scene = g.scenes[g.scene or 0].extras["visavis"]
        layers: dict[str, Layer] = {}
        cache: dict[int, Any] = {}

        def get(index: int) -> Any:
            if index not in cache:
                cache[index] = r.array(index)
            return cache[index]

        for node in g.nodes:
            mesh = g.meshes[node.mesh]
            primitive = mesh.primitives[0]
            names = (mesh.extras or {}).get("targetNames", [])
            targets = primitive.targets or []
            if len(names) != len(targets):
                raise ReplicaError(f"rig.glb: node {node.name} has unnamed morph targets")
            attributes = {
                k[1:].lower(): get(v).astype(np.float32)
                for k, v in vars(primitive.attributes).items()
                if k.startswith("_") and isinstance(v, int)
            }
            positions = get(primitive.attributes.POSITION)
            triangles = get(primitive.indices).astype(np.int32).reshape(-1, 3)
            if triangles.size and int(triangles.max()) >= len(positions):
                raise ReplicaError(f"rig.glb: node {node.name} has triangles without vertices")
            own = node.extras["visavis"]
            fields = [t if isinstance(t, dict) else vars(t) for t in targets]
            layers[node.name] = Layer(
                name=node.name,
                positions=positions,
                uv=get(primitive.attributes.TEXCOORD_0),
                triangles=triangles,
                texture=_texture_uri(g, g.materials[primitive.material]),
                morphs={n: get(t["POSITION"]) for n, t in zip(names, fields, strict=True)},
                shades={
                    n: get(t[SHADE])
                    for n, t in zip(names, fields, strict=True)
                    if t.get(SHADE) is not None
                },
                attributes=attributes,
                blend=str(own.get("blend", "over")),
                opacity_from=str(own.get("opacity_from", "")),
            )
        camera = scene["camera"]
        rows: dict[str, Ints] = {k: np.array(v, np.int32) for k, v in scene["rows"].items()}
        rig = Rig(
            layers=layers,
            camera=Camera(
                int(camera["width"]),
                int(camera["height"]),
                (float(camera["origin"][0]), float(camera["origin"][1])),
                float(camera["scale"]),
            ),
            pivot=(
                float(scene["pivot"][0]),
                float(scene["pivot"][1]),
                float(scene["pivot"][2]),
            ),
            rows=rows,
            coarse=r.array(scene["coarse"]).astype(np.int32).reshape(-1, 3),
            eye_radius=float(scene["eye_radius"]),
        )
    except ReplicaError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as e:
        raise ReplicaError(f"rig.glb: not a portrait rig ({type(e).__name__}: {e})") from e
    missing = [n for n in ("background", "body", "face") if n not in rig.layers]
    if missing:
        raise ReplicaError(f"rig.glb: layers missing: {', '.join(missing)}")
    return rig
