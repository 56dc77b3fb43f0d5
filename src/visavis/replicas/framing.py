"""Placing the person of a photo in a wide frame, on a calm backdrop that goes on to its edges.

Portrait photos are upright or square, a video call is wide. The head is put where a portrait
painter would, what the photo does not show of the backdrop is filled in, and shoulders that the
photo's edge cuts off are continued: mirrored cloth along a shoulder line that falls to an arm.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.faces import matte as person_matte
from visavis.replicas.photo import PhotoError, PhotoProblem
from visavis.replicas.plates import clean_backdrop, close_holes, cut_out, fill

Image = NDArray[np.uint8]
Mask = NDArray[np.float32]
Array = NDArray[np.float64]

#: Every portrait is captured at this width and height.
FRAME = (1920, 1080)
#: Distance of the pupils in a frame, in frame heights: what is liked, and the most.
PUPILS, PUPILS_MAX = 0.172, 0.235
#: Height of the eyes in the frame: liked, and the limits.
EYES, EYES_HIGH, EYES_LOW = 0.45, 0.33, 0.52
#: Half the width of a body at the shoulders, in pupil distances (anthropometric mean 3.6).
SHOULDER = 3.6


@dataclass(frozen=True, slots=True)
class Framed:
    """A portrait in its frame.

    Attributes:
        image: uint8 RGB ``(h, w, 3)``.
        points: ``(478, 3)`` landmarks, pixels.
        matte: ``(h, w)`` 0..1, the person.
        backdrop: uint8 RGB ``(h, w, 3)``, the frame without the person.
    """

    image: Image
    points: Array
    matte: Mask
    backdrop: Image


def guided_filter(guide: Image, mask: Mask, radius: int, eps: float = 1e-4) -> Mask:
    """Make a coarse mask follow the edges of a picture (He, Sun and Tang 2010, gray guide)."""
    g = cv2.cvtColor(guide, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    box = (2 * radius + 1, 2 * radius + 1)

    def mean(x: NDArray[np.floating]) -> Mask:
        return np.asarray(cv2.blur(x, box), np.float32)

    mg, mm = mean(g), mean(mask)
    a = (mean(g * mask) - mg * mm) / (mean(g * g) - mg * mg + eps)
    return np.clip(mean(a) * g + mean(mm - a * mg), 0, 1).astype(np.float32)


def fine_matte(image: Image, pupils: Array) -> Mask:
    """The person, looked at twice: the whole picture, and the head from near.

    Args:
        image: uint8 RGB ``(h, w, 3)``.
        pupils: ``(2, 2)`` pixels.
    """
    h, w = image.shape[:2]
    unit = float(np.linalg.norm(pupils[1] - pupils[0]))
    out = person_matte(image)
    cx, cy = pupils.mean(0)
    x0, x1 = max(0, round(cx - 3.2 * unit)), min(w, round(cx + 3.2 * unit))
    y0, y1 = max(0, round(cy - 3.0 * unit)), min(h, round(cy + 3.4 * unit))
    near = person_matte(np.ascontiguousarray(image[y0:y1, x0:x1]))
    # no seam where the near look ends, except at the picture's own edges
    ramp = [np.full(n, np.inf) for n in near.shape]
    for axis, (low, high, size) in enumerate(((y0, y1, h), (x0, x1, w))):
        at = np.arange(near.shape[axis])
        if low > 0:
            ramp[axis] = np.minimum(ramp[axis], at)
        if high < size:
            ramp[axis] = np.minimum(ramp[axis], at[::-1])
    weight = np.clip(np.minimum(ramp[0][:, None], ramp[1][None]) / (0.6 * unit), 0, 1)
    out[y0:y1, x0:x1] += (weight * (near - out[y0:y1, x0:x1])).astype(np.float32)
    out = guided_filter(image, out, max(2, round(0.06 * unit)))
    out = np.clip((out - 0.12) / 0.76, 0, 1).astype(np.float32)
    return _only_one_at(out, round(cx), round(cy), max(2, round(0.05 * unit)))


def _only_one_at(matte: Mask, x: int, y: int, soft: int) -> Mask:
    """The matte without parts that do not hang together with the pixel at ``(x, y)``."""
    label = cv2.connectedComponents((matte > 0.5).astype(np.uint8))[1]
    own = (label == label[y, x]).astype(np.uint8)
    near = cv2.dilate(own, np.ones((2 * soft + 1, 2 * soft + 1), np.uint8))
    return np.asarray(matte * near, np.float32)


def _place(h: int, eyes_y: float, unit: float, head_cut: bool) -> tuple[float, float]:
    """Scale of the photo in the frame, and the frame height at which its eyes come to lie.

    Raises:
        PhotoError: ``CROPPED``: there is too little above or below the eyes.
    """
    above, below = eyes_y / unit, (h - 1 - eyes_y) / unit
    pupils = max(PUPILS, (1 - EYES_LOW) / below)
    if head_cut:
        pupils = max(pupils, EYES_HIGH / above, 1 / (above + below))
    if pupils > PUPILS_MAX:
        raise PhotoError(PhotoProblem.CROPPED, "The head is cut off at the picture's edge.")
    at = max(EYES, 1 - below * pupils)
    if head_cut:
        at = min(at, above * pupils)
    return pupils * FRAME[1] / unit, at


def _silhouette(matte: Mask) -> NDArray[np.int64]:
    """Per column, the top of the person's part that stands on the lower edge; height if none."""
    h = matte.shape[0]
    gap = matte[::-1] < 0.5
    first = np.where(gap.any(0), gap.argmax(0), h)
    return np.asarray(h - first, np.int64)


def _continue_shoulder(image: Image, matte: Mask, edge: int, reach: float, unit: float) -> None:
    """Fill the columns left of ``edge`` with the shoulder that the photo's edge cuts off.

    In place. ``reach`` is how far the body goes on, in pixels; to the right, pass flipped views.
    """
    h = matte.shape[0]
    look = round(0.5 * unit)
    top = _silhouette(matte[:, edge : edge + max(look, round(reach)) + 2]).astype(float)
    if top[:4].mean() > h - 0.03 * h or top[:look].max() >= h:
        return
    smooth = np.convolve(np.pad(top, 8, mode="edge"), np.ones(17) / 17, "valid")
    slope = float(np.clip((smooth[0] - smooth[look - 1]) / look, 0.1, 2.0))
    count = min(edge, round(reach))
    d = np.arange(1, count + 1)
    outer = smooth[0] + slope * d + (h - smooth[0]) * (1 - np.sqrt(1 - (d / (reach + 1)) ** 2))
    # mirror no further in than the shoulder goes, which ends where the neck rises
    neck = np.flatnonzero(smooth[:-9] - smooth[9:] > 1.6 * 9)
    inner = np.minimum(d, int(neck[0]) if len(neck) else len(smooth) - 1)
    rows = np.arange(h)[:, None] + (smooth[inner] - outer)[None]
    columns = np.broadcast_to((edge + inner)[None], rows.shape)
    maps = columns[:, ::-1].astype(np.float32), rows[:, ::-1].astype(np.float32)
    for picture in (image, matte):
        strip = cv2.remap(picture, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        picture[:, edge - count : edge] = strip
    matte[:, edge - count : edge][rows[:, ::-1] < top[inner][::-1] - 3] = 0


def _reduced(photo: Image, points: Array) -> tuple[Image, Array]:
    """A photo with no more detail than frames show: more would only cost time and memory."""
    share = 1.2 * PUPILS_MAX * FRAME[1] / float(np.linalg.norm(points[473, :2] - points[468, :2]))
    if share >= 1:
        return photo, points
    size = (round(photo.shape[1] * share), round(photo.shape[0] * share))
    smaller = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
    fx, fy = size[0] / photo.shape[1], size[1] / photo.shape[0]
    return smaller, points * (fx, fy, (fx + fy) / 2) + ((fx - 1) / 2, (fy - 1) / 2, 0)


def frame_portrait(photo: Image, points: Array) -> Framed:
    """Put the person into a frame of :data:`FRAME` pixels.

    Args:
        photo: uint8 RGB ``(h, w, 3)``.
        points: ``(478, 3)`` landmarks, pixels.

    Raises:
        PhotoError: ``CROPPED``, if the photo shows too little around the face.
    """
    width, height = FRAME
    photo, points = _reduced(photo, points)
    pupils = points[[468, 473], :2]
    unit = float(np.linalg.norm(pupils[1] - pupils[0]))
    matte = fine_matte(photo, pupils)
    eyes = pupils.mean(0)
    face = slice(round(points[:, 0].min()), round(points[:, 0].max()))
    head_cut = bool((matte[:3, face] > 0.6).mean() > 0.25)
    scale, at = _place(photo.shape[0], float(eyes[1]), unit, head_cut)

    # the part of the photo that the frame sees, at its size in the frame
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = (round(photo.shape[1] * scale), round(photo.shape[0] * scale))
    sx, sy = size[0] / photo.shape[1], size[1] / photo.shape[0]
    small = np.asarray(cv2.resize(photo, size, interpolation=method), np.uint8)
    alpha = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_LINEAR), np.float32)
    middle = float(points[[234, 454], 0].mean()) * sx
    left = round(width / 2 - middle)
    top = round(at * height - (eyes[1] + 0.5) * sy)
    x0, x1 = max(0, left), min(width, left + size[0])
    y0, y1 = max(0, top), min(height, top + size[1])
    inside = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    image = np.zeros((height, width, 3), np.uint8)
    person = np.zeros((height, width), np.float32)
    seen = np.zeros((height, width), np.float32)
    image[y0:y1, x0:x1], person[y0:y1, x0:x1] = small[inside], alpha[inside]
    seen[y0:y1, x0:x1] = 1
    if y1 < height:  # rounding may leave a row
        image[y1:], person[y1:], seen[y1:] = image[y1 - 1], person[y1 - 1], seen[y1 - 1]
    moved = points * (sx, sy, (sx + sy) / 2)
    moved[:, :2] += ((sx - 1) / 2 + left, (sy - 1) / 2 + top)
    unit *= scale

    backdrop = _backdrop(image, person, seen, unit)
    if x0 > 0 or x1 < width or y0 > 0:
        cut = cut_out(image, close_holes(image, person, backdrop), backdrop)
        image = np.ascontiguousarray(cut[..., :3])
        person = np.asarray(cut[..., 3] / 255, np.float32)
        middle_x = width / 2
        if x0 > 0:
            reach = max(0.5 * unit, SHOULDER * unit - (middle_x - x0))
            _continue_shoulder(image, person, x0, reach, unit)
        if x1 < width:
            reach = max(0.5 * unit, SHOULDER * unit - (x1 - middle_x))
            _continue_shoulder(image[:, ::-1], person[:, ::-1], width - x1, reach, unit)
        over = image * person[..., None] + backdrop * (1 - person[..., None])
        image = np.asarray(np.clip(over + 0.5, 0, 255), np.uint8)
    return Framed(image, moved, person, backdrop)


def _backdrop(image: Image, person: Mask, seen: Mask, unit: float) -> Image:
    """The frame without the person.

    A photo that fills the frame keeps its backdrop. Where one ends inside the frame, what it shows
    is blurred and carried on, as a lens would throw it out of focus: no edge of the photo remains.
    """
    if seen.all():
        return clean_backdrop(image, person)
    spread = max(3, round(0.12 * unit)) | 1
    near = cv2.dilate((person > 0.02).astype(np.uint8), np.ones((spread, spread), np.uint8))
    known = np.asarray(seen * (1 - np.asarray(near, np.float32)), np.float32)
    if known.mean() < 0.01:
        raise PhotoError(PhotoProblem.CROPPED, "There is nothing to see around the person.")
    smooth = fill(image.astype(np.float32), known)
    smooth = np.asarray(cv2.GaussianBlur(smooth, (0, 0), 0.25 * unit), np.float32)
    fine = image.astype(np.float32) - cv2.GaussianBlur(image.astype(np.float32), (0, 0), 2)
    grain = min(float(np.std(fine[known > 0.5])), 1.5)
    noise = np.random.default_rng(0).normal(0, grain, (*image.shape[:2], 1))
    return np.asarray(np.clip(smooth + noise, 0, 255), np.uint8)
