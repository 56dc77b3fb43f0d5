"""Finds replicas: the ones that ship with the package by name, any other by its path."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from visavis.replicas.bundle import Replica, load
from visavis.replicas.errors import ReplicaError


def stock_names() -> list[str]:
    """Names of the replicas that ship with the package."""
    return sorted(p.name for p in _stock().iterdir() if (p / "bundle" / "replica.json").is_file())


def load_replica(name_or_path: str) -> Replica:
    """The stock replica of this name, or the bundle (folder or zip) at this path.

    Raises:
        ReplicaError: there is none, or it is not usable; the message says what to do.
    """
    if name_or_path in stock_names():
        return load(_stock() / name_or_path / "bundle")
    path = Path(name_or_path).expanduser()
    if not path.exists():
        names = ", ".join(stock_names())
        raise ReplicaError(
            f"There is no replica {name_or_path!r}: neither one that ships ({names}) nor a path."
        )
    return load(path)


def _stock() -> Path:
    return Path(str(files("visavis.replicas").joinpath("stock")))
