"""Compose a photoreal portrait of a person who does not exist.

    python scripts/compose_portrait.py PORTRAITS src/visavis/replicas/stock/clara/recipe.json

``PORTRAITS`` is a folder of real, frontal studio portraits. The recipe names its donors by the
first 12 hex digits of their files' SHA-256. The result is written beside the recipe:
``portrait.png`` (1024×1024), ``portrait_wide.webp`` (1820×1024), ``matte.png`` (of the square),
``landmarks.npy`` (float32 (478, 3), of the square) and ``provenance.json``.

How it works
1. Shape: the face is the weighted mean of at least eight donors *and their mirror images*, aligned
   by a similarity; the outline meets the body donor's halfway.
2. Texture: every donor is warped to that shape by a thin-plate spline through 474 landmarks, its
   skin tone is brought to the common mean, and eyes, brows and lips are brought to lie exactly on
   each other by optical flow against the running mean (Learned-Miller's congealing). Their mean
   has no ghosts but no pores; the finest bands of the Laplacian pyramid (Burt and Adelson 1983)
   come from one donor, the coarser ones, which carry identity, from all.
3. Hair, neck and clothes come from a body donor whose own face is gone; their colours are changed.
   The backdrop behind the body donor is smooth, so it is fitted by a polynomial, which makes the
   matte a known-background problem, and replaced by a synthetic studio backdrop.
4. Proof: the embedding of the finished face is compared with every portrait in the folder.
   Composing fails if the nearest is nearer than all but 0.1 % of pairs of different people.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.spatial.distance import cdist

from visavis.faces import FaceTracker, embed, inter_ocular, matte
from visavis.faces import topology as topo
from visavis.faces.embedding import similarity

Array = np.ndarray
HEIGHT, WIDTH, SQUARE = 1024, 1820, 1024
LEFT = (WIDTH - SQUARE) // 2  # of the square inside the wide picture
LEVELS = 6  # of the Laplacian pyramids
#: Points that keep their place when the face moves: eye corners, nose, brows, forehead.
STABLE = [
    *(33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327),
    *(70, 300, 105, 334, 10, 151, 9, 8),
]
#: All landmarks but the tops and bottoms of the irises, which lids hide.
WARPED = [k for k in range(topo.POINTS) if k not in (470, 472, 475, 477)]


# -- pictures ------------------------------------------------------------------------------


def to_lab(bgr: Array) -> Array:
    """BGR 0..255 to CIE L*a*b* (float32; L 0..100)."""
    return cv2.cvtColor(np.clip(bgr, 0, 255).astype(np.float32) / 255, cv2.COLOR_BGR2LAB)


def to_bgr(lab: Array) -> Array:
    return np.clip(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2BGR) * 255, 0, 255)


def smoothstep(x: Array, low: float, high: float) -> Array:
    t = np.clip((x - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def blur(x: Array, sigma: float) -> Array:
    return cv2.GaussianBlur(x, (0, 0), sigma)


def pyramid(x: Array) -> list[Array]:
    bands = []
    for _ in range(LEVELS):
        small = cv2.pyrDown(x)
        bands.append(x - cv2.pyrUp(small, dstsize=(x.shape[1], x.shape[0])))
        x = small
    return [*bands, x]


def collapse(bands: list[Array]) -> Array:
    x = bands[-1]
    for band in bands[-2::-1]:
        x = cv2.pyrUp(x, dstsize=(band.shape[1], band.shape[0])) + band
    return x


def gaussians(mask: Array) -> list[Array]:
    masks = [mask]
    for _ in range(LEVELS):
        masks.append(cv2.pyrDown(masks[-1]))
    return masks


def filled(points: Array, indices: tuple[int, ...] | list[int], shape: tuple[int, int]) -> Array:
    """The polygon through the named points, 1 inside."""
    mask = np.zeros(shape, np.float32)
    polygon = cv2.convexHull(np.round(points[list(indices)] * 16).astype(np.int32))
    cv2.fillPoly(mask, [polygon], 1.0, cv2.LINE_AA, 4)
    return mask


def grow(mask: Array, by: int) -> Array:
    """Dilate (positive) or erode (negative) by so many pixels."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(by) + 1,) * 2)
    return cv2.dilate(mask, kernel) if by > 0 else cv2.erode(mask, kernel)


# -- geometry ------------------------------------------------------------------------------


def move(matrix: Array, points: Array) -> Array:
    return points @ matrix[:, :2].T + matrix[:, 2]


def steady_landmarks(tracker: FaceTracker, image: Array) -> Array:
    """Landmarks (478, 2): the median over five slightly scaled and shifted views."""
    h, w = image.shape[:2]
    views = []
    for s, dx, dy in ((1, 0, 0), (0.9, 13, 7), (1.1, -9, 11), (0.95, -17, -6), (1.05, 5, -13)):
        matrix = np.array([[s, 0, dx], [0, s, dy]], np.float64)
        view = cv2.warpAffine(
            image, matrix, (w, h), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
        )
        views.append((tracker.detect(view)[0].points[:, :2] - [dx, dy]) / s)
    return np.median(views, axis=0)


def spline_map(target: Array, source: Array, box: tuple[int, int, int, int], stiff: float) -> Array:
    """Thin-plate spline (Bookstein 1989): where each pixel of ``box`` comes from, (h, w, 2).

    Args:
        target: (n, 2) control points in the result.
        source: (n, 2) the same in the source picture.
        box: left, top, width, height of the part of the result to map.
        stiff: Regularisation; 0 interpolates.
    """
    unit, step = 200.0, 4
    left, top, width, height = box

    def kernel(a: Array, b: Array) -> Array:
        d2 = cdist(a, b, "sqeuclidean")
        return d2 * np.log(d2 + 1e-12) / 2

    n, t = len(target), target / unit
    affine = np.column_stack([np.ones(n), t])
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = kernel(t, t) + stiff * 1e-3 * np.eye(n)
    system[:n, n:], system[n:, :n] = affine, affine.T
    weights = np.linalg.solve(system, np.concatenate([source - target, np.zeros((3, 2))]))
    # Two cells more on each side than needed, for the cubic interpolation.
    gx = np.arange(left - 2 * step, left + width + 3 * step, step)
    gy = np.arange(top - 2 * step, top + height + 3 * step, step)
    grid = np.stack(np.meshgrid(gx, gy), -1).reshape(-1, 2) / unit
    shift = np.concatenate(
        [
            kernel(part, t) @ weights[:n]
            + np.column_stack([np.ones(len(part)), part]) @ weights[n:]
            for part in np.array_split(grid, max(1, len(grid) // 8192))
        ]
    )
    coarse = shift.reshape(len(gy), len(gx), 2).astype(np.float32)
    to_coarse = np.array([[1 / step, 0, 2.0], [0, 1 / step, 2.0]])
    fine = cv2.warpAffine(
        coarse, to_coarse, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    )
    y, x = np.mgrid[top : top + height, left : left + width].astype(np.float32)
    return fine + np.dstack([x, y])


def sample(image: Array, where: Array) -> Array:
    return cv2.remap(
        image, where.astype(np.float32), None, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE
    )


# -- donors --------------------------------------------------------------------------------


@dataclass
class Donor:
    key: str
    image: Array  # BGR uint8
    points: Array  # (478, 2)
    weight: float
    mirrored: bool


def find_files(folder: Path) -> dict[str, Path]:
    """Portrait files by the first 12 hex digits of their SHA-256."""
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    return {hashlib.sha256(p.read_bytes()).hexdigest()[:12]: p for p in files}


def load_donors(recipe: dict[str, Any], files: dict[str, Path]) -> tuple[list[Donor], Donor]:
    """The face donors with their mirror images, and the body donor."""
    tracker = FaceTracker(static=True)
    if len(recipe["face"]) < 8:
        raise ValueError("a face must be a mixture of at least eight people")

    def load(key: str, weight: float, mirrored: bool) -> Donor:
        if key not in files:
            raise FileNotFoundError(f"no portrait in the folder has the hashed id {key}")
        image = cv2.imread(str(files[key]))
        image = np.ascontiguousarray(image[:, ::-1]) if mirrored else image
        points = steady_landmarks(tracker, np.ascontiguousarray(image[:, :, ::-1]))
        return Donor(key, image, points, weight, mirrored)

    share = recipe["mirror"]
    total = sum(recipe["face"].values())
    donors = []
    for key, weight in recipe["face"].items():
        donors.append(load(key, weight / total * (1 - share), False))
        donors.append(load(key, weight / total * share, True))
    return donors, load(recipe["body"]["donor"], 0.0, recipe["body"]["mirror"])


# -- the face ------------------------------------------------------------------------------


def features(points: Array, shape: tuple[int, int]) -> Array:
    """1 on eyes with lids, brows, lips and nostrils."""
    groups = (
        topo.LEFT_EYE,
        topo.RIGHT_EYE,
        topo.LEFT_BROW,
        topo.RIGHT_BROW,
        topo.LIPS_OUTER,
        (98, 327, 2, 94, 240, 460, 75, 305),
    )
    return np.maximum.reduce([filled(points, g, shape) for g in groups])


def lead_area(where: str, points: Array, shape: tuple[int, int]) -> Array:
    """Where one donor's fine detail is used: a feature, or "skin" for all that is left."""
    groups = {
        "eyes": (topo.LEFT_EYE, topo.RIGHT_EYE),
        "brows": (topo.LEFT_BROW, topo.RIGHT_BROW),
        "lips": (topo.LIPS_OUTER,),
        "nose": ((98, 327, 2, 94, 240, 460, 75, 305, 64, 294, 4),),
    }
    if where == "skin":
        # Not near the outline: earrings and hair of the donor would come along.
        return blur(grow(filled(points, topo.FACE_OVAL, shape), -32), 12)
    mask = np.maximum.reduce([filled(points, g, shape) for g in groups[where]])
    return blur(grow(mask, 14), 5)


def flow_to(reference: Array, moving: Array) -> Array:
    """Dense flow from reference to moving, on locally normalised lightness."""

    def normalise(lightness: Array) -> Array:
        d = lightness - blur(lightness, 20)
        return np.clip(d / (np.sqrt(blur(d * d, 20)) + 2) * 45 + 128, 0, 255).astype(np.uint8)

    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = dis.calc(normalise(blur(reference, 1.2)), normalise(blur(moving, 1.2)), None)
    flow = blur(flow, 5)
    length = np.linalg.norm(flow, axis=2, keepdims=True)
    return flow * np.minimum(1, 7 / (length + 1e-6))


def mix_face(
    recipe: dict[str, Any], donors: list[Donor], target: Array, box: tuple[int, int, int, int]
) -> Array:
    """The mixture in L*a*b*, (h, w, 3), on the part ``box`` of the picture."""
    left, top, width, height = box
    shape = (height, width)
    local = target - [left, top]
    corners = np.array([[x, y] for x in (0, width / 2, width) for y in (0, height / 2, height)])
    corners = np.delete(corners, 4, axis=0) + np.array([left, top])
    warped = []
    for d in donors:
        out = move(similarity(target[STABLE], d.points[STABLE]), corners)
        where = spline_map(
            np.concatenate([target[WARPED], corners]),
            np.concatenate([d.points[WARPED], out]),
            box,
            0.5,
        )
        warped.append(to_lab(sample(d.image, where)))
    feature = features(local, shape)
    skin = (grow(filled(local, topo.FACE_OVAL, shape), -30) * (1 - grow(feature, 8))) > 0.5
    skin[: int(local[[105, 334], 1].mean()) - 30] = False
    weights = np.array([d.weight for d in donors])
    tone = np.tensordot(weights, [w[skin].mean(0) for w in warped], 1)
    warped = [w - w[skin].mean(0) + tone for w in warped]

    # Flow is trusted on features only: on plain skin it would follow noise and curl the pores.
    trust = blur(grow(feature, 14), 7)[..., None]
    aligned = warped
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for _ in range(recipe["congeal"]):
        mean = np.tensordot(weights, aligned, 1).astype(np.float32)
        flows = [flow_to(mean[..., 0], w[..., 0]) * trust for w in warped]
        aligned = [
            cv2.remap(w, np.dstack([x + f[..., 0], y + f[..., 1]]), None, cv2.INTER_CUBIC)
            for w, f in zip(warped, flows, strict=True)
        ]
    # Lightness alone: the fine colour of one donor would bring her own tint along.
    bands = pyramid(np.tensordot(weights, aligned, 1).astype(np.float32))
    mean_l = [band[..., 0].copy() for band in bands]
    remaining = np.ones(shape, np.float32)
    for lead in recipe["detail"]:
        area = remaining * lead_area(lead["where"], local, shape)
        remaining = remaining - area
        index = next(i for i, d in enumerate(donors) if d.key == lead["donor"] and not d.mirrored)
        fine = pyramid(aligned[index][..., 0])
        for level, (share, mask) in enumerate(zip(lead["share"], gaussians(area), strict=False)):
            part = share * mask
            bands[level][..., 0] += part * (fine[level] - mean_l[level])
    return collapse(bands)


# -- body and backdrop ---------------------------------------------------------------------


def fit_backdrop(lab: Array, sure: Array) -> Array:
    """A polynomial of third degree through the sure backdrop pixels, (h, w, 3)."""
    h, w = sure.shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    x, y = x / w * 2 - 1, y / h * 2 - 1
    terms = np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], -1)
    chosen = np.flatnonzero(sure)[::7]
    flat = terms.reshape(-1, terms.shape[-1])
    values, *_ = np.linalg.lstsq(flat[chosen], lab.reshape(-1, 3)[chosen], rcond=None)
    return (flat @ values).reshape(h, w, 3).astype(np.float32)


def known_background_matte(bgr: Array, coarse: Array) -> tuple[Array, Array]:
    """Matte (h, w) and own colours (h, w, 3, BGR) of a person before a smooth backdrop.

    The colour of the person near the edge is spread outwards from the sure inside; alpha is how
    far a pixel lies on the way from backdrop to person.
    """
    image = bgr.astype(np.float32)
    inside = grow((coarse > 0.95).astype(np.float32), -10)
    outside = 1 - grow((coarse > 0.05).astype(np.float32), 26)
    backdrop = fit_backdrop(image, outside > 0.5)
    difference = np.linalg.norm(image - backdrop, axis=2)
    inside = np.maximum(inside, ((coarse > 0.6) & (difference > 60)).astype(np.float32))
    inside = (blur(inside, 1) > 0.7).astype(np.float32)
    reach = blur(inside, 9) + 1e-4
    person = blur(image * inside[..., None], 9) / reach[..., None]
    way = person - backdrop
    alpha = ((image - backdrop) * way).sum(2) / np.maximum((way**2).sum(2), 300)
    noise = np.percentile(difference[outside > 0.5], 90)
    alpha = alpha * smoothstep(difference, float(noise), float(noise) * 3)
    # Hair as dark as the backdrop would leave holes: deep inside, and in small gaps, it is closed.
    smooth = blur(coarse, 5)
    # Dark strands of fair hair are not on the way to the mean colour, but far from the backdrop.
    distinct = smoothstep(blur(difference, 0.6), float(noise) * 2, 55) * smoothstep(
        smooth, 0.15, 0.5
    )
    alpha = np.maximum(alpha, distinct)
    alpha = np.maximum(np.clip(alpha, 0, 1), smoothstep(smooth, 0.8, 0.99))
    alpha = np.where(inside > 0.5, 1, alpha).astype(np.float32)
    closed = grow(grow(blur(alpha, 0.7), 3), -3)
    alpha = np.maximum(alpha, closed * smoothstep(smooth, 0.5, 0.8))
    # Specks that hang on nothing are noise of the backdrop.
    _, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > 0.08).astype(np.uint8))
    specks = stats[labels, cv2.CC_STAT_AREA] < 300
    alpha = np.where(specks, 0, alpha)
    near = blur(grow((coarse > 0.3).astype(np.float32), 40), 10)
    # What is left when the backdrop's share is taken away, over the matte, is the person's colour.
    # Where the matte is thin that quotient is noise: it is held near the colour spread from inside.
    own = (image - (1 - alpha[..., None]) * backdrop + 0.25 * person) / (alpha[..., None] + 0.25)
    own = np.maximum(own, np.minimum(0.5 * person, image))
    return (alpha * near).astype(np.float32), np.clip(own, 0, 255).astype(np.float32)


def studio_backdrop(recipe: dict[str, Any], seed: int) -> Array:
    """A soft grey-blue gradient with a gentle vignette and film grain, BGR (h, w, 3)."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    r = np.hypot((x - WIDTH / 2) / (WIDTH * 0.62), (y - HEIGHT * 0.62) / (HEIGHT * 0.95))
    light = np.exp(-1.1 * r * r)
    rng = np.random.default_rng(seed)
    clouds = cv2.resize(rng.normal(size=(6, 10)).astype(np.float32), (WIDTH, HEIGHT), None, 0, 0, 2)
    light = np.clip(light + 0.025 * blur(clouds, 60), 0, 1)[..., None]
    dark, bright = (np.array(recipe[k], np.float32)[::-1] for k in ("dark_rgb", "bright_rgb"))
    grain = rng.normal(0, recipe["grain"], (HEIGHT, WIDTH, 1)).astype(np.float32)
    return dark + (bright - dark) * light + grain


def recolour(lab: Array, recipe: dict[str, Any], skin: Array, bare: Array, chin: float) -> Array:
    """Other hair and another jacket, L*a*b* in and out; skin stays.

    Args:
        lab: The person's own colours (h, w, 3).
        recipe: Its "colours".
        skin: 1 where face or neck may be, from geometry; there only what is clearly hair is dyed.
        bare: 1 where there is skin and no hair; nothing is dyed there.
        chin: Row of the chin in pixels.
    """
    soft = blur(lab, 1.5)
    y = np.arange(lab.shape[0], dtype=np.float32)[:, None]
    jacket = smoothstep(soft[..., 1], *recipe["jacket_a"]) * smoothstep(y, chin - 160, chin - 100)
    jacket = jacket * (1 - bare)
    shade = recipe["jacket"]
    cloth = np.dstack(
        [
            compress(lab[..., 0] * shade["gain"] + shade["lift"], shade["highlights"]),
            lab[..., 1] * 0.04 + shade["ab"][0],
            lab[..., 2] * 0.04 + shade["ab"][1],
        ]
    )
    out = lab * (1 - jacket[..., None]) + cloth * jacket[..., None]
    yellow = hair_likeness(blur(lab, 3), recipe) * (1 - 0.999 * bare)
    hair = np.maximum(yellow, 1 - skin) * (1 - jacket)
    # Black and white cloth and pearls have no colour that a dye could change.
    chroma = np.hypot(soft[..., 1], soft[..., 2])
    hair = hair * np.maximum(smoothstep(chroma, 4, 10), 1 - smoothstep(y, chin, chin + 40))
    tint = recipe["hair"]
    dyed = np.dstack(
        [
            100 * tint["gain"] * (lab[..., 0].clip(0) / 100) ** tint["gamma"],
            lab[..., 1] * tint["ab"][0] + tint["add"][0],
            lab[..., 2] * tint["ab"][1] + tint["add"][1],
        ]
    )
    out = out * (1 - hair[..., None]) + dyed * hair[..., None]
    # The red jacket shines into shadows beside it; skin and hair this dark are never so red.
    out[..., 1] = np.minimum(out[..., 1], 3 + 0.2 * out[..., 0])
    out[..., 2] = np.minimum(out[..., 2], 6 + 0.3 * out[..., 0])
    return out


def compress(lightness: Array, above: float) -> Array:
    """Flatten lightness above a level to 40 %."""
    return np.minimum(lightness, above + 0.4 * (lightness - above))


def hair_likeness(lab: Array, recipe: dict[str, Any]) -> Array:
    """How much yellower than skin a pixel is, 0..1."""
    return smoothstep(lab[..., 2] - 0.55 * lab[..., 1], *recipe["hair_b"])


def extend_side(layer: Array, alpha: Array, edge: int, reach: int, seed: int) -> None:
    """Continue a shoulder that the photograph cuts off at column ``edge``, to the left, in place.

    The outline is a quadratic Bézier curve from the cut down to the bottom of the picture; the
    cloth goes on as it is at the cut, a little darker towards the outline.
    """
    rows = np.flatnonzero(alpha[:, edge : edge + 4].mean(1) > 0.5)
    inner = np.flatnonzero(alpha[:, edge + 40 : edge + 44].mean(1) > 0.5)
    if len(rows) < 6 or len(inner) < 6:
        return
    start = float(rows[0])
    slope = float(np.clip((start - inner[0]) / 40, 0, 1.5))
    t = np.linspace(0, 1, 400)[:, None]
    low = HEIGHT + 60
    corner = np.array([edge - reach, start + slope * reach * 0.55])
    curve = (1 - t) ** 2 * [edge, start] + 2 * t * (1 - t) * corner + t**2 * [edge - reach, low]
    outline = np.concatenate([curve, [[edge + 1, low], [edge + 1, start]]])
    mask = np.zeros(alpha.shape, np.float32)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    mask = blur(mask, 0.8)
    mask[:, edge:] = 0

    column = layer[:, edge : edge + 10].mean(1, keepdims=True)
    column[: int(start) + 6] = column[int(start) + 6]
    kernel = cv2.getGaussianKernel(85, 14)
    column = cv2.sepFilter2D(column, -1, np.ones(1), kernel, borderType=cv2.BORDER_REPLICATE)
    rough = layer[int(start) + 20 :, edge : edge + 10].mean(2)
    grain = blur(np.random.default_rng(seed).normal(size=alpha.shape).astype(np.float32), 0.8)
    grain *= float((rough - blur(rough, 3)).std() / grain.std())
    depth = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    away = np.clip((edge - np.arange(alpha.shape[1], dtype=np.float32)) / reach, 0, 1)
    shade = 1 - 0.3 * away[None, :] * np.exp(-depth / 30)
    beyond = np.arange(alpha.shape[1])[None, :, None] < edge
    layer[:] = np.where(beyond, column * shade[..., None] + grain[..., None], layer)
    alpha[:] = np.maximum(alpha, mask)


def place_body(
    recipe: dict[str, Any], body: Donor, pose: Array, target: Array, own: Array
) -> tuple[Array, Array, tuple[int, int]]:
    """Hair, neck and clothes on the wide canvas: BGR, matte, first and last column it covers.

    Args:
        recipe: The whole recipe.
        body: The donor.
        pose: (2, 3), from the donor's picture to the canvas.
        target: (478, 2) landmarks of the finished face on the canvas.
        own: (478, 2) the donor's landmarks on the canvas.
    """
    coarse = matte(np.ascontiguousarray(body.image[:, :, ::-1]))
    alpha, layer = known_background_matte(body.image, coarse)
    oval = list(topo.FACE_OVAL)
    centre = own[oval].mean(0)
    ring = centre + (own[oval] - centre) * 1.45
    ring_to = ring + 0.25 * (target[oval] - own[oval])
    h, w = body.image.shape[:2]
    frame = np.array([[x, y] for x in np.linspace(0, w, 6) for y in np.linspace(0, h, 6)])
    frame = move(pose, frame[(frame == 0).any(1) | (frame[:, 0] == w) | (frame[:, 1] == h)])
    back = cv2.invertAffineTransform(pose)
    where = spline_map(
        np.concatenate([target[oval], ring_to, frame]),
        move(back, np.concatenate([own[oval], ring, frame])),
        (0, 0, WIDTH, HEIGHT),
        2.0,
    ).astype(np.float32)
    stack = np.dstack([layer, alpha * 255]).astype(np.float32)
    stack = cv2.remap(stack, where, None, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    layer, alpha = np.clip(stack[..., :3], 0, 255), np.clip(stack[..., 3] / 255, 0, 1)
    valid = (where[..., 0] > 1) & (where[..., 0] < w - 2) & (where[..., 1] > 1)
    alpha[~valid] = 0
    columns = np.flatnonzero(valid[HEIGHT - 60 :].all(0))
    return layer, alpha, (int(columns[0]) + 2, int(columns[-1]) - 2)


def extend_sides(
    layer: Array, alpha: Array, edges: tuple[int, int], reach: list[int], seed: int
) -> tuple[Array, Array]:
    """Continue both shoulders beyond the photograph's edges."""
    layer, alpha = layer.copy(), alpha.copy()
    alpha[:, : edges[0]] = 0
    alpha[:, edges[1] :] = 0
    extend_side(layer, alpha, edges[0], reach[0], seed)
    layer, alpha = layer[:, ::-1].copy(), alpha[:, ::-1].copy()
    extend_side(layer, alpha, WIDTH - edges[1], reach[1], seed + 1)
    return layer[:, ::-1].copy(), alpha[:, ::-1].copy()


def face_mask(target: Array, body_lab: Array, hair: Array) -> Array:
    """Where the mixture replaces the body donor's face: the oval but for hair and deep shadow."""
    shape = (HEIGHT, WIDTH)
    oval = filled(target, topo.FACE_OVAL, shape)
    inner = grow(oval, -8)
    skin_lightness = float(np.median(body_lab[grow(oval, -60) > 0.5][:, 0]))
    shadow = 1 - smoothstep(blur(body_lab[..., 0], 2), skin_lightness - 32, skin_lightness - 18)
    features_ = grow(features(target, shape), 18)
    nose = filled(target, (168, 98, 327, 2, 164, 61, 291, 18), shape)
    keep_out = np.maximum(hair, shadow) * (1 - np.maximum(features_, grow(nose, 40)))
    # Only what hangs in from outside counts: spots inside the face are its own shading.
    blocked = (keep_out > 0.4).astype(np.uint8)
    seed = np.maximum(blocked, (grow(oval, -12) < 0.5).astype(np.uint8))
    _, labels = cv2.connectedComponents(seed)
    outside = (labels == labels[0, 0]).astype(np.float32) * blocked
    free = inner * (1 - grow(outside, 4))
    free = grow(grow(free, -6), 2)
    return blur(free, 5)


def join(face: Array, box: tuple[int, int, int, int], body: Array, mask: Array) -> Array:
    """Blend the mixture into the body by Laplacian pyramids, L*a*b*."""
    left, top, width, height = box
    region = body[top : top + height, left : left + width]
    local = mask[top : top + height, left : left + width]
    blended = collapse(
        [
            a * m[..., None] + b * (1 - m[..., None])
            for a, b, m in zip(pyramid(face), pyramid(region), gaussians(local), strict=True)
        ]
    )
    out = body.copy()
    out[top : top + height, left : left + width] = blended
    return out


# -- proof ---------------------------------------------------------------------------------


def prove(picture: Array, files: dict[str, Path], used: set[str]) -> dict[str, Any]:
    """How like the finished face (BGR) is to every portrait, and they to each other."""
    tracker = FaceTracker(static=True)

    def describe(bgr: Array) -> Array | None:
        rgb = np.ascontiguousarray(bgr[:, :, ::-1])
        faces = tracker.detect(rgb)
        return embed(rgb, faces[0]) if faces else None

    people = {k: describe(cv2.imread(str(p))) for k, p in files.items()}
    known = {k: v for k, v in people.items() if v is not None}
    vectors = np.array(list(known.values()))
    pairs = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    ours = describe(picture)
    if ours is None:
        raise RuntimeError("no face is found in the finished picture")
    likeness = vectors @ ours
    order = np.argsort(-likeness)
    nearest = [
        {
            "id": list(known)[i],
            "cosine": round(float(likeness[i]), 4),
            "donor": list(known)[i] in used,
        }
        for i in order[:5]
    ]
    limit = float(np.quantile(pairs, 0.999))
    return {
        "people": len(known),
        "different_people_cosine": {
            str(q): round(float(np.quantile(pairs, q)), 4) for q in (0.5, 0.99, 0.999, 0.9999)
        },
        "limit": round(limit, 4),
        "nearest": nearest,
        "nearest_percentile": round(float((pairs < likeness.max()).mean() * 100), 3),
        "passed": bool(likeness.max() < limit),
    }


# -- all of it -----------------------------------------------------------------------------


def compose(recipe: dict[str, Any], files: dict[str, Path]) -> tuple[Array, Array, Array]:
    """The wide picture (BGR uint8), its matte (0..1) and the face's landmarks on it (478, 2)."""
    donors, body = load_donors(recipe, files)
    place = recipe["place"]
    scale = place["scale"]
    angle = np.radians(place["degrees"])
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    pose = np.array([[c, s, 0.0], [-s, c, 0.0]])
    middle = move(pose, body.points[[33, 133, 362, 263]].mean(0)[None])[0]
    pose[:, 2] = [WIDTH / 2 + place["x"] - middle[0], place["eyes_y"] - middle[1]]
    own = move(pose, body.points)

    weights = np.array([d.weight for d in donors])
    aligned = [move(similarity(d.points[STABLE], own[STABLE]), d.points) for d in donors]
    target = np.tensordot(weights, np.array(aligned), 1)
    oval = list(topo.FACE_OVAL)
    meet = recipe["outline_of_body"]
    target[oval] = (1 - meet) * target[oval] + meet * own[oval]
    low, high = target.min(0) - 70, target.max(0) + 70
    left, top = (int(v) // 64 * 64 for v in low)
    width, height = (-(-int(v) // 64) * 64 for v in high - [left, top])
    box = (left, top, width, height)

    layer, alpha, edges = place_body(recipe, body, pose, target, own)
    lab = to_lab(layer)
    mask = face_mask(target, lab, hair_likeness(blur(lab, 1.5), recipe["colours"]))
    chin = float(target[152, 1])
    skin = grow(filled(target, topo.FACE_OVAL, (HEIGHT, WIDTH)), 6)
    below = (np.arange(HEIGHT) > target[164, 1]).astype(np.float32)[:, None]
    bare = np.maximum(mask, filled(target, topo.FACE_OVAL, (HEIGHT, WIDTH)) * below)
    for outline in recipe["body"]["skin"]:
        corners = np.array(outline, np.float64)
        if body.mirrored:
            corners[:, 0] = body.image.shape[1] - 1 - corners[:, 0]
        polygon = move(pose, corners)
        drawn = np.zeros_like(skin)
        cv2.fillPoly(drawn, [np.round(polygon * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
        skin = np.maximum(skin, grow(drawn, 18))
        bare = np.maximum(bare, blur(grow(drawn, -8), 4))
    lab = recolour(lab, recipe["colours"], blur(skin, 2), bare, chin)
    layer, alpha = extend_sides(to_bgr(lab), alpha, edges, recipe["body"]["reach"], recipe["seed"])
    backdrop = studio_backdrop(recipe["backdrop"], recipe["seed"])
    coloured = to_lab(layer * alpha[..., None] + (1 - alpha[..., None]) * backdrop)

    face = mix_face(recipe, donors, target, box)
    inside = mask[top : top + height, left : left + width] > 0.9
    inside &= features(target - [left, top], (height, width)) < 0.5
    region = coloured[top : top + height, left : left + width]
    face += region[inside].mean(0) - face[inside].mean(0)
    picture = to_bgr(join(face, box, coloured, mask))
    return np.round(picture).astype(np.uint8), alpha, target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--out", type=Path, help="default: the recipe's folder")
    parser.add_argument(
        "--no-proof", action="store_true", help="skip the check, write nothing else"
    )
    options = parser.parse_args()
    recipe = json.loads(options.recipe.read_text())
    out = options.out or options.recipe.parent
    out.mkdir(parents=True, exist_ok=True)
    files = find_files(options.portraits)
    wide, alpha, _ = compose(recipe, files)
    square = np.ascontiguousarray(wide[:, LEFT : LEFT + SQUARE])
    cv2.imwrite(str(out / "portrait.png"), square)
    cv2.imwrite(str(out / "portrait_wide.webp"), wide, [cv2.IMWRITE_WEBP_QUALITY, 95])
    matte_square = np.round(alpha[:, LEFT : LEFT + SQUARE] * 255).astype(np.uint8)
    cv2.imwrite(str(out / "matte.png"), matte_square)
    face = FaceTracker(static=True).detect(np.ascontiguousarray(square[:, :, ::-1]))[0]
    np.save(out / "landmarks.npy", face.points)
    if options.no_proof:
        return
    proof = prove(square, files, {*recipe["face"], recipe["body"]["donor"]})
    provenance = {
        "what": "A synthetic portrait: a person who does not exist.",
        "method": "scripts/compose_portrait.py with recipe.json beside this file",
        "made_on": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "face_donors": len(recipe["face"]),
        "weights": recipe["face"],
        "body_donors": 1,
        "sources": "official portraits, works of the US government, public domain",
        "licence": "CC0-1.0",
        "inter_ocular_px": round(inter_ocular(face.points[:, :2]), 1),
        "likeness": proof,
    }
    (out / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n")
    print(json.dumps(proof, indent=2))
    if not proof["passed"]:
        raise SystemExit("the face is too like one of the portraits: change the recipe")


if __name__ == "__main__":
    main()
