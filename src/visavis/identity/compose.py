"""From a code to a portrait: the face in its shape, put on a body, before a backdrop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from visavis.faces import topology as topo
from visavis.faces.embedding import similarity
from visavis.identity import frame
from visavis.identity.attributes import HairColour
from visavis.identity.bodies import SIZE, Body
from visavis.identity.space import Code, FaceSpace
from visavis.identity.warping import Box, sample, spline_map

Array = NDArray[Any]

#: Lip rows from the outer edge inwards, corner to corner.
UPPER_LIP_ROWS = (
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
    (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292),
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
)
LOWER_LIP_ROWS = (
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
    (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
)
UPPER_INNER, LOWER_INNER = UPPER_LIP_ROWS[-1], LOWER_LIP_ROWS[-1]
#: Points that keep their place when the face moves: eye corners, nose, brows, forehead.
STABLE = (
    *(33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327),
    *(70, 300, 105, 334, 10, 151, 9, 8),
)
#: L*a*b* of hair in studio light.
HAIR: dict[HairColour, tuple[float, float, float]] = {
    "black": (14.0, 1.5, 2.0),
    "brown": (26.0, 6.0, 11.0),
    "auburn": (33.0, 15.0, 20.0),
    "blond": (58.0, 6.0, 27.0),
    "grey": (52.0, 0.5, 3.0),
    "white": (74.0, 0.0, 3.0),
}
#: How much of the colour of neck and ears is taken from the face alone.
EVEN = 0.75
#: Share of the light that side light adds where the face turns fully to it, and how far irises
#: move at most, in widths of an eye.
SIDE_LIGHT, GAZE_REACH = 0.32, 0.2
#: The outline of a finished face lies this far on the way from its own to the body's.
MEET = 0.5


@dataclass(frozen=True, slots=True)
class Portrait:
    """A whole person.

    Attributes:
        image: uint8 RGB ``(SIZE, SIZE, 3)`` before the backdrop.
        person: uint8 RGB, the person's own colours where ``alpha`` is above 0.
        alpha: float32 ``(SIZE, SIZE)``, 0..1.
        points: float32 ``(478, 3)``, landmarks in pixels.
    """

    image: NDArray[np.uint8]
    person: NDArray[np.uint8]
    alpha: NDArray[np.float32]
    points: NDArray[np.float32]


def compose(
    space: FaceSpace,
    code: Code,
    body: Body,
    *,
    hair: HairColour | None = None,
    lightness: float | None = None,
    closed: bool = True,
    light: float = 0.0,
    gaze: float = 0.0,
    backdrop: int = 0,
) -> Portrait:
    """The portrait of a code.

    Args:
        space: What the code means.
        code: ``(space.size,)``.
        body: Hair, neck and clothes.
        hair: Another colour of hair.
        lightness: L* to which the skin is brought, beyond what the code says.
        closed: Whether the lips meet.
        light: From where more light comes: -1 the picture's left, 1 its right.
        gaze: Where the eyes look: -1 the picture's left, 1 its right.
        backdrop: Seed of the backdrop.

    Raises:
        SpaceError: The code does not fit the space.
    """
    code = space.check(code)
    own = body.points
    shape = space.shape(code)
    if gaze:
        shape = _looking(shape, gaze)
    solid = _posed(_lips_met(shape) if closed else shape, own)
    target = solid[:, :2]
    oval = list(topo.FACE_OVAL)
    target[oval] = (1 - MEET) * target[oval] + MEET * own[oval, :2]

    box = _around(target)
    texture = space.texture(code)
    if lightness is not None:
        texture = _relit(texture, space.canonical, lightness)
    if light:
        texture = _lit_from(texture, shape, space.canonical, light)
    face = _shaped(texture, space.canonical, target, box)

    rgb, alpha, labels = _fitted(body, target)
    skin = _skin_of(face, target, box)
    rgb = _recoloured(rgb, labels, skin, target, None if hair is None else HAIR[hair], body)
    mask = _replaced(target, labels)
    person = frame.to_rgb(_joined(face, box, frame.to_lab(rgb), mask))
    behind = studio(backdrop)
    image = person * alpha[..., None] + behind * (1 - alpha[..., None])
    points = np.column_stack([target, solid[:, 2]]).astype(np.float32)
    return Portrait(_whole(image), _whole(person), alpha.astype(np.float32), points)


def studio(seed: int) -> Array:
    """A soft gradient with a gentle vignette and film grain, RGB ``(SIZE, SIZE, 3)``, 0..255."""
    rng = np.random.default_rng(seed)
    hue = rng.uniform(-8, 8, 2)
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    r = np.hypot((x - SIZE / 2) / (SIZE * 0.9), (y - SIZE * 0.55) / (SIZE * 0.95))
    clouds = cv2.resize(rng.normal(size=(6, 6)).astype(np.float32), (SIZE, SIZE), None, 0, 0, 2)
    light = np.clip(np.exp(-1.1 * r * r) + 0.02 * clouds, 0, 1)
    lab = np.dstack([30 + 32 * light, np.full_like(light, hue[0] / 3), hue[1] - 4 + 0 * light])
    grain = rng.normal(0, 1.0, (SIZE, SIZE, 1)).astype(np.float32)
    return np.asarray(frame.to_rgb(lab) + grain, np.float32)


# -- the face ---------------------------------------------------------------------------------


def _whole(image: Array) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.round(image), 0, 255), np.uint8)


def _posed(shape: Array, own: Array) -> Array:
    """An upright shape, turned, scaled and moved as the body's own face was."""
    a, b = shape[list(STABLE)], own[list(STABLE)]
    a0, b0 = a.mean(0), b.mean(0)
    u, s, vt = np.linalg.svd((a - a0).T @ (b - b0))
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    scale = (s * np.diag(sign)).sum() / ((a - a0) ** 2).sum()
    turned = scale * (shape - a0) @ u @ sign @ vt + b0
    # What a different build leaves over in the picture is taken away.
    m = similarity(turned[list(STABLE), :2], own[list(STABLE), :2])
    turned[:, :2] = turned[:, :2] @ m[:, :2].T + m[:, 2]
    return np.asarray(turned)


def _lips_met(shape: Array) -> Array:
    """The shape with the inner edges of the lips on each other, the skin around following."""
    out = shape.copy()
    gaps = shape[list(LOWER_INNER), :2] - shape[list(UPPER_INNER), :2]
    for rows, share in ((UPPER_LIP_ROWS, 0.4), (LOWER_LIP_ROWS, -0.6)):
        for k, row in enumerate(rows):
            # The outer edge of a lip follows the inner one half way.
            out[list(row), :2] += share * (0.5 + 0.5 * k / (len(rows) - 1)) * gaps
    return out


def _around(target: Array) -> Box:
    low = np.maximum(target.min(0) - 70, 0).astype(int) // 64 * 64
    high = np.minimum(-(-(target.max(0) + 70).astype(int) // 64) * 64, SIZE)
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _shaped(texture: Array, canonical: Array, target: Array, box: Box) -> Array:
    """The texture in the target's shape, L*a*b* ``(height, width, 3)`` of the box."""
    warped = list(frame.WARPED)
    w, h = frame.WIDTH, frame.HEIGHT
    corners = np.array(
        [(x, y) for x in (0, w / 2, w) for y in (0, h / 2, h) if x != w / 2 or y != h / 2]
    )
    m = similarity(canonical[list(STABLE), :2], target[list(STABLE)])
    out = corners @ m[:, :2].T + m[:, 2]
    where = spline_map(
        np.concatenate([target[warped], out]),
        np.concatenate([canonical[warped, :2], corners]),
        box,
    )
    return sample(texture, where)


def _relit(texture: Array, canonical: Array, lightness: float) -> Array:
    """The skin at another lightness; the eyes keep most of theirs."""
    size = (frame.HEIGHT, frame.WIDTH)
    eyes = np.maximum(
        frame.filled(canonical, topo.LEFT_EYE, size), frame.filled(canonical, topo.RIGHT_EYE, size)
    )
    skin = skin_lightness(texture, canonical)
    share = frame.blur(1 - 0.75 * eyes, 2)
    gain = 1 + (lightness / skin - 1) * share
    out = texture.copy()
    out[..., 0] = np.clip(texture[..., 0] * gain, 0, 100)
    # Darker skin is a little more saturated than its lightness alone would make it.
    out[..., 1:] *= np.clip(gain, 0.75, 1.1)[..., None] ** 0.5
    return out


def _lit_from(texture: Array, shape: Array, canonical: Array, light: float) -> Array:
    """More light from one side: Lambert's law on the face's relief, as far as depth is known."""
    grid = np.mgrid[0 : frame.HEIGHT : 4, 0 : frame.WIDTH : 4].astype(np.float64)
    at = np.stack([grid[1], grid[0]], -1)
    depth = RBFInterpolator(canonical[::3, :2], shape[::3, 2], neighbors=24, smoothing=4.0)
    z = depth(at.reshape(-1, 2)).reshape(at.shape[:2])
    slope = frame.blur((np.gradient(frame.blur(z.astype(np.float32), 6), axis=1) / 4), 6)
    slope = cv2.resize(slope, (frame.WIDTH, frame.HEIGHT), interpolation=cv2.INTER_CUBIC)
    # The surface turns to the right where its depth grows to the right.
    facing = np.tanh(2 * slope)
    out = texture.copy()
    out[..., 0] = np.clip(texture[..., 0] * (1 + SIDE_LIGHT * light * facing), 0, 100)
    return out


def _looking(shape: Array, gaze: float) -> Array:
    """The irises moved inside the lids."""
    out = shape.copy()
    for iris, corners in ((topo.RIGHT_IRIS, (33, 133)), (topo.LEFT_IRIS, (362, 263))):
        across = shape[corners[1]] - shape[corners[0]]
        out[list(iris)] += GAZE_REACH * gaze * across
    return out


def skin_lightness(texture: Array, canonical: Array) -> float:
    """Mean L* of cheeks and nose of a texture in the canonical frame."""
    size = (frame.HEIGHT, frame.WIDTH)
    oval = frame.filled(canonical, topo.FACE_OVAL, size)
    skin = (frame.grow(oval, -30) * (1 - frame.grow(frame.features(canonical, size), 8))) > 0.5
    skin[: int(canonical[[105, 334], 1].mean()) - 30] = False
    return float(texture[skin, 0].mean())


def _skin_of(face: Array, target: Array, box: Box) -> Array:
    """Mean L*a*b* of the lower cheeks, where the neck takes its colour from."""
    local = target - [box[0], box[1]]
    size = face.shape[:2]
    oval = frame.filled(local, topo.FACE_OVAL, size)
    skin = (frame.grow(oval, -34) * (1 - frame.grow(frame.features(local, size), 12))) > 0.5
    skin[: int(local[[1], 1].mean())] = False
    return np.asarray(np.median(face[skin], axis=0))


# -- the body ---------------------------------------------------------------------------------


def _fitted(body: Body, target: Array) -> tuple[Array, Array, Array]:
    """The body's colours, matte and labels, its outline of the face brought to the target's."""
    oval = list(topo.FACE_OVAL)
    own = body.points[oval, :2]
    middle = own.mean(0)
    ring = middle + (own - middle) * 1.45
    ring_to = ring + 0.25 * (target[oval] - own)
    edge = np.array([(x, y) for x in np.linspace(0, SIZE, 6) for y in np.linspace(0, SIZE, 6)])
    edge = edge[(edge == 0).any(1) | (edge == SIZE).any(1)]
    where = spline_map(
        np.concatenate([target[oval], ring_to, edge]),
        np.concatenate([own, ring, edge]),
        (0, 0, SIZE, SIZE),
        2.0,
    )
    stack = sample(np.dstack([body.rgb, body.alpha * 255]), where)
    labels = cv2.remap(body.labels, where[..., 0], where[..., 1], cv2.INTER_LINEAR)
    return np.clip(stack[..., :3], 0, 255), np.clip(stack[..., 3] / 255, 0, 1), labels


def _recoloured(
    rgb: Array,
    labels: Array,
    skin: Array,
    target: Array,
    hair: tuple[float, float, float] | None,
    body: Body,
) -> Array:
    """Neck and ears in the face's colour, hair in another; in linear light: shading stays."""
    linear = (rgb / 255) ** 2.2
    oval = frame.filled(target, topo.FACE_OVAL, (SIZE, SIZE))
    near = (frame.grow(oval, 40) > 0.5) & (frame.grow(oval, 4) < 0.5) & (labels[..., 0] > 0.9)
    inside = (frame.grow(oval, -20) > 0.5) & (labels[..., 0] > 0.9)
    reference = np.median(linear[near | inside], axis=0)
    wanted = (frame.to_rgb(skin.reshape(1, 1, 3))[0, 0] / 255) ** 2.2
    ratio = np.clip(wanted / np.maximum(reference, 1e-3), 0.05, 6)
    toned = frame.to_lab(np.clip(linear * ratio, 0, 1) ** (1 / 2.2) * 255)
    # Skin in shadow glows red where light comes through hair; of another skin it need not.
    usual = skin[1:] * np.clip(toned[..., :1] / skin[0], 0.2, 1.1) ** 0.7
    toned[..., 1:] += EVEN * (usual - toned[..., 1:])
    share = labels[..., :1]
    out = linear * (1 - share) + (frame.to_rgb(toned) / 255) ** 2.2 * share
    if hair is not None and not body.card.bald:
        lab = frame.to_lab(rgb)
        base = np.array(body.card.hair, np.float32)
        # Contrast grows with lightness: dark hair shows its strands less than fair hair.
        k = np.clip((hair[0] + 12) / (base[0] + 12), 0.35, 2.2)
        dyed = np.dstack(
            [
                np.clip(hair[0] + (lab[..., 0] - base[0]) * k, 0, 97),
                hair[1] + (lab[..., 1] - base[1]) * 0.3,
                hair[2] + (lab[..., 2] - base[2]) * 0.3,
            ]
        )
        # Bleached hair loses the colour of its highlights, black hair its depth.
        dyed[..., 1:] *= np.clip(dyed[..., :1] / max(hair[0], 1.0), 0.3, 1.15)
        share = frame.blur(labels[..., 1], 1.0)[..., None]
        out = out * (1 - share) + (frame.to_rgb(dyed) / 255) ** 2.2 * share
    return np.asarray(np.clip(out, 0, 1) ** (1 / 2.2) * 255, np.float32)


def _replaced(target: Array, labels: Array) -> Array:
    """Where the face replaces the body's: inside its outline, but for hair that hangs in."""
    size = (SIZE, SIZE)
    oval = frame.filled(target, topo.FACE_OVAL, size)
    inner = frame.grow(oval, -8)
    kept = frame.grow(frame.features(target, size), 18)
    nose = frame.grow(frame.filled(target, (168, 98, 327, 2, 164, 61, 291, 18), size), 40)
    hair = frame.smoothstep(labels[..., 1], 0.3, 0.6) * (1 - np.maximum(kept, nose))
    blocked = (hair > 0.4).astype(np.uint8)
    # Only what hangs in from outside counts.
    seed = np.maximum(blocked, (frame.grow(oval, -12) < 0.5).astype(np.uint8))
    _, parts = cv2.connectedComponents(seed)
    outside = (parts == parts[0, 0]).astype(np.float32) * blocked
    free = inner * (1 - frame.grow(outside, 4))
    return frame.blur(frame.grow(frame.grow(free, -6), 2), 5)


def _joined(face: Array, box: Box, body: Array, mask: Array) -> Array:
    """Blend the face into the body by Laplacian pyramids (Burt & Adelson 1983), L*a*b*."""
    left, top, width, height = box
    region = body[top : top + height, left : left + width]
    masks = [mask[top : top + height, left : left + width]]
    for _ in range(6):
        masks.append(cv2.pyrDown(masks[-1]))
    pairs = zip(frame.pyramid(face, 6), frame.pyramid(region, 6), masks, strict=True)
    out = body.copy()
    out[top : top + height, left : left + width] = frame.collapse(
        [a * m[..., None] + b * (1 - m[..., None]) for a, b, m in pairs]
    )
    return out
