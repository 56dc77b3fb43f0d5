"""Voices, recognisers and measures shared by the tests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from visavis import models
from visavis.media.spoken import SpokenAudio
from visavis.speech.g2p import English, read_aloud
from visavis.speech.kokoro import Kokoro
from visavis.speech.transcriber import Transcriber


def need(artifact: str) -> None:
    """Skip the test unless the weights are here."""
    try:
        models.path(artifact)
    except models.MissingModelError as e:
        pytest.skip(str(e))


@pytest.fixture(scope="session")
def english() -> English:
    need("g2p-en")
    return English.load()


@pytest.fixture(scope="session")
def kokoro() -> Iterator[Kokoro]:
    need("tts-kokoro")
    need("g2p-en")
    voice = Kokoro(threads=2)
    yield voice
    voice.close()


@pytest.fixture(scope="session")
def transcriber() -> Transcriber:
    need("stt-whisper-base")
    return Transcriber("stt-whisper-base", threads=2)


def at_16k(spoken: SpokenAudio) -> NDArray[np.float32]:
    """As a recogniser takes it."""
    samples = spoken.audio.astype(np.float32) / 32768.0
    return np.asarray(soxr.resample(samples, spoken.sample_rate, 16_000), np.float32)


def said_words(text: str) -> list[str]:
    """Words as read aloud, lower case, so that "8" and "eight" are the same."""
    joined = " ".join(s for w in read_aloud(text) for s in w.spoken)
    return "".join(c for c in joined.lower().replace("-", " ") if c.isalpha() or c in " '").split()


def word_errors(reference: list[str], heard: list[str]) -> int:
    """Levenshtein distance in words."""
    row = list(range(len(heard) + 1))
    for i, r in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, h in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (r != h))
    return row[-1]


def check_times(spoken: SpokenAudio) -> None:
    """The promises of :class:`SpokenAudio`."""
    for sequence in (spoken.phones, spoken.words):
        at = 0.0
        for item in sequence:
            assert at - 1e-9 <= item.start <= item.end <= spoken.duration + 1e-9
            at = item.end
