"""A generated face on disk: pictures, and the record from which it can be shown again or edited."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from visavis.identity.attributes import Attributes
from visavis.identity.bodies import cards
from visavis.identity.generate import MAX_SEED, Face, decide, draw
from visavis.identity.space import FaceSpace, SpaceError
from visavis.identity.uniqueness import likeness


class RecordError(ValueError):
    """A record that cannot be read; the message says why."""


class FaceRecord(BaseModel):
    """All that makes a generated face, and the proof that it is nobody's.

    Attributes:
        what: Says that no such person exists.
        seed, method, attributes, body, light, gaze: As in
            :class:`visavis.identity.generate.Face`.
        code: In the face space.
        nearest: Cosine to the embedding of the nearest person of the population.
        limit: What 99.9 % of the pairs of different people stay below.
        people: With how many people it was compared.
    """

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    what: str = "A synthetic portrait: a person who does not exist. AI-generated."
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)]
    method: Annotated[str, Field(max_length=40)]
    attributes: Attributes
    body: str
    light: Annotated[float, Field(ge=-1, le=1)] = 0.0
    gaze: Annotated[float, Field(ge=-1, le=1)] = 0.0
    code: list[Annotated[float, Field(allow_inf_nan=False)]]
    nearest: float
    limit: float
    people: int

    @staticmethod
    def of(face: Face) -> FaceRecord:
        """The record of a face."""
        return FaceRecord(
            seed=face.seed,
            method=face.method,
            attributes=face.attributes,
            body=face.body,
            light=face.light,
            gaze=face.gaze,
            code=[round(float(c), 4) for c in face.code],
            nearest=round(face.likeness.nearest, 4),
            limit=round(face.likeness.limit, 4),
            people=face.likeness.people,
        )

    def face(self, space: FaceSpace) -> Face:
        """The face again, drawn and compared anew.

        Raises:
            RecordError: It does not fit the space or names a body that is not there.
        """
        if self.body not in cards():
            raise RecordError(f"body: there is no {self.body!r}; there are {', '.join(cards())}")
        try:
            code = space.check(np.array(self.code, np.float32))
        except SpaceError as e:
            raise RecordError(f"code: made with another face space ({e})") from e
        wish = decide(self.attributes, np.random.default_rng(0))
        portrait = draw(space, code, self.body, wish, self.seed, light=self.light, gaze=self.gaze)
        near = likeness(space, portrait.image)
        return Face(
            self.seed, self.method, self.attributes, code, self.body, near, portrait,
            self.light, self.gaze,
        )  # fmt: skip


def read_record(path: Path) -> FaceRecord:
    """A record by its path, or by that of a picture beside it.

    Raises:
        RecordError: It is not there or is none.
    """
    path = path.with_suffix(".json")
    try:
        return FaceRecord.model_validate_json(path.read_bytes())
    except OSError as e:
        raise RecordError(f"{path} cannot be read: {e.strerror or e}") from e
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(p) for p in first["loc"]) or "file"
        raise RecordError(f"{path} is no record of a face: {where}: {first['msg']}") from e


def png(image: NDArray[np.uint8]) -> bytes:
    """RGB or RGBA as PNG."""
    order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    return bytes(cv2.imencode(".png", cv2.cvtColor(image, order))[1].tobytes())


def cutout(face: Face) -> NDArray[np.uint8]:
    """The person alone, RGBA."""
    alpha = np.round(face.portrait.alpha * 255).astype(np.uint8)
    return np.dstack([face.portrait.person, alpha])


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
