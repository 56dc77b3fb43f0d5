"""One interface over all generators: a seed and attributes in, a person who does not exist out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.identity.attributes import Attributes, HairColour, monk_to_lightness
from visavis.identity.bodies import Card, cards, load
from visavis.identity.compose import HAIR, Portrait, compose
from visavis.identity.space import Code, FaceSpace
from visavis.identity.traits import TRAITS
from visavis.identity.uniqueness import Likeness, likeness

#: Largest seed.
MAX_SEED = 2**63 - 1
#: Faces tried before a seed is given up.
TRIES = 12
#: Of what the linear model adds or takes away in years, pictures show about half.
USUAL_AGE, AGE_GAIN = 47.0, 2.0
#: L* that codes can say; beyond, the skin is relit.
LIGHTNESS = (53.0, 76.0)
#: The population's mouths, from no smile to the widest (see :func:`traits.smile_of`), and the
#: shares of width and height of faces called narrow and wide.
SMILES, WIDTHS = (0.97, 1.36), (0.775, 0.865)
#: Traits that codes are moved to; whether lips are apart is the archetypes' choice.
STEERED = tuple(t for t in TRAITS if t != "open")
#: From this smile on, teeth are seen.
TEETH = 0.75


class GenerationError(ValueError):
    """A face that cannot be generated; the message says what to ask for instead."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Attributes made definite.

    Attributes:
        attributes: All of them, none None.
        traits: What the face's traits shall be, in the order of ``TRAITS``.
        lightness: L* of the skin.
    """

    attributes: Attributes
    traits: NDArray[np.float32]
    lightness: float


class Generator(Protocol):
    """Makes codes."""

    @property
    def name(self) -> str:
        """What it is called in a face's record."""
        ...

    def code(self, space: FaceSpace, rng: np.random.Generator, wish: Wish) -> Code:
        """A code like the wish; :func:`steer` brings it nearer afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Face:
    """A person who does not exist.

    Attributes:
        seed: With the method and the attributes it makes the same face again.
        method: The generator's name.
        attributes: What was asked for and what the seed chose.
        code: In the face space.
        body: Name of hair and clothes.
        likeness: How near the nearest real person is.
        portrait: The pictures.
        light: From where the light comes: -1 the picture's left, 0 as in the code, 1 its right.
        gaze: Where the eyes look: -1 the picture's left, 0 ahead, 1 its right.
        refused: How many before it were too like somebody.
    """

    seed: int
    method: str
    attributes: Attributes
    code: Code
    body: str
    likeness: Likeness
    portrait: Portrait
    light: float = 0.0
    gaze: float = 0.0
    refused: int = 0


def generate(
    generator: Generator,
    space: FaceSpace,
    seed: int,
    attributes: Attributes | None = None,
) -> Face:
    """A face that is like nobody in the population.

    Args:
        generator: Makes the code.
        space: What codes mean.
        seed: 0 to :data:`MAX_SEED`.
        attributes: What it should be like; the seed chooses the rest.

    Raises:
        GenerationError: The seed is out of range, or all that was tried was too like a person.
    """
    if not 0 <= seed <= MAX_SEED:
        raise GenerationError(f"seed: give a whole number from 0 to {MAX_SEED}, got {seed}")
    streams = np.random.default_rng(seed).spawn(TRIES + 1)
    wish = decide(attributes or Attributes(), streams[0])
    body = choose_body(wish, streams[0])
    for refused, rng in enumerate(streams[1:]):
        code = steer(space, generator.code(space, rng, wish), wish)
        portrait = draw(space, code, body, wish, seed)
        near = likeness(space, portrait.image)
        if near.unlike:
            return Face(
                seed, generator.name, wish.attributes, code, body, near, portrait, refused=refused
            )
    raise GenerationError(
        f"seed {seed}: {TRIES} faces in a row were too like a real person; try another seed or "
        "ask for less at once"
    )


def draw(
    space: FaceSpace,
    code: Code,
    body: str,
    wish: Wish,
    seed: int,
    *,
    light: float = 0.0,
    gaze: float = 0.0,
) -> Portrait:
    """The portrait of a code."""
    return compose(
        space,
        code,
        load(body),
        hair=wish.attributes.hair,
        lightness=wish.lightness,
        closed=(wish.attributes.smile or 0.0) < TEETH,
        light=light,
        gaze=gaze,
        backdrop=seed % 2**32,
    )


def decide(attributes: Attributes, rng: np.random.Generator) -> Wish:
    """What the person did not ask for is drawn; every draw is made, so that a wish changes one."""
    drawn = {
        "age": float(np.clip(rng.normal(45, 13), 24, 78)),
        "gender": float(rng.integers(2)),
        "skin_tone": float(rng.uniform(1.5, 9.0)),
        "face_width": float(np.clip(rng.normal(0, 0.4), -1, 1)),
        "smile": float(rng.choice([0.15, 0.35, 0.5])),
        "hair": None,
    }
    given = attributes.model_dump(exclude_none=True)
    merged = drawn | given
    natural = rng.uniform(size=2)
    if merged["hair"] is None:
        merged["hair"] = _natural_hair(merged["age"], merged["skin_tone"], natural)
    full = Attributes(**merged)
    lightness = monk_to_lightness(merged["skin_tone"])
    smile = merged["smile"]
    traits = {
        "age": USUAL_AGE + AGE_GAIN * (merged["age"] - USUAL_AGE),
        "masculine": 0.02 + 0.96 * merged["gender"],
        "lightness": float(np.clip(lightness, *LIGHTNESS)),
        "smile": SMILES[0] + (SMILES[1] - SMILES[0]) * smile,
        "width": WIDTHS[0] + (WIDTHS[1] - WIDTHS[0]) * (merged["face_width"] + 1) / 2,
        "open": float(smile >= TEETH),
    }
    return Wish(full, np.array([traits[t] for t in TRAITS], np.float32), lightness)


def _natural_hair(age: float, tone: float, draw: NDArray[np.float64]) -> HairColour:
    """A colour that is usual at that age and with that skin."""
    if draw[0] < (age - 48) / 28:
        return "white" if draw[1] < (age - 62) / 25 else "grey"
    if tone > 6 or draw[1] < (tone - 1) / 8:
        return "black"
    return "blond" if draw[1] > 0.8 else "auburn" if draw[1] > 0.72 else "brown"


def choose_body(wish: Wish, rng: np.random.Generator) -> str:
    """Hair and clothes that suit: of the gender, with skin and hair not far from the wished."""
    a = wish.attributes
    wanted = HAIR[a.hair or "brown"]

    def strain(card: Card) -> float:
        skin = abs(card.skin - wish.lightness) / 9
        # Dark hair lit from behind cannot be bleached; fair hair is easily dyed.
        lift = (wanted[0] - card.hair[0]) / 14
        hair = 0.0 if card.bald else max(lift, -0.35 * lift)
        bald = 1.5 if card.bald and (a.age or 45) < 35 else 0.0
        return skin**2 + hair**2 + 9 * abs(card.masculine - (a.gender or 0.0)) + bald

    names = list(cards())
    strains = np.array([strain(c) for c in cards().values()])
    p = np.exp(-(strains - strains.min()) * 1.2)
    return names[int(rng.choice(len(names), p=p / p.sum()))]


def steer(space: FaceSpace, code: Code, wish: Wish, traits: Sequence[str] = STEERED) -> Code:
    """The nearest code with the wished traits.

    Traits are linear in the code, and a code's entries are of equal size in the population, so the
    least unusual change is the shortest (the pseudoinverse's). A wish that would take more than
    three standard deviations in any entry is met as far as it goes.

    Args:
        space: The space.
        code: To begin from.
        wish: What is wished.
        traits: Which of its traits.
    """
    smooth = space.smooth
    rows = space.trait_rows[:, smooth]
    which = [TRAITS.index(t) for t in traits]
    missing = (wish.traits - space.traits(code))[which]
    a = rows[which]
    gram = a @ a.T
    change = a.T @ np.linalg.solve(gram + 1e-3 * np.diag(np.diag(gram)), missing)
    out = code.copy()
    out[smooth] = np.clip(code[smooth] + change, -3.2, 3.2)
    return out
