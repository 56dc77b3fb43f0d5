"""A face that listens shows it, now and then, and only then."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from visavis.animation.animator import Animator
from visavis.animation.face_state import STATE_RATE, FaceState
from visavis.animation.style import load_style, style_names

DT = 1 / STATE_RATE


def listen(face: Animator, seconds: float, pause_every: float, t: float = 0.0) -> list[FaceState]:
    """States of a face whose user pauses again and again."""
    states, next_pause = [], t + pause_every
    for _ in range(int(seconds / DT)):
        if t >= next_pause:
            face.user_paused()
            next_pause += pause_every
        states.append(face.state(t, None))
        t += DT
    return states


def nods(states: list[FaceState]) -> list[float]:
    """Times of quick dips of the head."""
    pitch = np.array([s.head[0] for s in states])
    slow = np.convolve(np.pad(pitch, 90, mode="edge"), np.ones(181) / 181, "valid")
    deep = pitch - slow > np.radians(1.6)
    return [states[i].t for i in np.flatnonzero(np.diff(deep.astype(int)) == 1)]


@pytest.mark.parametrize("seed", range(3))
def test_pauses_are_answered_with_nods_and_smiles(seed: int) -> None:
    face = Animator(seed)
    face.set_mode("listening")
    states = listen(face, 90, 3.0)
    smiles = [b.t for a, b in pairwise(states)
              if (a.emotion, b.emotion) == ("neutral", "content")]  # fmt: skip
    found = nods(states)
    assert 4 <= len(found) <= 30
    assert smiles
    assert listen(Animator(seed), 1, 9)  # and the same seed gives the same nods
    again = Animator(seed)
    again.set_mode("listening")
    assert nods(listen(again, 90, 3.0)) == found


def test_they_keep_apart() -> None:
    face = Animator(4)
    face.set_mode("listening")
    found = nods(listen(face, 60, 0.3))
    first_strokes = [b for a, b in pairwise([-9.0, *found]) if b - a > 1.0]
    assert np.diff(first_strokes).min() > load_style().backchannel.apart - 0.6


@pytest.mark.parametrize("mode", ["speaking", "thinking", "idle"])
def test_only_while_listening(mode: str) -> None:
    face, undisturbed = Animator(2), Animator(2)
    for f in (face, undisturbed):
        f.set_mode(mode)  # type: ignore[arg-type]
    for i in range(600):
        if i % 90 == 0:
            face.user_paused()
        a, b = face.state(i * DT, None), undisturbed.state(i * DT, None)
        np.testing.assert_array_equal(a.arkit, b.arkit)
        np.testing.assert_array_equal(a.head, b.head)


def test_livelier_manners_answer_more_often() -> None:
    rates = [load_style(n).backchannel.nod for n in ("calm", "natural", "lively")]
    assert rates == sorted(rates)
    assert set(style_names()) == {"calm", "natural", "lively"}
    for name in style_names():
        table = load_style(name).backchannel
        assert table.nod + table.smile <= 1


def test_weight_is_shifted_without_a_jump() -> None:
    face = Animator(7)
    states = listen(face, 120, 1e9)
    place = np.array([s.head for s in states])
    slow = place[:: STATE_RATE * 8, 3]
    assert np.abs(np.diff(slow)).max() > 0.01  # it does not stand still
    assert np.abs(np.diff(place, axis=0)).max() < 0.012
    assert np.abs(np.diff(place, n=2, axis=0)).max() < 0.004
