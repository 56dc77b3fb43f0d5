"""Following a face through a film: everything the measures need, pictures passed only once."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.face.performance import Performance, Picture
from visavis.faces import FaceTracker, embed, inter_ocular, mouth_opening
from visavis.faces.measures import eye_opening, mouth_width
from visavis.media.video import VideoError

Array = NDArray[np.float64]

#: Seconds between two looks at who it is.
IDENTITY_EVERY = 0.5
#: Width at which flicker is looked for, pixels.
STILL_WIDTH = 160
#: Points that neither speech nor expression moves: corners of the eyes, bridge of the nose.
RIGID = (33, 133, 263, 362, 168, 6, 197)
#: Pictures of the mouth and of the eyes kept for the report: size in pixels.
CROP, EYES_CROP = (128, 96), (128, 48)
#: At least this part of the pictures must show the face.
MIN_SEEN = 0.8


@dataclass(slots=True)
class Track:
    """What was seen, one row for each picture with a face in it.

    Attributes:
        t: Seconds.
        opening: Gap between the inner lips, in inter-ocular distances.
        width: Between the corners of the mouth, same unit.
        eyes: Lid gap over eye width, mean of both eyes.
        rigid: ``(n, k, 2)`` points of the skull in the picture, in inter-ocular distances.
        identity_t: Times of the embeddings, s.
        identity: ``(m, 1024)`` unit embeddings.
        flicker: Mean absolute second difference in time of still places, of 255.
        mouths: JPEG pictures of the mouth.
        glances: JPEG pictures of both eyes.
        seen: Part of the pictures in which there was a face.
    """

    t: Array
    opening: Array
    width: Array
    eyes: Array
    rigid: Array
    identity_t: Array
    identity: Array
    flicker: float
    seen: float
    mouths: list[bytes] = field(default_factory=list)
    glances: list[bytes] = field(default_factory=list)


def follow(performance: Performance) -> Track:
    """Track the one face of a film.

    Raises:
        VideoError: There is no face, or only now and then.
    """
    tracker = FaceTracker(static=False)
    rows: list[tuple[float, float, float, float]] = []
    rigid, units, mouths, glances, identity, identity_t = [], [], [], [], [], []
    still = _Still()
    count, looked = 0, -1e9
    for t, picture in performance.frames():
        count += 1
        still.add(picture)
        faces = tracker.detect(picture)
        if not faces:
            continue
        p = faces[0].points
        unit = inter_ocular(p)
        rows.append((t, mouth_opening(p), mouth_width(p), float(np.mean(eye_opening(p)))))
        rigid.append(p[list(RIGID), :2])
        units.append(unit)
        mouths.append(_zoom(picture, (p[61] + p[291]) / 2, unit, CROP))
        glances.append(_zoom(picture, p[[33, 133, 263, 362]].mean(0), unit, EYES_CROP))
        if t - looked >= IDENTITY_EVERY:
            identity.append(embed(picture, faces[0]))
            identity_t.append(t)
            looked = t
    seen = len(rows) / max(count, 1)
    if seen < MIN_SEEN:
        raise VideoError(
            f"{performance.name}: a face was found in {100 * seen:.0f} % of the pictures; "
            f"{100 * MIN_SEEN:.0f} % are needed. Cut the film to where one face looks out of it."
        )
    t_, opening, width, eyes = np.array(rows).T
    return Track(
        t=t_,
        opening=opening,
        width=width,
        eyes=eyes,
        # one scale for the whole film: the eyes' distance itself is uncertain by a pixel
        rigid=np.array(rigid, float) / float(np.median(units)),
        identity_t=np.array(identity_t),
        identity=np.array(identity, float),
        flicker=still.flicker(),
        seen=seen,
        mouths=mouths,
        glances=glances,
    )


def _zoom(
    picture: Picture, middle: NDArray[np.floating], unit: float, size: tuple[int, int]
) -> bytes:
    """A JPEG of `size`, 1.7 inter-ocular distances (`unit`, pixels) wide, about `middle`."""
    k = size[0] / (1.7 * unit)
    m = np.array([[k, 0, size[0] / 2 - middle[0] * k], [0, k, size[1] / 2 - middle[1] * k]])
    crop = cv2.warpAffine(picture, m, size, flags=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", crop[..., ::-1])[1].tobytes())


class _Still:
    """Flicker: second differences in time, at places that hardly change otherwise.

    A second difference is blind to slow drifts of light; the quietest fifth of the picture is
    where nothing moves, whatever the film.
    """

    def __init__(self) -> None:
        self._last: list[NDArray[np.float32]] = []
        self._sum: Array | None = None
        self._count = 0

    def add(self, picture: Picture) -> None:
        height = max(2, picture.shape[0] * STILL_WIDTH // picture.shape[1])
        small = cv2.resize(picture, (STILL_WIDTH, height), interpolation=cv2.INTER_AREA)
        self._last = [*self._last[-2:], small.mean(2).astype(np.float32)]
        if len(self._last) == 3 and self._last[0].shape == self._last[2].shape:
            a, b, c = self._last
            change = np.abs(a - 2 * b + c).astype(float)
            self._sum = change if self._sum is None else self._sum + change
            self._count += 1

    def flicker(self) -> float:
        if self._sum is None:
            return 0.0
        mean = np.sort((self._sum / self._count).ravel())
        return float(mean[: max(1, len(mean) // 5)].mean())
