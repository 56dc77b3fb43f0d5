"""Where weights live on this machine and whether they are all there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from visavis.models.manifest import Artifact, WeightFile, load

_CHUNK = 1 << 20


class MissingModelError(FileNotFoundError):
    """Weights are not on this machine, or damaged; the message says which command fetches them."""


class State(StrEnum):
    """What is known about an artifact's files."""

    PRESENT = "present"
    MISSING = "missing"
    #: Some files are there, others are not.
    PARTIAL = "partial"
    #: A file's size or, when it was hashed, its content is not what the manifest says.
    CORRUPT = "corrupt"


def home() -> Path:
    """Folder of everything fetched or made: `$VISAVIS_HOME`, else `~/.cache/visavis`."""
    named = os.environ.get("VISAVIS_HOME")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "visavis"


def models_folder() -> Path:
    """The folder with one folder per artifact."""
    return home() / "models"


def folder(artifact: Artifact) -> Path:
    """Where `artifact`'s files are or would be."""
    return models_folder() / artifact.name


def path(name: str) -> Path:
    """The folder that holds the files of the artifact `name`, all of them at their right size.

    Contents are not hashed here (see `verify`): this runs at every start.

    Raises:
        UnknownModelError: the manifest has no such artifact.
        MissingModelError: files are missing or have a wrong size.
    """
    artifact = load().artifact(name)
    bad = [f"{f.name} is {why}" for f in artifact.files if (why := quick_fault(artifact, f))]
    if bad:
        raise MissingModelError(
            f"The weights {name!r} ({artifact.purpose}) are not ready in {folder(artifact)}: "
            f"{'; '.join(bad)}. Fetch them with: visavis models pull {name}"
        )
    return folder(artifact)


def quick_fault(artifact: Artifact, file: WeightFile) -> str:
    """What is wrong with a file by its size alone: "" when nothing."""
    try:
        size = (folder(artifact) / file.name).stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    return "" if size == file.size else f"damaged ({size} bytes instead of {file.size})"


def state(artifact: Artifact) -> State:
    """What the sizes on disk say about `artifact`."""
    faults = [quick_fault(artifact, f) for f in artifact.files]
    if any(f.startswith("damaged") for f in faults):
        return State.CORRUPT
    if not any(faults):
        return State.PRESENT
    return State.MISSING if all(faults) else State.PARTIAL


def sha256_of(file: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """Hash a file; `on_bytes` hears of every further number of bytes read."""
    digest = hashlib.sha256()
    with file.open("rb") as f:
        while chunk := f.read(_CHUNK):
            digest.update(chunk)
            if on_bytes:
                on_bytes(len(chunk))
    return digest.hexdigest()


def verify(artifact: Artifact, on_bytes: Callable[[int], None] | None = None) -> dict[str, str]:
    """Hash every file of `artifact`.

    Returns:
        File name → what is wrong with it; empty when all is well.
    """
    faults = {}
    for file in artifact.files:
        fault = quick_fault(artifact, file)
        if not fault and sha256_of(folder(artifact) / file.name, on_bytes) != file.sha256:
            fault = "damaged (its SHA-256 is not the manifest's)"
        if fault:
            faults[file.name] = fault
    return faults
