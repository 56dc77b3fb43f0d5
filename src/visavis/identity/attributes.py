"""What can be asked of a generated face."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

HairColour = Literal["black", "brown", "auburn", "blond", "grey", "white"]

#: L* of skin in a studio portrait for each tone of the Monk scale (Monk 2019), 1 to 10. The
#: scale's own swatches are flat colours; a lit face spans less.
MONK_LIGHTNESS = (79.0, 77.0, 74.5, 71.0, 66.0, 59.0, 52.0, 45.5, 39.0, 33.0)


class Attributes(BaseModel):
    """What a face should be like. What is not given is left to the seed.

    Attributes:
        age: Apparent age in years.
        gender: Gender presentation: 0 feminine to 1 masculine.
        skin_tone: On the Monk scale, 1 lightest to 10 darkest.
        face_width: -1 narrow to 1 wide.
        hair: Its colour.
        smile: 0 none, 0.5 with closed lips, 1 with teeth.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    age: Annotated[float, Field(ge=20, le=85)] | None = None
    gender: Annotated[float, Field(ge=0, le=1)] | None = None
    skin_tone: Annotated[float, Field(ge=1, le=10)] | None = None
    face_width: Annotated[float, Field(ge=-1, le=1)] | None = None
    hair: HairColour | None = None
    smile: Annotated[float, Field(ge=0, le=1)] | None = None


def monk_to_lightness(tone: float) -> float:
    """L* of a tone of the Monk scale in studio light."""
    return float(np.interp(tone, np.arange(1, 11), MONK_LIGHTNESS))


def lightness_to_monk(lightness: float) -> float:
    """The tone whose L* that is, 1..10."""
    return float(np.interp(-lightness, -np.array(MONK_LIGHTNESS), np.arange(1, 11)))
