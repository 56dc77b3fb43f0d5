"""What can go wrong while fetching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class SourceError(Exception):
    """One source did not deliver; the message is the reason, for people."""

    def __init__(self, reason: str, *, lasting: bool = False) -> None:
        super().__init__(reason)
        #: Trying the same source again cannot help.
        self.lasting = lasting


class Cancelled(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The pull was told to stop."""


class PullError(Exception):
    """Some weights could not be fetched.

    `reasons` maps `artifact/file` to one reason per source, in the order they were tried.
    """

    def __init__(self, message: str, reasons: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(message)
        self.reasons = {k: list(v) for k, v in (reasons or {}).items()}


class NoSpaceError(PullError):
    """The disk has no room for the weights and the temporary parts."""
