"""The replicas that come with the package: people who do not exist."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from visavis.replicas.bundle import MANIFEST, Replica, load


def _stock_folder() -> Path:
    return Path(str(resources.files("visavis.replicas"))) / "stock"


def stock_names() -> list[str]:
    """Names of the stock replicas, sorted."""
    return sorted(p.parent.parent.name for p in _stock_folder().glob(f"*/bundle/{MANIFEST}"))


def load_stock(name: str | None = None) -> Replica:
    """A stock replica, verified; the first one if no name is given.

    Raises:
        LookupError: There is none of that name.
    """
    names = stock_names()
    if name is None and names:
        name = names[0]
    if name not in names:
        known = ", ".join(names) or "none"
        raise LookupError(f"no stock replica {name!r}; there are: {known}")
    return load(_stock_folder() / name / "bundle")
