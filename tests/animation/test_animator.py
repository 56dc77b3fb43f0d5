"""The live face: utterances on the speech clock, interruptions, late frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.visemes import read
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.animation.utterances import speech, utterance
from visavis.animation.animator import Animator
from visavis.animation.face_state import ARKIT_INDEX as AT
from visavis.animation.face_state import ARKIT_NAMES, FaceState
from visavis.media.spoken import Word

DATA = Path(__file__).parents[1] / "data"
SENTENCE = [
    *[("h", 0.06), ("ə", 0.07), ("l", 0.08), ("oʊ", 0.16, 1), ("m", 0.08), ("aɪ", 0.17, 1)],
    *[("f", 0.1), ("ɹ", 0.07), ("ɛ", 0.1, 1), ("n", 0.07), ("d", 0.06)],
]
EYES = [i for n, i in AT.items() if n.startswith("eye")]
REST = [i for i in range(52) if i not in EYES]


def gap(state: FaceState) -> float:
    return state["jawOpen"] - state["mouthClose"]


def steps(states: list[FaceState]) -> np.ndarray:
    """Largest change of a coefficient (eyes apart) between neighbouring states."""
    arkit = np.array([s.arkit for s in states])[:, REST]
    return np.abs(np.diff(arkit, axis=0)).max(axis=1)


def play(face: Animator, begin: float, end: float, offset: float | None, rate: int = 60):
    """States from stream time `begin` to `end`; the speech clock is `offset` behind."""
    times = begin + np.arange(round((end - begin) * rate)) / rate
    return [face.state(t, None if offset is None else t - offset) for t in times]


def test_lips_move_with_speech_and_only_then() -> None:
    face, spoken = Animator(1), utterance(SENTENCE)
    face.set_mode("speaking")
    face.say(spoken, at=0.0)
    before = play(face, 0, 1, None)
    during = play(face, 1, 1 + spoken.duration, 1.0)
    after = play(face, 1 + spoken.duration, 3 + spoken.duration, None)
    assert max(map(gap, before)) < 0.01
    assert max(map(gap, during)) > 0.15
    assert max(gap(s) for s in after if s.t > 1.12 + spoken.duration) < 0.01
    assert steps(before + during + after).max() < 0.2


@settings(max_examples=25, deadline=None)
@given(speech, st.floats(0.02, 0.98), st.sampled_from([25, 30, 60]))
@example([("m", 0.06, 0), ("", 0.031, 0), ("f", 0.06, 0)], 0.9, 60)
@example([("v", 0.12, 0), ("", 0.03, 0), ("m", 0.2, 1)], 0.98, 60)
def test_clear_closes_within_120_ms_without_a_jump(
    phones: list[tuple[str, float, int]], where: float, rate: int
) -> None:
    face, spoken = Animator(2), utterance(phones)
    face.say(spoken, at=0.0)
    face.set_mode("speaking")
    moment = where * spoken.duration
    states = play(face, 0, moment + 0.05, 0.0, rate)
    cleared = states[-1].t
    face.clear()
    face.set_mode("listening")
    # the sound stops a moment later than the decision; the clock may or may not run on
    states += play(face, cleared + 1 / rate, cleared + 0.6, None if where < 0.5 else 0.0, rate)
    closed = [s for s in states if s.t >= cleared + 0.12]
    assert max(abs(gap(s)) for s in closed) < 0.01
    parted = [AT[n] for n in ("mouthFunnel", "mouthLowerDownLeft", "mouthUpperUpLeft", "tongueOut")]
    assert max(s.arkit[parted].max() for s in closed) < 0.01
    assert steps(states).max() < 0.2 * 60 / rate


@settings(max_examples=25, deadline=None)
@given(speech, st.integers(0, 2**31), st.sampled_from([25, 30, 60]))
def test_always_a_face(phones: list[tuple[str, float, int]], seed: int, rate: int) -> None:
    """Clocks that stutter, utterances that queue, interruptions: finite, in range, bounded."""
    rng = np.random.default_rng(seed)
    face, spoken = Animator(seed % 100), utterance(phones)
    t, speech_t, placed = 0.0, 0.0, 0.0
    for _ in range(150):
        event = rng.random()
        if event < 0.03:
            face.say(spoken, at=placed)
            placed += spoken.duration
        elif event < 0.04:
            face.say_audio(spoken.audio, spoken.sample_rate, at=placed)
            placed += spoken.duration
        elif event < 0.05:
            face.clear()
            placed = speech_t
        step = 1 / rate if rng.random() < 0.95 else float(rng.uniform(0, 2))
        t += step
        audible = rng.random() < 0.9
        speech_t += step if audible else 0.0
        state = face.state(t, speech_t if audible else None)
        assert state.t == t
        assert np.isfinite(state.arkit).all() and state.arkit.dtype == np.float32
        assert state.arkit.min() >= 0 and state.arkit.max() <= 1
        assert np.isfinite(state.head).all() and np.abs(state.head[:3]).max() < 0.35
        assert np.abs(state.gaze).max() < 0.6


def test_utterances_join_without_a_jump() -> None:
    face = Animator(3)
    face.set_mode("speaking")
    spoken = utterance(SENTENCE, lead=0.0, tail=0.0)  # speech to the very edge
    states, placed = [], 0.0
    for i in range(60 * 6):
        if i % 30 == 0 and placed < i / 60 + 1.5:  # appended while playing
            face.say(spoken, at=placed)
            placed += spoken.duration
        states.append(face.state(i / 60, i / 60))
    assert steps(states).max() < 0.2
    assert len(face._said) <= 5  # what has been said is forgotten


def test_gap_in_the_sound_closes_the_mouth() -> None:
    """The network starves for 300 ms in the middle of a vowel."""
    face = Animator(4)
    spoken = utterance([("t", 0.08), ("ɑ", 0.9, 1), ("t", 0.08)])
    face.say(spoken, at=0.0)
    states = play(face, 0, 0.6, 0.0)
    assert gap(states[-1]) > 0.25
    starved = play(face, 0.6, 0.9, None)
    resumed = play(face, 0.9, 1.3, 0.3)
    assert gap(starved[-1]) < 0.01 and gap(resumed[10]) > 0.25
    assert steps(states + starved + resumed).max() < 0.2


def test_late_frames_show_the_mouth_of_their_own_time() -> None:
    spoken = utterance(SENTENCE)
    steady, late = Animator(5), Animator(5)
    for face in (steady, late):
        face.say(spoken, at=0.0)
    full = {round(s.t, 6): s for s in play(steady, 0, 1, 0.0)}
    for i in [0, 1, 2, 9, 10, 11, 30, 31, 32, 33, 50]:
        a = late.state(i / 60, i / 60)
        b = full[round(i / 60, 6)]
        assert np.allclose(a.arkit[AT["jawOpen"]], b.arkit[AT["jawOpen"]], atol=1e-5)


def test_closures_survive_the_smile() -> None:
    face = Animator(6)
    face.set_mode("speaking")
    spoken = utterance([("ɑ", 0.3), ("m", 0.12), ("ɑ", 0.3), ("u", 0.2)])
    states = face.motion(spoken, lead=0.5)
    at = {round(s.t * 60): s for s in states}
    m, u = (
        at[round((0.5 + (spoken.phones[i].start + spoken.phones[i].end) / 2) * 60)] for i in (1, 3)
    )
    assert abs(gap(m)) < 0.005
    assert m["mouthSmileLeft"] < 0.7 * states[0]["mouthSmileLeft"]
    assert u["mouthSmileLeft"] < 0.5 * states[0]["mouthSmileLeft"]
    assert states[-1].emotion == "neutral"


def test_motion_is_repeatable_and_leaves_the_face_alone() -> None:
    face, spoken = Animator(8), utterance(SENTENCE)
    a, b = face.motion(spoken), face.motion(spoken)
    assert len(a) == int(np.ceil(spoken.duration * 60)) + 1
    for x, y in zip(a, b, strict=True):
        assert np.array_equal(x.arkit, y.arkit) and np.array_equal(x.head, y.head)
    other = Animator(8)
    assert np.array_equal(face.state(0.0, None).head, other.state(0.0, None).head)


def test_stress_moves_head_and_brows() -> None:
    words = (Word("hello", 0.1, 0.5), Word("friend?", 0.6, 1.1))

    def motion(stress: int, text: tuple[Word, ...]) -> tuple[float, float]:
        phones = [(p, d, stress if s else 0) for p, d, s in ((*x, 0)[:3] for x in SENTENCE)]
        spoken = utterance(phones * 4, words=text)
        brow, head = 0.0, 0.0
        for seed in range(4):
            states = Animator(seed).motion(spoken)
            brow += float(np.std([s["browOuterUpLeft"] for s in states]))
            head += float(np.abs(np.diff([s.head[0] for s in states])).mean())
        return brow, head

    flat, accented = motion(0, ()), motion(1, words)
    assert accented[0] > 1.3 * flat[0] and accented[1] > 1.3 * flat[1]


def test_blinks_at_the_ends_of_utterances() -> None:
    def blinked(seed: int, speaks: bool) -> bool:
        face, spoken = Animator(seed), utterance(SENTENCE, tail=0.6)
        if speaks:
            face.say(spoken, at=0.0)
        end = spoken.phones[-1].end
        states = [face.state(i / 30, i / 30) for i in range(int((end + 0.5) * 30))]
        return any(s["eyeBlinkLeft"] > 0.6 for s in states if s.t > end)

    with_speech = sum(blinked(i, True) for i in range(60))
    without = sum(blinked(i, False) for i in range(60))
    assert with_speech > without + 12


@pytest.mark.parametrize("piece", [160, 333, 100_000])
def test_sound_alone_moves_the_lips(piece: int) -> None:
    """Silence closed, speech opening and closing, however the sound is cut into pieces."""
    question, rate = read(DATA / "ami_question.flac")
    quiet = np.zeros(round(0.5 * rate), np.int16)
    audio = np.concatenate([quiet, question[: 4 * rate], quiet])
    face, at = Animator(1), 0
    for i in range(0, len(audio), piece):
        chunk = audio[i : i + piece]
        face.say_audio(chunk, rate, at=at / rate)
        at += len(chunk)
    states = play(face, 0, 5.5, 0.0)
    assert max(gap(s) for s in states if s.t < 0.4 or s.t > 4.75) < 0.04
    during = np.array([gap(s) for s in states if 0.6 < s.t < 4.4])
    assert during.max() > 0.2 and during.min() < 0.05
    assert steps(states).max() < 0.25


def test_names_cover_the_mouth() -> None:
    """Speech alone touches only coefficients of jaw, mouth and tongue."""
    from visavis.animation.visemes import plan_speech

    motion = plan_speech(utterance(SENTENCE))
    used = {ARKIT_NAMES[i] for i in np.flatnonzero(motion.track.values[:, :52].any(axis=0))}
    assert all(n.startswith(("jaw", "mouth", "tongue")) for n in used)
    assert {"jawOpen", "mouthClose", "mouthPucker", "tongueOut", "mouthRollLower"} <= used
