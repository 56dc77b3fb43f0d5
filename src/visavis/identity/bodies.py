"""Hair, neck and clothes for generated faces, without a face of their own.

Made by ``scripts/make_bodies.py`` from portraits: the person is cut out, the face is filled with
skin, and every pixel is told to be skin, hair or cloth, so that all three can take other colours.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

#: Width and height of a body's picture.
SIZE = 1024


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a body without loading it.

    Attributes:
        masculine: Gender presentation of hair and clothes, 0..1.
        bald: Whether there is no hair to speak of.
        hair: Its own hair colour, L*a*b*.
        skin: L* of its own skin.
    """

    masculine: float
    bald: bool
    hair: tuple[float, float, float]
    skin: float


@dataclass(frozen=True, slots=True)
class Body:
    """One body.

    Attributes:
        name: What it is called.
        card: What else is known of it.
        rgb: float32 ``(SIZE, SIZE, 3)``, 0..255; nothing where there is no body.
        alpha: ``(SIZE, SIZE)``, 0..1.
        labels: ``(SIZE, SIZE, 3)``: how much a pixel is skin, hair, cloth.
        points: ``(478, 3)`` landmarks of the face that was there, pixels.
    """

    name: str
    card: Card
    rgb: Array
    alpha: Array
    labels: Array
    points: Array


@cache
def cards() -> dict[str, Card]:
    """The bodies there are."""
    text = (resources.files("visavis.identity") / "data" / "bodies" / "bodies.json").read_text()
    return {
        name: Card(c["masculine"], c["bald"], tuple(c["hair"]), c["skin"])
        for name, c in json.loads(text).items()
    }


@cache
def load(name: str) -> Body:
    """A body by its name.

    Raises:
        KeyError: There is no such body.
    """
    card = cards()[name]
    folder = resources.files("visavis.identity") / "data" / "bodies"

    def picture(suffix: str) -> NDArray[np.uint8]:
        data = np.frombuffer((folder / f"{name}{suffix}").read_bytes(), np.uint8)
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)

    bgra = picture(".webp").astype(np.float32)
    labels = picture("_labels.webp")[:, :, ::-1].astype(np.float32) / 255
    with (folder / "points.npz").open("rb") as f, np.load(f) as z:
        points = z[name].astype(np.float32)
    return Body(
        name,
        card,
        np.ascontiguousarray(bgra[:, :, 2::-1]),
        (bgra[:, :, 3] / 255).astype(np.float32),
        labels / np.maximum(labels.sum(2, keepdims=True), 1e-3),
        points,
    )
