"""Draw a portrait replica on one CPU core.

The picture is a warp of the portrait. Where the warp is smooth it is computed at a sixteenth of
the pixels and interpolated (the cost follows the area that moves); the mouth and the eyes, where
it is not, are drawn triangle by triangle with supersampling and laid over the rest.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from visavis.animation.face_state import ARKIT_INDEX, FaceState
from visavis.rendering import kernels as k
from visavis.rendering.morphs import pack_morphs
from visavis.rendering.stage import GAZE_REACH, gaze, rotation
from visavis.replicas.bundle import Replica
from visavis.replicas.rig import Layer, Rig

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

#: Largest turn of the head that one picture bears, radians; larger ones are held there.
MAX_TURN = np.radians(14).astype(np.float32)
#: A gap between the lips below this (rig units) is closed: lips are soft and stick.
LIP_PLAY = 0.006
#: The same for lids that close.
LID_PLAY = 0.02


class _Part:
    """One layer ready to draw into a patch."""

    def __init__(self, layer: Layer, texture: Image) -> None:
        self.rest = np.ascontiguousarray(layer.positions, np.float32)
        self.v = self.rest.copy()
        self.p = np.zeros_like(self.rest)
        size = np.array([texture.shape[1], texture.shape[0]], np.float32)
        self.uv = np.ascontiguousarray(layer.uv * size - 0.5, np.float32)
        self.tri = np.ascontiguousarray(layer.triangles, np.uint32)
        self.follow = np.ascontiguousarray(layer.attributes["follow"], np.float32)
        self.value = np.ones(len(self.rest), np.float32)
        self.texture = k.pack(texture)
        self.light = np.ones(len(self.rest), np.float32)
        self.morphs = pack_morphs(layer.morphs)
        self.shades = pack_morphs(layer.shades, ())
        self.mode = 2 if layer.blend == "add" else 1
        self.opacity_from = ARKIT_INDEX.get(layer.opacity_from, -1)


class _Edges:
    """The two edges of an opening in the face and the skin that moves when they meet."""

    def __init__(self, rig: Rig, upper: str, lower: str, spread: float) -> None:
        face = rig.layers["face"]
        self.upper = np.ascontiguousarray(rig.rows[upper])
        self.lower = np.ascontiguousarray(rig.rows[lower])
        vertices = np.unique(face.triangles)
        xy = face.positions[:, :2]
        far_u, col_u = cKDTree(xy[self.upper]).query(xy[vertices])
        far_l, col_l = cKDTree(xy[self.lower]).query(xy[vertices])
        side = self._side(face, vertices)
        far = np.where(side > 0, far_u, far_l)
        column = np.where(side > 0, col_u, col_l)
        weight = np.clip(1 - far / spread, 0, 1)
        weight = weight * weight * (3 - 2 * weight) * side
        use = weight != 0
        self.near = vertices[use].astype(np.int32)
        self.column = column[use].astype(np.int32)
        self.weight = weight[use].astype(np.float32)
        self.strip = self._strip()

    def _side(self, face: Layer, vertices: NDArray[np.integer]) -> NDArray[np.float64]:
        """1 for vertices joined to the upper edge, -1 to the lower, 0 for the corners.

        Closed lips coincide, so nearness cannot tell: walk the mesh from each edge instead.
        """
        n = len(face.positions)
        label = np.zeros(n)
        label[self.upper[1:-1]] = 1
        label[self.lower[1:-1]] = -1
        fixed = label != 0
        fixed[self.upper[[0, -1]]] = True
        edges = np.concatenate([face.triangles[:, [0, 1]], face.triangles[:, [1, 2]],
                                face.triangles[:, [2, 0]]])  # fmt: skip
        known = fixed.copy()
        for _ in range(14):
            total = np.zeros(n)
            count = np.zeros(n)
            for a, b in ((0, 1), (1, 0)):
                src, dst = edges[:, a], edges[:, b]
                use = known[src]
                np.add.at(total, dst[use], label[src[use]])
                np.add.at(count, dst[use], 1)
            new = (count > 0) & ~known
            label[new] = np.sign(total[new])
            known |= new
        return np.asarray(label[vertices])

    def _strip(self) -> NDArray[np.uint32]:
        """Triangles that fill the opening."""
        a, b = self.upper, self.lower
        quads = [
            t
            for i in range(len(a) - 1)
            for t in ((a[i], b[i], a[i + 1]), (a[i + 1], b[i], b[i + 1]))
            if len(set(t)) == 3
        ]
        return np.array(quads, np.uint32)

    def settle(self, v: Floats, play: float, share: float) -> float:
        return float(
            k.close_contacts(
                v, self.upper, self.lower, play, share, self.near, self.column, self.weight
            )
        )


class _Patch:
    """A region of the face drawn finely around an opening."""

    def __init__(
        self,
        rig: Rig,
        edges: _Edges,
        core: float,
        margin: float,
        parts: list[_Part],
        cover: list[_Part],
        ss: int,
    ) -> None:
        face = rig.layers["face"]
        xy = face.positions[:, :2]
        ring = np.r_[edges.upper, edges.lower]
        far, _ = cKDTree(xy[ring]).query(xy)
        weight = np.clip(1 - (far - core) / margin, 0, 1)
        self.value = (weight * weight * (3 - 2 * weight)).astype(np.float32)
        tri = face.triangles[(self.value[face.triangles] > 0).any(1)]
        # upper skin last: the upper lid lies over the lower one, the upper lip over the lower
        side = np.zeros(len(xy))
        side[edges.near] = edges.weight
        order = np.argsort(side[tri].mean(1), kind="stable")
        self.tri = np.ascontiguousarray(tri[order], np.uint32)
        self.vertices = np.unique(tri)
        self.edges = edges
        self.parts = parts
        self.cover = cover
        # how far the covers reach above the skin drawn here
        top = float(xy[self.vertices, 1].max())
        self.above = max([0.0, *(float(c.rest[:, 1].max()) - top + 0.02 for c in cover)])
        self.ss = ss
        self.ones = np.ones(len(xy), np.float32)
        self.buffer = np.zeros((8, 8, 4), np.uint8)
        self.points = np.zeros((len(xy), 3), np.float32)


class PortraitPainter:
    """A :class:`visavis.rendering.contract.FacePainter` for portrait replicas.

    Args:
        replica: A bundle with a portrait rig.
        size: Width and height of the pictures, at least 64 x 64.
    """

    def __init__(self, replica: Replica, size: tuple[int, int] = (1280, 720)) -> None:
        width, height = size
        if width < 64 or height < 64:
            raise ValueError(f"size must be at least 64 x 64, got {width} x {height}")
        self._size = (width, height)
        rig = replica.rig()
        camera = rig.camera
        # cover the frame, keep the eyes where the capture has them
        zoom = max(width / camera.width, height / camera.height)
        self._zoom = zoom
        self._scale = camera.scale * zoom
        left = (camera.width * zoom - width) / 2
        top = (camera.height * zoom - height) * 0.4
        self._origin = (
            (camera.origin[0] + 0.5) * zoom - 0.5 - left,
            (camera.origin[1] + 0.5) * zoom - 0.5 - top,
        )
        self._pivot = np.array(rig.pivot, np.float32)
        self._eye_radius = rig.eye_radius

        face, body = rig.layers["face"], rig.layers["body"]
        if len(face.positions) != len(body.positions):
            raise ValueError("the rig's face and body do not share their vertices")
        texture = replica.texture(face.texture)
        if texture.shape[2] != 4:
            raise ValueError("the person's texture has no alpha")
        texture = self._shrink(texture, zoom)
        self._skin = _Part(face, texture)
        self._coverage = self._summarise(texture)
        backdrop = replica.texture(rig.layers["background"].texture)[..., :3]
        self._backdrop = self._place(backdrop, left, top)

        ss = 2 if height > 400 else 3
        self._mouth_edges = _Edges(rig, "lip_upper", "lip_lower", 0.17)
        self._lid_edges = {
            s: _Edges(rig, f"eye_{s}_upper", f"eye_{s}_lower", 0.05) for s in ("right", "left")
        }
        parts = {
            n: _Part(layer, replica.texture(layer.texture))
            for n, layer in rig.layers.items()
            if n not in ("background", "face", "body")
        }

        def some(*names: str) -> list[_Part]:
            return [parts[n] for n in names if n in parts]

        self._irises = {s: parts.get(f"eye_{s}_iris") for s in ("right", "left")}
        self._glints = {s: parts.get(f"eye_{s}_glint") for s in ("right", "left")}
        self._mouth = _Patch(
            rig, self._mouth_edges, 0.06, 0.08,
            some("mouth_cavity", "tongue", "teeth_lower", "teeth_upper"), [], ss,
        )  # fmt: skip
        self._eyes = {
            s: _Patch(
                rig, self._lid_edges[s], 0.04, 0.06,
                some(f"eye_{s}_white", f"eye_{s}_iris", f"eye_{s}_glint"),
                some(f"lid_{s}"), ss,
            )
            for s in ("right", "left")
        }  # fmt: skip
        self._coarse = self._coarse_triangles(rig)

        cols, rows = -(-width // k.CELL), -(-height // k.CELL)
        grid_x, grid_y = np.meshgrid(np.arange(cols + 1), np.arange(rows + 1))
        step = self._texture_scale / zoom
        still_u = ((grid_x * k.CELL + left + 0.5) * step - 0.5) * k.STEPS
        still_v = ((grid_y * k.CELL + top + 0.5) * step - 0.5) * k.STEPS
        still_l = np.full(still_u.shape, k.LIT, np.int32)
        self._still = (still_u.round().astype(np.int32), still_v.round().astype(np.int32), still_l)
        self._nodes = [a.copy() for a in self._still]
        self._last = [np.full_like(a, -(1 << 30)) for a in self._still]
        self._depth = np.zeros(still_u.shape, np.float32)
        self._stale = np.ones((rows, cols), np.uint8)
        self._frame = np.zeros((height, width, 3), np.uint8)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures in pixels."""
        return self._size

    # --- preparation -------------------------------------------------------------------------

    def _shrink(self, texture: Image, zoom: float) -> Image:
        """The texture at no more than 1.5 times the resolution it is drawn at."""
        self._texture_scale = min(1.0, 1.5 * zoom)
        if self._texture_scale == 1.0:
            return texture
        h, w = texture.shape[:2]
        size = (round(w * self._texture_scale), round(h * self._texture_scale))
        self._texture_scale = size[0] / w
        return np.asarray(cv2.resize(texture, size, interpolation=cv2.INTER_AREA), np.uint8)

    @staticmethod
    def _summarise(texture: Image) -> NDArray[np.uint8]:
        """Per tile: is the person nowhere, everywhere, or partly in it and its neighbours?"""
        h, w = texture.shape[:2]
        rows, cols = -(-h // k.TILE), -(-w // k.TILE)
        alpha = np.pad(
            texture[..., 3], ((0, rows * k.TILE - h), (0, cols * k.TILE - w)), mode="edge"
        ).reshape(rows, k.TILE, cols, k.TILE)
        low = alpha.min((1, 3)).astype(np.uint8)
        high = alpha.max((1, 3)).astype(np.uint8)
        box = np.ones((3, 3), np.uint8)
        low, high = cv2.erode(low, box), cv2.dilate(high, box)
        out = np.full((rows, cols), k.MIXED, np.uint8)
        out[high <= 1] = k.CLEAR
        out[low >= 254] = k.SOLID
        return out

    def _place(self, backdrop: Image, left: float, top: float) -> Image:
        """The backdrop as it stands in the frame."""
        width, height = self._size
        z = self._zoom
        smaller = cv2.resize(
            backdrop,
            (round(backdrop.shape[1] * z), round(backdrop.shape[0] * z)),
            interpolation=cv2.INTER_AREA if z < 1 else cv2.INTER_CUBIC,
        )
        x, y = round(left), round(top)
        out = smaller[y : y + height, x : x + width]
        pad = ((0, height - out.shape[0]), (0, width - out.shape[1]), (0, 0))
        return np.ascontiguousarray(np.pad(out, pad, mode="edge"))

    def _coarse_triangles(self, rig: Rig) -> NDArray[np.uint32]:
        """The rig's coarse mesh with its openings filled."""
        strips = [e.strip for e in (self._mouth_edges, *self._lid_edges.values())]
        return np.ascontiguousarray(np.concatenate([*strips, rig.coarse]), np.uint32)

    # --- one frame ---------------------------------------------------------------------------

    def _rotation(self, state: FaceState) -> Floats:
        return rotation(*np.clip(state.head[:3], -MAX_TURN, MAX_TURN).tolist())

    def _coefficients(self, state: FaceState, gaze_pitch: float) -> Floats:
        """Coefficients to draw: in range, and lids that go with the gaze."""
        a = np.clip(np.asarray(state.arkit, np.float32), 0, 1)
        if a.shape != (52,):
            raise ValueError(f"FaceState.arkit must have shape (52,), got {a.shape}")
        down = max(0.0, gaze_pitch) / GAZE_REACH
        up = max(0.0, -gaze_pitch) / GAZE_REACH
        for side in ("Left", "Right"):
            for name, amount in ((f"eyeLookDown{side}", down), (f"eyeLookUp{side}", up)):
                i = ARKIT_INDEX[name]
                a[i] = max(a[i], amount)
            # lids that already look down have less way to go
            blink, look = ARKIT_INDEX[f"eyeBlink{side}"], ARKIT_INDEX[f"eyeLookDown{side}"]
            a[look] *= 1 - a[blink]
            wide = ARKIT_INDEX[f"eyeWide{side}"]
            a[wide] *= 1 - a[blink]
            a[ARKIT_INDEX[f"eyeLookUp{side}"]] *= 1 - a[blink]
        return a

    def paint(self, state: FaceState) -> Image:
        """Draw the state: uint8 RGB ``(height, width, 3)``, valid until the next call."""
        pitch, yaw = gaze(state)
        arkit = self._coefficients(state, pitch)
        rotation = self._rotation(state)
        shift = np.ascontiguousarray(state.head[3:6], np.float32)
        self._pose_skin(arkit, rotation, shift)
        self._draw_smooth()
        for side, patch in self._eyes.items():
            self._turn_iris(side, pitch, yaw)
            closing = float(arkit[ARKIT_INDEX[f"eyeBlink{side.capitalize()}"]])
            self._draw_patch(
                patch, arkit, rotation, shift, shade=(5.0, 3.0, 0.45 * closing, 0.0, 0.0)
            )
        self._draw_patch(
            self._mouth, arkit, rotation, shift, shade=(0.026, 0.020, 0.38, 0.22, 0.010)
        )
        return self._frame

    def _pose_skin(self, arkit: Floats, rotation: Floats, shift: Floats) -> None:
        skin = self._skin
        np.copyto(skin.v, skin.rest)
        skin.morphs.add(skin.v, arkit)
        skin.shades.shade(skin.light, arkit)
        self._mouth_edges.settle(skin.v, LIP_PLAY, 0.35)
        for side, edges in self._lid_edges.items():
            closing = float(arkit[ARKIT_INDEX[f"eyeBlink{side.capitalize()}"]])
            edges.settle(skin.v, LID_PLAY * closing**4, 0.0)
        self._project(skin, rotation, shift)

    def _project(self, part: _Part, rotation: Floats, shift: Floats) -> None:
        k.project(
            part.v, part.follow, rotation, self._pivot, shift,
            self._scale, self._origin[0], self._origin[1], part.p,
        )  # fmt: skip

    def _draw_smooth(self) -> None:
        for nodes, still in zip(self._nodes, self._still, strict=True):
            np.copyto(nodes, still)
        skin = self._skin
        k.coarse_map(skin.p, skin.uv, skin.light, self._coarse, *self._nodes, self._depth)
        k.fill_cells(
            self._frame, self._backdrop, skin.texture, self._coverage,
            *self._nodes, *self._last, self._stale,
        )  # fmt: skip
        self._nodes, self._last = self._last, self._nodes

    def _turn_iris(self, side: str, pitch: float, yaw: float) -> None:
        iris = self._irises[side]
        if iris is None:
            return
        centre = iris.rest.mean(0)
        centre[2] = iris.rest[:, 2].max() - self._eye_radius
        cx, sx, cy, sy = np.cos(pitch), np.sin(pitch), np.cos(yaw), np.sin(yaw)
        rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
        ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        turn = (ry @ rx).astype(np.float32)
        iris.v[:] = (iris.rest - centre) @ turn.T + centre
        glint = self._glints[side]
        if glint is not None:
            # the lamp's image on the cornea's front moves about half as far as the iris
            glint.v[:] = glint.rest
            glint.v[:, :2] += 0.5 * (iris.v - iris.rest).mean(0)[:2]

    def _draw_patch(
        self,
        patch: _Patch,
        arkit: Floats,
        rotation: Floats,
        shift: Floats,
        shade: tuple[float, float, float, float, float],
    ) -> None:
        ss = patch.ss
        skin = self._skin
        around = skin.p[patch.vertices, :2]
        width, height = self._size
        x0, y0 = np.floor(around.min(0)).astype(int) - 1
        y0 -= int(patch.above * self._scale)
        x1, y1 = np.ceil(around.max(0)).astype(int) + 2
        x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
        if x1 - x0 < 4 or y1 - y0 < 4:
            return
        shape = ((y1 - y0) * ss, (x1 - x0) * ss, 4)
        if patch.buffer.shape[0] < shape[0] or patch.buffer.shape[1] < shape[1]:
            patch.buffer = np.zeros((shape[0] + 16, shape[1] + 16, 4), np.uint8)
        canvas = patch.buffer[: shape[0], : shape[1]]
        canvas[:] = 0
        base = np.array([x0 - 0.5 + 0.5 / ss, y0 - 0.5 + 0.5 / ss], np.float32)
        points = patch.points
        points[:, :2] = (skin.p[:, :2] - base) * ss

        upper = points[patch.edges.upper, :2]
        lower = points[patch.edges.lower, :2]
        if float((lower[:, 1] - upper[:, 1]).max()) > 0.4 * ss:
            self._draw_behind(patch, canvas, points, base, arkit, rotation, shift)
            xs = np.arange(shape[1], dtype=np.float32)
            top = np.interp(xs, upper[:, 0], upper[:, 1], 1e6, 1e6).astype(np.float32)
            bottom = np.interp(xs, lower[:, 0], lower[:, 1], -1e6, -1e6).astype(np.float32)
            unit = self._scale * ss
            is_mouth = patch is self._mouth
            size = unit if is_mouth else ss
            k.shade_opening(
                canvas, top, bottom, shade[0] * size, shade[1] * size,
                shade[2], shade[3], shade[4] * size,
            )  # fmt: skip
        k.draw_triangles(
            canvas, skin.texture, points, skin.uv, patch.value, skin.light, patch.tri, 0
        )
        for part in patch.cover:
            opacity = float(arkit[part.opacity_from]) if part.opacity_from >= 0 else 1.0
            if opacity <= 0.02:
                continue
            self._place_part(part, arkit, rotation, shift, base, ss)
            part.value[:] = opacity
            k.draw_triangles(
                canvas, part.texture, part.p, part.uv, part.value, part.light, part.tri, 3
            )
        k.merge_patch(self._frame, canvas, x0, y0, ss, self._stale)

    def _place_part(
        self, part: _Part, arkit: Floats, rotation: Floats, shift: Floats, base: Floats, ss: int
    ) -> None:
        """Move a layer to where this state has it, in pixels of the patch at ``base``."""
        if len(part.morphs.columns):
            np.copyto(part.v, part.rest)
            part.morphs.add(part.v, arkit)
        self._project(part, rotation, shift)
        part.p[:, :2] = (part.p[:, :2] - base) * ss

    def _draw_behind(
        self,
        patch: _Patch,
        canvas: Image,
        points: Floats,
        base: Floats,
        arkit: Floats,
        rotation: Floats,
        shift: Floats,
    ) -> None:
        """What shows through the opening: mark it, a little wider, then its layers in order."""
        ss = patch.ss
        edges = patch.edges
        wider = points.copy()
        wider[edges.upper, 1] -= 2.0 * ss
        wider[edges.lower, 1] += 2.0 * ss
        dark = np.zeros((2, 2), np.uint64)
        k.draw_triangles(
            canvas, dark, wider, np.zeros((len(points), 2), np.float32), patch.ones, patch.ones,
            edges.strip, 0,
        )  # fmt: skip
        for part in patch.parts:
            self._place_part(part, arkit, rotation, shift, base, ss)
            k.draw_triangles(
                canvas, part.texture, part.p, part.uv, part.value, part.light, part.tri, part.mode
            )
