"""Models made for tests: a face mask with the 52 ARKit shapes as GLB and as Gaussians."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from importlib import resources
from typing import Any

import cv2
import numpy as np

FLOAT, U8, U16 = 5126, 5121, 5123


def basis() -> dict[str, np.ndarray]:
    """Rest positions ``(468, 3)``, displacements, triangles and names of our own ARKit basis."""
    source = resources.files("visavis.replicas") / "data" / "arkit_basis.npz"
    with resources.as_file(source) as path, np.load(path) as z:
        return {k: z[k] for k in z.files}


class GlbWriter:
    """A small GLB writer, independent of the one under test."""

    def __init__(self) -> None:
        self.tree: dict[str, Any] = {"asset": {"version": "2.0"}, "bufferViews": [],
                                     "accessors": [], "meshes": [], "nodes": []}  # fmt: skip
        self.blob = bytearray()

    def view(self, data: bytes, **more: int) -> int:
        self.blob += b"\0" * (-len(self.blob) % 4)
        view = {"buffer": 0, "byteOffset": len(self.blob), "byteLength": len(data), **more}
        self.tree["bufferViews"].append(view)
        self.blob += data
        return len(self.tree["bufferViews"]) - 1

    def accessor(self, values: np.ndarray, kind: str, component: int = FLOAT) -> int:
        dtype = {FLOAT: "<f4", U8: "u1", U16: "<u2"}[component]
        made = {"bufferView": self.view(np.ascontiguousarray(values, dtype).tobytes()),
                "componentType": component, "count": len(values), "type": kind}  # fmt: skip
        self.tree["accessors"].append(made)
        return len(self.tree["accessors"]) - 1

    def finish(self) -> bytes:
        self.tree["buffers"] = [{"byteLength": len(self.blob)}]
        text = json.dumps(self.tree).encode()
        text += b" " * (-len(text) % 4)
        data = bytes(self.blob) + b"\0" * (-len(self.blob) % 4)
        head = struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(data))
        parts = [head, struct.pack("<I4s", len(text), b"JSON"), text]
        return b"".join([*parts, struct.pack("<I4s", len(data), b"BIN\0"), data])


def face_glb(
    *,
    names: list[str] | None = None,
    texture: bool = False,
    skin: bool = False,
    eyeballs: bool = False,
    scale: float = 0.09,
) -> bytes:
    """The mask as a GLB: one mesh, morph targets named ``names`` (default: the 52 of ARKit).

    Args:
        names: Names of the morph targets.
        texture: Embed a picture: red on the model's left, blue on its right.
        skin: Hang it on a hip and a head joint; otherwise a node scales and lifts it.
        eyeballs: With ``skin``: two green balls with a blue front, each on a joint of its own.
        scale: Metres per unit of the basis.
    """
    b = basis()
    w = GlbWriter()
    rest = b["rest"].astype(float) * (scale if skin else 1.0)
    deltas = b["deltas"].astype(float) * (scale if skin else 1.0)
    if skin:
        rest = rest + np.array([0, 1.68, 0.1])  # before and above the head joint
    attributes = {"POSITION": w.accessor(rest, "VEC3")}
    primitive: dict[str, Any] = {
        "attributes": attributes,
        "indices": w.accessor(b["triangles"].reshape(-1), "SCALAR", U16),
        "targets": [{"POSITION": w.accessor(d, "VEC3")} for d in deltas],
        "material": 0,
    }
    pbr: dict[str, Any] = {"baseColorFactor": [0.8, 0.6, 0.5, 1.0]}
    w.tree["materials"] = [{"pbrMetallicRoughness": pbr, "doubleSided": True}]
    if texture:
        low, high = rest.min(0), rest.max(0)
        uv = ((rest - low) / (high - low))[:, :2] * (1, -1) + (0, 1)
        attributes["TEXCOORD_0"] = w.accessor(uv, "VEC2")
        picture = np.zeros((8, 8, 3), np.uint8)
        picture[:, :4], picture[:, 4:] = (255, 0, 0), (0, 0, 255)  # BGR: left half blue
        png = cv2.imencode(".png", picture)[1].tobytes()
        w.tree["images"] = [{"bufferView": w.view(png), "mimeType": "image/png"}]
        w.tree["textures"] = [{"source": 0}]
        pbr["baseColorTexture"] = {"index": 0}
        pbr["baseColorFactor"] = [1, 1, 1, 1]
    used = [str(n) for n in b["names"]] if names is None else names
    w.tree["meshes"] = [{"primitives": [primitive], "extras": {"targetNames": used}}]
    if skin:
        n = len(rest)
        attributes["JOINTS_0"] = w.accessor(np.tile([1, 0, 0, 0], (n, 1)), "VEC4", U8)
        attributes["WEIGHTS_0"] = w.accessor(np.tile([1.0, 0, 0, 0], (n, 1)), "VEC4")
        w.tree["nodes"] = [
            {"name": "Hips", "translation": [0, 1.0, 0], "children": [1]},
            {"name": "Head", "translation": [0, 0.6, 0]},
            {"mesh": 0, "skin": 0},
        ]
        places = [np.array([0, 1.0, 0]), np.array([0, 1.6, 0])]
        if eyeballs:
            blink = [np.abs(deltas[used.index(f"eyeBlink{s}")]).sum(1) for s in ("Left", "Right")]
            places += [(rest * b[:, None]).sum(0) / b.sum() - (0, 0, 0.012) for b in blink]
            _add_eyeballs(w, places)
        inverse = np.tile(np.eye(4), (len(places), 1, 1))
        inverse[:, 3, :3] = -np.array(places)  # columns first: bound where the joints are
        matrices = w.accessor(inverse.reshape(-1, 16), "MAT4")
        joints = [0, 1, 3, 4][: len(places)]
        w.tree["skins"] = [{"joints": joints, "inverseBindMatrices": matrices}]
    else:
        w.tree["nodes"] = [
            {"children": [1], "translation": [0, 1.6, 0], "scale": [scale] * 3},
            {"mesh": 0},
        ]
    return w.finish()


def _add_eyeballs(w: GlbWriter, places: list[np.ndarray]) -> None:
    """Eyeballs at the places after the second, as one mesh, on joints under the head."""
    ring, rows = np.meshgrid(np.linspace(0, 2 * np.pi, 17), np.linspace(0, np.pi, 9))
    ball = np.stack([np.sin(rows) * np.cos(ring), np.sin(rows) * np.sin(ring), np.cos(rows)], -1)
    ball = ball.reshape(-1, 3)
    quads = [(i * 17 + j, i * 17 + j + 1, i * 17 + j + 18, i * 17 + j + 17)
             for i in range(8) for j in range(16)]  # fmt: skip
    tri = np.array([t for a, b, c, d in quads for t in ((a, d, b), (b, d, c))])
    n = len(ball)
    points = np.concatenate([ball * 0.014 + p for p in places[2:]])
    colours = np.where((ball[:, 2] > 0.85)[:, None], (0, 0, 1.0), (0, 1.0, 0))
    joint = np.repeat([2, 3], n)
    primitive = {
        "attributes": {
            "POSITION": w.accessor(points, "VEC3"),
            "COLOR_0": w.accessor(np.tile(colours, (2, 1)), "VEC3"),
            "JOINTS_0": w.accessor(np.c_[joint, np.zeros((2 * n, 3))], "VEC4", U8),
            "WEIGHTS_0": w.accessor(np.tile([1.0, 0, 0, 0], (2 * n, 1)), "VEC4"),
        },
        "indices": w.accessor(np.concatenate([tri, tri + n]).reshape(-1), "SCALAR", U16),
    }
    w.tree["meshes"].append({"primitives": [primitive]})
    head = places[1]
    w.tree["nodes"] += [
        {"name": "LeftEye", "translation": (places[2] - head).tolist()},
        {"name": "RightEye", "translation": (places[3] - head).tolist()},
        {"mesh": 1, "skin": 0},
    ]
    w.tree["nodes"][1]["children"] = [3, 4]


def offsets_ply(n: int, *, seed: int = 0, **columns: np.ndarray) -> bytes:
    """``n`` small Gaussians at their vertices as LAM writes them; ``columns`` replaces some."""
    names = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity",
             "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]  # fmt: skip
    table = dict.fromkeys(names, np.zeros(n))
    rng = np.random.default_rng(seed)
    table |= {"rot_0": np.ones(n), "opacity": np.full(n, 3.0)}
    table |= {f"scale_{i}": np.log(rng.uniform(0.002, 0.004, n)) for i in range(3)}
    table |= {"f_dc_0": np.full(n, 0.8), "f_dc_1": np.full(n, 0.5), "f_dc_2": np.full(n, 0.4)}
    table |= columns
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {n}"]
    header += [f"property float {c}" for c in table] + ["end_header", ""]
    return "\n".join(header).encode() + np.stack(list(table.values()), 1).astype("<f4").tobytes()


def lam_zip(files: dict[str, bytes] | None = None) -> bytes:
    """A zip as LAM exports it, of the mask; or of ``files``."""
    if files is None:
        files = {
            "avatar/skin.glb": face_glb(skin=True),
            "avatar/offset.ply": offsets_ply(468),
            "avatar/animation.glb": b"not read",
        }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in files.items():
            z.writestr(name, data)
    return buffer.getvalue()
