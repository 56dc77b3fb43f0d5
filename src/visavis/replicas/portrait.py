"""Build a replica from one closed-mouth portrait."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.faces import mouth_width
from visavis.replicas import topology as topo
from visavis.replicas.bundle import RIG, Replica, ReplicaManifest
from visavis.replicas.control import ControlMesh, build_control_mesh
from visavis.replicas.expressions import expression_basis, face_triangles
from visavis.replicas.eyes import EYE_RADIUS, eye_layers, grid_layer, refine_iris
from visavis.replicas.gltf import write_glb
from visavis.replicas.lids import lid_layer
from visavis.replicas.mouth import JAW_MORPHS, mouth_layers
from visavis.replicas.plates import clean_backdrop, close_holes, cut_out
from visavis.replicas.rig import Camera, Floats, Layer, Rig
from visavis.replicas.shading import shading_basis

#: Expressions that widen the mouth.
WIDENING = frozenset(
    f"mouth{move}{side}" for move in ("Smile", "Stretch", "Dimple") for side in ("Left", "Right")
)

Image = NDArray[np.uint8]
Array = NDArray[np.float64]

#: A mouth open wider than this (gap over width) cannot be driven from one picture.
MAX_GAP = 0.06
#: A nose tip further than this from the middle of the face (in widths across the outer eye
#: corners; about 15 degrees) hides too much of one side.
MAX_TURN = 0.34


def lip_gap(points: NDArray[np.floating]) -> float:
    """Gap between the inner lips over the width of the mouth, from landmarks ``(478, 2 or 3)``."""
    width = np.linalg.norm(points[61, :2] - points[291, :2])
    return float(np.linalg.norm(points[13, :2] - points[14, :2]) / width)


def turn(points: NDArray[np.floating]) -> float:
    """How far the nose tip is off the middle of the face, over the width across the eyes."""
    across = np.linalg.norm(points[33, :2] - points[263, :2])
    return float((points[1, 0] - (points[234, 0] + points[454, 0]) / 2) / across)


def _widening_left(points: Array) -> float:
    """How much wider the mouth can still get, 0.5..1: less when the portrait smiles already.

    Mouths at rest are 0.93 of the distance of the eyes wide (median of closed ones among 500
    portraits), smiling ones 1.06.
    """
    spent = np.clip((mouth_width(points) - 0.95) / 0.2, 0, 1)
    return float(1 - 0.5 * spent)


def _follow(control: ControlMesh, positions: Array) -> Floats:
    """How much of the head's motion each vertex takes: all above the jaw, none at the shoulders."""
    chin = control.points[topo.CHIN]
    height = control.face_height
    t = (positions[:, 1] - (chin[1] - 0.10 * height)) / (0.62 * height)
    middle = (control.points[234, 0] + control.points[454, 0]) / 2
    half = (control.points[454, 0] - control.points[234, 0]) / 2
    # hair and ears at the side of the jaw go with the head; shoulders far out do not
    out = np.clip((np.abs(positions[:, 0] - middle) / half - 1.7) / 1.2, 0, 1)
    level = (positions[:, 1] - control.points[topo.NOSE_TIP, 1]) / height
    t = np.maximum(t, np.clip(level, 0, 1) * 2.0 * out)
    t = np.clip(t, 0, 1)
    return np.asarray(1 - t * t * (3 - 2 * t), np.float32)


def _light(image: Image, points: Array) -> Array:
    """RGB factor of the portrait's light on something white, from eye whites and skin."""
    samples = []
    for eye, iris in ((topo.RIGHT_EYE, topo.RIGHT_IRIS), (topo.LEFT_EYE, topo.LEFT_IRIS)):
        outline = points[list(eye["upper"] + eye["lower"][-2:0:-1]), :2]
        mask = np.zeros(image.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
        centre = points[iris[0], :2]
        radius = np.linalg.norm(points[list(iris[1:]), :2] - centre, axis=1).mean()
        yy, xx = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
        white = (mask > 0) & (np.hypot(xx - centre[0], yy - centre[1]) > 1.25 * radius)
        if white.sum() > 10:
            samples.append(np.percentile(image[white], 75, axis=0))
    skin = np.median(
        [image[round(points[i, 1]), round(points[i, 0])] for i in (50, 280, 205, 425, 151)], axis=0
    )
    sclera = np.mean(samples, axis=0) if samples else np.array([200.0, 195, 190])
    # Level from both; tint only half as strong as the sclera's, which is often pink or blue.
    level = float(np.clip(0.5 * sclera.mean() / 165 + 0.5 * skin.mean() / 150, 0.45, 1.15))
    tint = sclera / sclera.mean()
    return np.asarray(level * (0.5 + 0.5 * tint / np.array([1.02, 1.0, 0.98])))


def _iris(
    image: Image, points: Array, eye: dict[str, tuple[int, ...]], ids: tuple[int, ...]
) -> tuple[float, float, float]:
    """Centre and radius of an iris, pixels."""
    outline = points[list(eye["upper"] + eye["lower"][-2:0:-1]), :2]
    centre = points[ids[0], :2]
    radius = float(np.linalg.norm(points[list(ids[1:]), :2] - centre, axis=1).mean())
    centre, radius = refine_iris(image, outline, centre, radius)
    return float(centre[0]), float(centre[1]), radius


def _encode(image: Image, suffix: str) -> bytes:
    code = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    options = [cv2.IMWRITE_WEBP_QUALITY, 95] if suffix == ".webp" else []
    ok, data = cv2.imencode(suffix, cv2.cvtColor(image, code), options)
    if not ok:
        raise RuntimeError("the picture could not be encoded")
    return bytes(data.tobytes())


def _face_forward(points: Array) -> None:
    """Take the turn of the head out of the depths, in place.

    The ears come to lie equally deep, and the half of the face that is narrower because it is
    turned away becomes flatter in the same proportion. With its own depths the far cheek would
    fold over or tear open as soon as the head turns.
    """
    right, left, middle = points[234], points[454], points[topo.NOSE_BRIDGE, 0]
    slope = (left[2] - right[2]) / (left[0] - right[0])
    points[:, 2] -= slope * (points[:, 0] - (right[0] + left[0]) / 2)
    top, bottom = points[151], points[199]
    base = np.interp(points[:, 1], [top[1], bottom[1]], [top[2], bottom[2]])
    widths = np.where(points[:, 0] < middle, middle - right[0], left[0] - middle)
    flatter = widths / widths.max()
    aside = np.clip(np.abs(points[:, 0] - middle) / widths, 0, 1)
    points[:, 2] = base + (points[:, 2] - base) * (1 + (flatter - 1) * aside)


def _check(image: Image, points: Array, matte: NDArray[np.floating]) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image must be uint8 RGB (h, w, 3), got {image.dtype} {image.shape}")
    if points.shape != (478, 3):
        raise ValueError(f"landmarks must have shape (478, 3), got {points.shape}")
    if matte.shape != image.shape[:2]:
        raise ValueError(f"matte is {matte.shape}, the image {image.shape[:2]}")
    gap = lip_gap(points)
    if gap > MAX_GAP:
        raise ValueError(
            f"the mouth is open (gap {gap:.2f} of its width): use a closed-mouth photo"
        )
    if abs(turn(points)) > MAX_TURN:
        raise ValueError("the face is turned to the side: use a photo taken from the front")


def build_portrait(
    image: Image,
    landmarks: NDArray[np.floating],
    matte: NDArray[np.floating],
    manifest: ReplicaManifest,
    *,
    backdrop: Image | None = None,
) -> Replica:
    """A replica from one picture of a closed-mouth, frontal face.

    Args:
        image: uint8 RGB ``(h, w, 3)``, best 16:9 with head and shoulders.
        landmarks: ``(478, 3)`` pixels, MediaPipe numbering with irises.
        matte: ``(h, w)`` 0..1, the person.
        manifest: Name, licence and so on; capture size and checksums are filled in.
        backdrop: What is behind the person, uint8 RGB; inpainted when not given.

    Raises:
        ValueError: The picture cannot be used; the message says what to do.
    """
    points = np.array(landmarks, float)
    _check(image, points, matte)
    _face_forward(points)
    h, w = image.shape[:2]
    irises = np.array(
        [
            _iris(image, points, topo.RIGHT_EYE, topo.RIGHT_IRIS),
            _iris(image, points, topo.LEFT_EYE, topo.LEFT_IRIS),
        ]
    )
    control = build_control_mesh(image, points[:468], irises, face_triangles())
    pupils = points[[topo.RIGHT_IRIS[0], topo.LEFT_IRIS[0]], :2]
    middle = pupils.mean(0)
    apart = float(np.linalg.norm(pupils[1] - pupils[0]))
    camera = Camera(w, h, (float(middle[0]), float(middle[1])), apart)

    pixels = control.refine @ control.points
    depth_zero = float(points[list(topo.RIGHT_EYE["upper"] + topo.LEFT_EYE["upper"]), 2].mean())
    pixels[:, 2] -= depth_zero
    positions = camera.to_rig(pixels).astype(np.float32)
    uv = ((pixels[:, :2] + 0.5) / (w, h)).astype(np.float32)
    widening = _widening_left(points)
    deltas = {
        name: delta * (widening if name in WIDENING else 1.0)
        for name, delta in expression_basis(control).items()
    }
    morphs = {
        name: (delta * (1, -1, -1) / camera.scale).astype(np.float32)
        for name, delta in deltas.items()
    }
    shades = shading_basis(image, control, apart, deltas)
    follow = _follow(control, pixels)
    skin = {"follow": follow}
    layers: dict[str, Layer] = {}
    for name, part in (("body", ~control.is_face), ("face", control.is_face)):
        layers[name] = Layer(
            name, positions, uv, control.fine[part], "textures/person.webp", morphs, shades, skin
        )

    light = _light(image, points)
    files: dict[str, bytes] = {}
    textures: dict[str, Image] = {}
    person = np.asarray(matte, np.float32)
    plate = clean_backdrop(image, person) if backdrop is None else backdrop
    person = close_holes(image, person, plate)
    textures["textures/backdrop.webp"] = plate
    textures["textures/person.webp"] = cut_out(image, person, plate)
    corners = camera.to_rig(np.array([[-0.5, -0.5], [w - 0.5, h - 0.5]]))
    layers["background"] = grid_layer(
        "background",
        (corners[0, 0], corners[0, 1], corners[1, 0], corners[1, 1]),
        (2, 2),
        float(positions[:, 2].min()) - 1.0,
    )
    layers["background"].texture = "textures/backdrop.webp"

    for side, iris in zip(("right", "left"), irises.tolist(), strict=True):
        upper, lower = control.rows[f"eye_{side}_upper"], control.rows[f"eye_{side}_lower"]
        outline = pixels[np.r_[upper, lower[-2:0:-1]], :2]
        made, pictures = eye_layers(
            image,
            outline,
            (iris[0], iris[1], iris[2]),
            camera,
            float(positions[upper, 2].mean()),
            side,
        )
        layers.update((layer.name, layer) for layer in made)
        textures.update(pictures)

        lid, picture = lid_layer(image, control, morphs, positions, camera, side)
        layers[lid.name] = lid
        textures[lid.texture] = picture

    tilt = -float(np.arctan2(pupils[1, 1] - pupils[0, 1], pupils[1, 0] - pupils[0, 0]))
    lip = control.rows["lip_upper"]
    seam = positions[lip[len(lip) // 2]]
    width = float(np.linalg.norm(positions[lip[0]] - positions[lip[-1]]))
    chin = int(np.argmin(np.linalg.norm(pixels - control.points[topo.CHIN], axis=1)))
    lower_lip = control.rows["lip_lower"][len(lip) // 2]
    jaw = {}
    for name in JAW_MORPHS:
        # teeth move as the chin does; under jawOpen it also swings back, which a frontal
        # landmark overstates
        move = morphs[name][lower_lip] * 0.25 + morphs[name][chin] * 0.75
        jaw[name] = move * np.array([1, 0.97, 0.3])
    made, pictures = mouth_layers(
        (float(seam[0]), float(seam[1]), float(seam[2])), width, jaw, light, tilt
    )
    layers.update((layer.name, layer) for layer in made)
    textures.update(pictures)
    for layer in layers.values():
        if "follow" not in layer.attributes:
            value = 0.0 if layer.name == "background" else 1.0
            layer.attributes = {"follow": np.full(len(layer.positions), value, np.float32)}
    ears = np.percentile(camera.to_rig(control.points[list(topo.FACE_OVAL)])[:, 2], 20)
    chin_y = float(camera.to_rig(control.points[[topo.CHIN]])[0, 1])
    face = control.face_height / camera.scale
    rig = Rig(
        layers=layers,
        camera=camera,
        pivot=(
            float(positions[lip, 0].mean()),
            chin_y - 0.02 * face,
            float(ears + depth_zero / camera.scale) - 0.12 * face,
        ),
        rows=control.rows,
        coarse=control.coarse,
        eye_radius=EYE_RADIUS,
    )
    for name, picture in textures.items():
        files[name] = _encode(picture, name[name.rindex(".") :])
    files[RIG] = write_glb(rig)
    return Replica.create(
        manifest.model_copy(update={"capture_width": w, "capture_height": h}), files
    )
