"""Faces as mixtures of archetypes, which are mixtures of people themselves."""

from __future__ import annotations

import numpy as np

from visavis.identity.generate import Wish
from visavis.identity.space import Code, FaceSpace, mix
from visavis.identity.traits import TRAITS

#: Archetypes in a face; with twelve people each, never fewer than eight people.
PARTS = 3
#: Width of the kernel over each trait within which archetypes are chosen.
NEAR = {"age": 9.0, "masculine": 0.25, "lightness": 5.0, "smile": 0.12, "width": 0.05, "open": 0.2}
#: How much of a mixture's distance from the mean is kept by block: light varies more between
#: portraits than builds do.
KEEP = {"shape": 0.9, "coarse": 0.65, "middle": 0.8, "detail": 1.15}


class Mixture:
    """Three archetypes near the wish for each block, mixed without loss of contrast."""

    @property
    def name(self) -> str:
        """What it is called in a face's record."""
        return "mixture"

    def code(self, space: FaceSpace, rng: np.random.Generator, wish: Wish) -> Code:
        """A code like the wish."""
        width = np.array([NEAR[t] for t in TRAITS])
        off = (space.archetype_traits - wish.traits) / width
        near = np.exp(-0.5 * np.minimum((off**2).sum(1), 60.0))
        near /= near.sum()

        def part() -> Code:
            chosen = rng.choice(
                len(near), PARTS, replace=False, p=(near + 1e-9) / (near + 1e-9).sum()
            )
            weights = rng.dirichlet(np.full(PARTS, 2.0)).astype(np.float32)
            return mix(space.archetypes[chosen], weights)

        # Style mixing (Karras et al. 2019): build, features and surface need not be of the same.
        # Features and detail belong together.
        build, shape, features = part(), part(), part()
        code = features.copy()
        for block, source in (
            ("shape", shape),
            ("coarse", build),
            ("middle", features),
            ("detail", features),
        ):
            at = space.blocks[block]
            code[at] = source[at] * KEEP[block]
        return code
