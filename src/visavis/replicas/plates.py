"""Separating a portrait into the person and a clean backdrop."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Mask = NDArray[np.float32]


def fill(image: NDArray[np.floating], known: Mask) -> NDArray[np.float32]:
    """Fill the unknown part of a picture smoothly from the known part (pull-push pyramid).

    Args:
        image: ``(h, w, c)``.
        known: ``(h, w)`` 0..1, 0 where the picture must be invented.
    """
    colour = image.astype(np.float32) * known[..., None]
    weight = known.astype(np.float32)
    levels = [(colour, weight)]
    while min(weight.shape) > 2:
        colour = np.asarray(cv2.pyrDown(colour), np.float32)
        weight = np.asarray(cv2.pyrDown(weight), np.float32)
        levels.append((colour, weight))
    out = levels[-1][0] / np.maximum(levels[-1][1], 1e-6)[..., None]
    for colour, weight in reversed(levels[:-1]):
        size = (weight.shape[1], weight.shape[0])
        below = cv2.resize(out, size, interpolation=cv2.INTER_LINEAR)
        w = np.clip(weight * 4, 0, 1)[..., None]
        out = colour / np.maximum(weight, 1e-6)[..., None] * w + below * (1 - w)
    return np.asarray(out, np.float32)


def clean_backdrop(image: Image, matte: Mask) -> Image:
    """The backdrop without the person: what is hidden is filled in, with the backdrop's grain."""
    h = matte.shape[0]
    person = cv2.dilate((matte > 0.01).astype(np.uint8), np.ones((h // 60, h // 60), np.uint8))
    known: Mask = (1 - np.asarray(person)).astype(np.float32)
    if known.mean() < 0.02:
        raise ValueError("the matte leaves no backdrop to see; use a portrait with some space")
    smooth = fill(image.astype(np.float32), known)
    smooth = np.asarray(cv2.GaussianBlur(smooth, (0, 0), h / 60), np.float32)
    grain = image.astype(np.float32) - cv2.GaussianBlur(image.astype(np.float32), (0, 0), 2)
    spread = float(np.std(grain[known > 0.5])) if (known > 0.5).any() else 0.0
    noise = np.random.default_rng(0).normal(0, min(spread, 3.0), image.shape)
    seen = cv2.GaussianBlur(known, (0, 0), h / 100)[..., None] * known[..., None]
    out = image.astype(np.float32) * seen + (smooth + noise) * (1 - seen)
    return np.asarray(np.clip(out, 0, 255), np.uint8)


def close_holes(image: Image, matte: Mask, backdrop: Image) -> Mask:
    """The matte with its holes closed where something other than the backdrop shows in them.

    Mattes lose earrings, glasses and the like. A hole is a part of the background that does not
    reach the picture's border.
    """
    outside = (matte < 0.9).astype(np.uint8)
    count, label = cv2.connectedComponents(outside, connectivity=4)
    rim = np.zeros(count, bool)
    for edge in (label[0], label[-1], label[:, 0], label[:, -1]):
        rim[np.unique(edge)] = True
    hole = ~rim[label] & (outside > 0)
    far = np.abs(image.astype(np.float32) - backdrop).max(2)
    seen = np.clip((far - 12) / 24, 0, 1)
    return np.asarray(np.where(hole, np.maximum(matte, seen), matte), np.float32)


def cut_out(image: Image, matte: Mask, backdrop: Image) -> Image:
    """RGBA of the person with the backdrop's colour taken out of the soft edges.

    ``I = a F + (1 - a) B`` is solved for ``F`` where ``a`` is large enough to trust, and ``F`` is
    carried outwards from there.
    """
    a = np.clip(matte, 0, 1)[..., None]
    solved = (image.astype(np.float32) - (1 - a) * backdrop) / np.maximum(a, 0.5)
    solved = np.clip(solved, 0, 255)
    sure = np.clip((a[..., 0] - 0.55) / 0.4, 0, 1).astype(np.float32)
    spread = fill(solved, sure)
    colour = solved * sure[..., None] + spread * (1 - sure[..., None])
    return np.dstack([np.clip(colour, 0, 255), a * 255 + 0.5]).astype(np.uint8)
