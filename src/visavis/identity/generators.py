"""The generators by name."""

from __future__ import annotations

from visavis.identity.generate import Generator
from visavis.identity.mixture import Mixture

_KNOWN: dict[str, type[Mixture]] = {"mixture": Mixture}


def names() -> tuple[str, ...]:
    """All there are, the default first."""
    return tuple(_KNOWN)


def generator(name: str) -> Generator:
    """A generator by its name.

    Raises:
        LookupError: There is none of that name.
    """
    if name not in _KNOWN:
        raise LookupError(f"no generator {name!r}; there are {', '.join(_KNOWN)}")
    return _KNOWN[name]()
