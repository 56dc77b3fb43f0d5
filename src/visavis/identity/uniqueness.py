"""Nobody real is behind a generated face: it is compared with everybody it was learned from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from visavis.faces import FaceTracker
from visavis.faces.embedding import embed
from visavis.identity.space import FaceSpace


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like the nearest person of the population a face is.

    Attributes:
        nearest: Cosine of the embeddings; near 0 for strangers, about 0.8 for the same person.
        limit: 99.9 % of the pairs of different people stay below this.
        people: With how many it was compared.
        embedding: float32 ``(1024,)``, of the face itself.
    """

    nearest: float
    limit: float
    people: int
    embedding: NDArray[np.float32]

    @property
    def unlike(self) -> bool:
        """Whether it is like nobody."""
        return self.nearest < self.limit


@cache
def _tracker() -> FaceTracker:
    return FaceTracker(static=True)


def likeness(space: FaceSpace, image: NDArray[np.uint8]) -> Likeness:
    """Compare the face in a picture with the population.

    Args:
        space: Holds the embeddings.
        image: uint8 RGB ``(height, width, 3)``.

    Raises:
        ValueError: There is no face in it.
    """
    faces = _tracker().detect(image)
    if not faces:
        raise ValueError("no face is found in the picture")
    own = embed(image, faces[0])
    return Likeness(float((space.people @ own).max()), space.limit, len(space.people), own)
