"""The replicas that come with the package: people who do not exist."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from visavis.replicas.bundle import MANIFEST, Replica, load
from visavis.replicas.errors import ReplicaError


def _stock_folder() -> Path:
    return Path(str(resources.files("visavis.replicas"))) / "stock"


#: Whoever asks for nobody in particular meets her.
DEFAULT = "clara"


def _stock() -> dict[str, Path]:
    """Bundles by name: folders, or zips."""
    folders = {p.parent.parent.name: p.parent for p in _stock_folder().glob(f"*/bundle/{MANIFEST}")}
    return folders | {p.parent.name: p for p in _stock_folder().glob("*/bundle.zip")}


def stock_names() -> list[str]:
    """Names of the stock replicas, sorted."""
    return sorted(_stock())


def load_stock(name: str = DEFAULT) -> Replica:
    """A stock replica, verified.

    Raises:
        LookupError: There is none of that name.
    """
    stock = _stock()
    if name not in stock:
        known = ", ".join(sorted(stock)) or "none"
        raise LookupError(f"no stock replica {name!r}; there are: {known}")
    return load(stock[name])


def load_replica(name_or_path: str) -> Replica:
    """The stock replica of this name, or the bundle (folder or zip) at this path.

    Raises:
        ReplicaError: There is none, or it is not usable; the message says what to do.
    """
    if name_or_path in stock_names():
        return load_stock(name_or_path)
    path = Path(name_or_path).expanduser()
    if not path.exists():
        names = ", ".join(stock_names())
        raise ReplicaError(
            f"there is no replica {name_or_path!r}: neither one that ships ({names}) nor a path"
        )
    return load(path)
