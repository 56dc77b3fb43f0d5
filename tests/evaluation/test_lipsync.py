"""The offset measure finds offsets that were put there, and ranks a stranger's sound last."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.evaluation.lipsync import lag

RATE = 16_000


def talk(seed: int, seconds: float = 8.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Syllables as bursts of noise, and a mouth that opens with them; 25 pictures a second."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    envelope = np.zeros_like(t)
    at = 0.3
    while at < seconds - 0.4:
        length = rng.uniform(0.1, 0.25)
        inside = (t > at) & (t < at + length)
        envelope[inside] = rng.uniform(0.3, 1) * np.sin(np.pi * (t[inside] - at) / length)
        at += length + rng.uniform(0.02, 0.25)
    sound = (envelope * rng.normal(0, 0.15, len(t)) * 32767).clip(-32768, 32767).astype(np.int16)
    times = np.arange(0, seconds, 1 / 25)
    mouth = np.interp(times, t, envelope) + rng.normal(0, 0.03, len(times))
    return sound, times, mouth


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(-0.25, 0.25))
def test_a_known_offset_is_found(seed: int, offset: float) -> None:
    sound, times, mouth = talk(seed)
    found = lag(times + offset, mouth, sound, RATE, 0.0)
    still = lag(times, mouth, sound, RATE, 0.0)
    assert found is not None
    assert still is not None
    assert found.seconds - still.seconds == pytest.approx(offset, abs=0.012)


def test_a_strangers_sound_agrees_less() -> None:
    own, strange = [], []
    for seed in range(5):
        sound, times, mouth = talk(seed)
        other, _, _ = talk(seed + 100)
        for into, s in ((own, sound), (strange, other)):
            found = lag(times, mouth, s, RATE, 0.0)
            assert found is not None
            into.append(found.correlation)
    assert min(own) > max(strange)


def test_too_little_is_no_measure() -> None:
    sound, times, mouth = talk(1, seconds=1.5)
    assert lag(times, mouth, sound, RATE, 0.0) is None


def test_what_never_changes_has_no_lag() -> None:
    sound, times, mouth = talk(1)
    assert lag(times, np.full(len(times), 0.1), sound, RATE, 0.0) is None
    assert lag(times, mouth, np.zeros(len(sound), np.int16), RATE, 0.0) is None
