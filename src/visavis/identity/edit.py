"""One identity, many pictures: change what is asked for, keep who it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from visavis.identity.attributes import HairColour
from visavis.identity.generate import TEETH, Face, Wish, decide, draw, steer
from visavis.identity.space import FaceSpace
from visavis.identity.uniqueness import likeness


class Changes(BaseModel):
    """What another picture of the same person shows; what is not given stays.

    Attributes:
        age: Apparent age in years.
        smile: 0 none to 1; teeth are not added to a face without, nor taken away.
        light: From where: -1 the picture's left, 1 its right.
        hair: Another colour.
        gaze: Where the eyes look: -1 the picture's left, 1 its right.
        body: Other hair and clothes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    age: Annotated[float, Field(ge=20, le=85)] | None = None
    smile: Annotated[float, Field(ge=0, le=1)] | None = None
    light: Annotated[float, Field(ge=-1, le=1)] | None = None
    hair: HairColour | None = None
    gaze: Annotated[float, Field(ge=-1, le=1)] | None = None
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Edited:
    """A face after a change.

    Attributes:
        face: As from :func:`visavis.identity.generate.generate`.
        same: Cosine of the embeddings before and after.
    """

    face: Face
    same: float


def edit(space: FaceSpace, face: Face, changes: Changes) -> Edited:
    """Another picture of the same person.

    The code moves along the shortest way that changes what is asked for and keeps the other
    traits: the linear model knows what belongs together in the population.

    Args:
        space: What codes mean.
        face: Whom to show.
        changes: How.

    Raises:
        KeyError: There is no such body.
    """
    before = face.attributes
    given = changes.model_dump(include={"age", "smile", "hair"}, exclude_none=True)
    if before.smile is not None and changes.smile is not None:
        given["smile"] = _with_or_without_teeth(before.smile, changes.smile)
    after = before.model_copy(update=given)
    # Nothing is left to chance: all attributes are there.
    old, new = (decide(a, np.random.default_rng(0)) for a in (before, after))
    traits = space.traits(face.code) + (new.traits - old.traits)
    code = face.code
    if changes.age is not None or changes.smile is not None:
        code = steer(space, code, Wish(after, traits, new.lightness))
    portrait = draw(
        space,
        code,
        changes.body or face.body,
        new,
        face.seed,
        light=changes.light if changes.light is not None else face.light,
        gaze=changes.gaze if changes.gaze is not None else face.gaze,
    )
    near = likeness(space, portrait.image)
    shown = Face(
        face.seed,
        face.method,
        after,
        code,
        changes.body or face.body,
        near,
        portrait,
        changes.light if changes.light is not None else face.light,
        changes.gaze if changes.gaze is not None else face.gaze,
    )
    return Edited(shown, float(near.embedding @ face.likeness.embedding))


def _with_or_without_teeth(before: float, after: float) -> float:
    return min(after, TEETH - 0.01) if before < TEETH else max(after, TEETH)
