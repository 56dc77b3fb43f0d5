"""Trimming, levelling, joining."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.speech.conftest import check_times
from visavis.media.spoken import Phone, Word
from visavis.speech.shaping import LEAD, PEAK, SAMPLE_RATE, TARGET_RMS_DB, join, pad, shape, silence


def tone(seconds: float, level: float) -> np.ndarray:
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (level * np.sin(2 * np.pi * 220 * t)).astype(np.float32)


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def test_leading_silence_is_cut_and_times_move_with_it() -> None:
    audio = np.concatenate([quiet(0.5), tone(0.4, 0.3), quiet(0.7)])
    spoken = shape(audio, [Phone("a", 0.5, 0.9)], [Word("ah", 0.5, 0.9)])
    assert spoken.phones[0].start == pytest.approx(LEAD, abs=0.011)
    heard = np.flatnonzero(np.abs(spoken.audio) > 300)
    assert heard[0] / SAMPLE_RATE == pytest.approx(spoken.phones[0].start, abs=0.012)
    assert spoken.duration < 0.6


@given(st.floats(0.001, 0.9), st.floats(0.05, 1.0))
@settings(max_examples=30, deadline=None)
def test_loudness_is_the_target_whatever_comes_in(level: float, seconds: float) -> None:
    spoken = shape(tone(seconds, level), [], [])
    body = spoken.audio[: round(seconds * SAMPLE_RATE)].astype(float) / 32768
    if level > 0.02:
        rms = 20 * np.log10(np.sqrt(np.mean(body**2)))
        assert rms == pytest.approx(TARGET_RMS_DB, abs=1.5)
    assert np.abs(body).max() <= PEAK + 1e-3


def test_silence_is_an_empty_utterance() -> None:
    assert shape(quiet(1.0), [], []).duration == 0
    assert silence(0.0).duration == 0


@given(st.lists(st.floats(0.05, 0.3), min_size=1, max_size=4), st.integers(1, 2000))
@settings(max_examples=20, deadline=None)
def test_joining_and_padding_keep_times_in_order(lengths: list[float], multiple: int) -> None:
    parts = [shape(tone(s, 0.2), [Phone("a", 0, s)], [Word("a", 0, s)]) for s in lengths]
    gaps = [0.1] * (len(parts) - 1)
    whole = pad(join(parts, gaps), multiple)
    check_times(whole)
    assert len(whole.audio) % multiple == 0
    assert len(whole.words) == len(parts)
    for a, b in zip(whole.words, whole.words[1:], strict=False):
        assert b.start - a.end >= 0.1 - 1e-6
