"""What can go wrong with a voice."""

from __future__ import annotations


class SpeechError(Exception):
    """A voice cannot speak; the message says why and what to do."""


class UnknownVoiceError(SpeechError):
    """There is no such voice; the message lists those there are."""


class MissingExtraError(SpeechError):
    """An optional package is not installed; the message says how to install it."""


class StoppedError(SpeechError):
    """The synthesis was stopped by who asked for it."""
