"""Voices with phoneme times, pronunciation, and speech recognition.

from visavis.speech import open_synthesizer
spoken = open_synthesizer("kokoro:clara").synthesize("Good day.")
"""

from __future__ import annotations

from visavis.speech.errors import MissingExtraError, SpeechError, StoppedError, UnknownVoiceError
from visavis.speech.synthesizer import Stop, Synthesizer, open_synthesizer

__all__ = [
    "MissingExtraError",
    "SpeechError",
    "Stop",
    "StoppedError",
    "Synthesizer",
    "UnknownVoiceError",
    "open_synthesizer",
]
