"""Reading any binary glTF 2.0 file, trusting nothing in it.

Only what faces need: accessors (sparse, normalised, interleaved), node transforms, images inside
the file. Every index, offset and size is checked before memory is touched.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from visavis.replicas.errors import ReplicaError

#: Most elements of one accessor, and bytes of a file.
MAX_COUNT = 4_000_000
MAX_BYTES = 256 * 1024 * 1024
#: Most nodes, and how deeply they may be nested.
MAX_NODES, MAX_DEPTH = 20_000, 512

_JSON, _BIN = 0x4E4F534A, 0x004E4942
_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT3": 9, "MAT4": 16}


class Glb:
    """A parsed GLB file.

    Args:
        data: The file's bytes.
        name: What to call it in messages.

    Raises:
        ReplicaError: It is not a usable GLB file. All methods raise the same.
    """

    def __init__(self, data: bytes, name: str = "rig.glb") -> None:
        self.name = name
        if len(data) < 20 or data[:4] != b"glTF":
            raise self.error("not a binary glTF file (GLB)")
        version, length = struct.unpack_from("<II", data, 4)
        if version != 2:
            raise self.error(f"glTF version {version}; only version 2 is read")
        if length != len(data) or len(data) > MAX_BYTES:
            raise self.error("truncated" if length > len(data) else "of a wrong length")
        chunks: dict[int, bytes] = {}
        at = 12
        while at + 8 <= len(data):
            size, kind = struct.unpack_from("<II", data, at)
            if at + 8 + size > len(data):
                raise self.error("truncated")
            chunks.setdefault(kind, data[at + 8 : at + 8 + size])
            at += 8 + size
        try:
            tree = json.loads(chunks.get(_JSON, b""))
        except (ValueError, RecursionError) as e:
            raise self.error(f"its description is not JSON ({e})") from e
        if not isinstance(tree, dict):
            raise self.error("its description is not an object")
        self.tree: dict[str, Any] = tree
        self.blob = chunks.get(_BIN, b"")
        needed = set(self.list("extensionsRequired"))
        packed = needed & {"KHR_draco_mesh_compression", "EXT_meshopt_compression"}
        if packed:
            raise self.error(f"compressed with {sorted(packed)[0]}; export it uncompressed")

    def error(self, what: str) -> ReplicaError:
        """A :class:`ReplicaError` that names this file."""
        return ReplicaError(f"{self.name}: {what}")

    def list(self, name: str) -> list[Any]:
        """A top-level array; empty if it is not there."""
        found = self.tree.get(name, [])
        if not isinstance(found, list):
            raise self.error(f"{name} is not a list")
        return found

    def item(self, name: str, index: object) -> dict[str, Any]:
        """An element of a top-level array of objects."""
        found = self.list(name)
        if not isinstance(index, int) or not 0 <= index < len(found):
            raise self.error(f"{name} has no element {index!r}")
        if not isinstance(found[index], dict):
            raise self.error(f"{name} {index} is not an object")
        return cast("dict[str, Any]", found[index])

    def _number(self, of: dict[str, Any], key: str, default: int | None = None) -> int:
        value = of.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.error(f"{key} is {value!r}")
        return value

    def view(self, index: object) -> tuple[int, int, int]:
        """Start, length and stride (0 if packed) of a buffer view in :attr:`blob`."""
        view = self.item("bufferViews", index)
        if self._number(view, "buffer") != 0 or "uri" in self.item("buffers", 0):
            raise self.error("data lies outside the file; export it with everything embedded")
        start, size = self._number(view, "byteOffset", 0), self._number(view, "byteLength")
        if start + size > len(self.blob):
            raise self.error("data runs past the end of the file")
        return start, size, self._number(view, "byteStride", 0)

    def _values(
        self, view: object, offset: int, kind: object, count: int, width: int
    ) -> NDArray[Any]:
        if not isinstance(kind, int) or kind not in _DTYPES:
            raise self.error(f"component type {kind!r}")
        dtype = np.dtype(_DTYPES[kind])
        start, size, stride = self.view(view)
        row = dtype.itemsize * width
        stride = stride or row
        if stride < row or (count and offset + (count - 1) * stride + row > size):
            raise self.error("data runs past the end of its view")
        raw = np.frombuffer(self.blob, np.uint8, size - offset, start + offset)
        rows = np.lib.stride_tricks.as_strided(raw, (count, row), (stride, 1), writeable=False)
        return np.ascontiguousarray(rows).view(dtype).reshape(count, width)

    def array(self, index: object, kind: str = "") -> NDArray[Any]:
        """An accessor as ``(count, width)``; normalised integers come as float32.

        Args:
            index: Of the accessor.
            kind: The type it must have, such as ``VEC3``.
        """
        a = self.item("accessors", index)
        count, of = self._number(a, "count"), a.get("type")
        if of not in _WIDTHS or (kind and of != kind):
            raise self.error(f"accessor {index} is {of!r}, not {kind or 'a known type'}")
        if count > MAX_COUNT:
            raise self.error("an accessor is too large")
        width, component = _WIDTHS[of], a.get("componentType")
        if "bufferView" in a:
            offset = self._number(a, "byteOffset", 0)
            out = self._values(a["bufferView"], offset, component, count, width)
        elif component in _DTYPES:
            out = np.zeros((count, width), np.dtype(_DTYPES[component]))
        else:
            raise self.error(f"component type {component!r}")
        if a.get("sparse") is not None:
            out = self._sparse(a["sparse"], out.copy(), component)
        if out.dtype.kind == "f":
            if not np.isfinite(out).all():
                raise self.error(f"accessor {index} holds values that are not finite")
        elif a.get("normalized") is True:
            out = np.maximum(out.astype(np.float32) / np.iinfo(out.dtype).max, -1)
        return out

    def _sparse(self, sparse: Any, out: NDArray[Any], component: object) -> NDArray[Any]:
        if not isinstance(sparse, dict):
            raise self.error("a sparse accessor is damaged")
        count = self._number(sparse, "count")
        where, values = sparse.get("indices"), sparse.get("values")
        if not isinstance(where, dict) or not isinstance(values, dict) or count > len(out):
            raise self.error("a sparse accessor is damaged")
        offset = self._number(where, "byteOffset", 0)
        rows = self._values(where.get("bufferView"), offset, where.get("componentType"), count, 1)
        if rows.dtype.kind != "u" or (count and int(rows.max()) >= len(out)):
            raise self.error("a sparse index is out of range")
        offset = self._number(values, "byteOffset", 0)
        out[rows[:, 0]] = self._values(
            values.get("bufferView"), offset, component, count, out.shape[1]
        )
        return out

    def image(self, index: object) -> bytes:
        """The encoded bytes of an image, which must lie in the file."""
        image = self.item("images", index)
        if "bufferView" not in image:
            raise self.error("a texture lies outside the file; export it with everything embedded")
        start, size, _ = self.view(image["bufferView"])
        return self.blob[start : start + size]

    def local_matrix(self, node: dict[str, Any]) -> NDArray[np.float64]:
        """The ``(4, 4)`` transform of a node in its parent."""
        try:
            if "matrix" in node:
                m = np.array(node["matrix"], np.float64).reshape(4, 4).T
            else:
                t = np.array(node.get("translation", (0, 0, 0)), np.float64).reshape(3)
                s = np.array(node.get("scale", (1, 1, 1)), np.float64).reshape(3)
                q = np.array(node.get("rotation", (0, 0, 0, 1)), np.float64).reshape(4)
                m = np.eye(4)
                m[:3, :3] = quaternion_matrix(q[None, [3, 0, 1, 2]])[0] * s
                m[:3, 3] = t
        except (TypeError, ValueError) as e:
            raise self.error(f"a node's transform is damaged ({e})") from e
        if not np.isfinite(m).all() or np.abs(m).max() > 1e9:
            raise self.error("a node's transform is not finite")
        return m

    def world_matrices(self) -> tuple[NDArray[np.float64], Sequence[int]]:
        """Transform of every node in the scene ``(n, 4, 4)``, and every node's parent (-1: none).

        Nodes that are their own ancestors are refused.
        """
        nodes = self.list("nodes")
        if len(nodes) > MAX_NODES:
            raise self.error(f"more than {MAX_NODES} nodes")
        parent = [-1] * len(nodes)
        for i in range(len(nodes)):
            for child in self.item("nodes", i).get("children", []):
                self.item("nodes", child)
                if parent[child] != -1:
                    raise self.error("a node has two parents")
                parent[child] = i
        world = np.zeros((len(nodes), 4, 4))
        done = [False] * len(nodes)
        for start in range(len(nodes)):
            chain = [start]
            while parent[chain[-1]] != -1 and not done[chain[-1]]:
                chain.append(parent[chain[-1]])
                if len(chain) > MAX_DEPTH:
                    raise self.error("nodes are nested too deeply or in a circle")
            for i in reversed(chain):
                if not done[i]:
                    own = self.local_matrix(self.item("nodes", i))
                    world[i] = own if parent[i] == -1 else world[parent[i]] @ own
                    done[i] = True
        return world, parent


def quaternion_matrix(wxyz: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rotation matrices ``(n, 3, 3)`` of quaternions ``(n, 4)``, w first, of any length."""
    q = np.asarray(wxyz, np.float64)
    length = np.linalg.norm(q, axis=1, keepdims=True)
    q = np.where(length > 1e-12, q / np.maximum(length, 1e-12), (1.0, 0.0, 0.0, 0.0))
    w, x, y, z = q.T
    return np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], -1),
            np.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], -1),
            np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], -1),
        ],
        -2,
    )
