"""Feelings come and go without a jump, read as what they are, and leave the lips to speech."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.animation.utterances import utterance
from visavis.animation.animator import Animator
from visavis.animation.emotion import Emotion, feelings, infer, labels
from visavis.animation.face_state import ARKIT_INDEX, STATE_RATE
from visavis.faces import FaceTracker, mouth_opening
from visavis.rendering.painter import PortraitPainter
from visavis.replicas.catalog import load_stock

DT = 1 / STATE_RATE


def test_the_table_has_what_is_asked_for() -> None:
    assert set(labels()) >= {
        *("neutral", "happy", "content", "excited", "elated", "sad", "dejected", "angry"),
        *("scared", "surprised", "disgusted", "contempt", "concerned"),
    }
    for feeling in feelings().values():
        assert feeling.shape[:52].min() >= 0
        assert feeling.shape[:52].max() <= 0.9
        assert np.abs(feeling.shape[52:]).max() < np.radians(6)


@pytest.mark.parametrize("label", labels()[1:])
def test_it_rises_in_its_time_peaks_holds_and_fades(label: str) -> None:
    emotion = Emotion(np.random.default_rng(1))
    emotion.at(0.0)
    emotion.set(label, 0.8)
    feeling = feelings()[label]
    main = int(np.argmax(feeling.shape))
    curve = np.array([emotion.at(i * DT)[main] for i in range(int(40 / DT))]) / (
        0.8 * feeling.shape[main]
    )
    risen = np.flatnonzero(curve >= 0.9)[0] * DT
    assert 0.1 <= risen <= 0.65
    assert 0.2 <= feeling.rise <= 0.6
    assert 1.02 < curve.max() < 1.3
    assert curve[-1] < 0.02
    assert emotion.label == "neutral"


events = st.lists(
    st.tuples(
        st.floats(0.05, 2.0),
        st.one_of(
            st.tuples(st.just("feel"), st.sampled_from(labels()), st.floats(0, 1)),
            st.tuples(st.just("mode"), st.sampled_from(["idle", "listening", "thinking"])),
            st.tuples(st.just("clear")),
            st.tuples(st.just("say")),
        ),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(events, st.integers(0, 99))
def test_nothing_jumps_whatever_happens(happening: list[tuple[float, tuple]], seed: int) -> None:  # type: ignore[type-arg]
    plain, moved = Animator(seed), Animator(seed)
    brows = [ARKIT_INDEX[n] for n in ("browInnerUp", "browDownLeft", "noseSneerLeft")]
    t, rows = 0.0, []
    for wait, (kind, *what) in happening:
        if kind == "feel":
            moved.set_emotion(*what)
        elif kind == "mode":
            plain.set_mode(*what)
            moved.set_mode(*what)
        elif kind == "clear":
            plain.clear()
            moved.clear()
        else:
            spoken = utterance([("m", 0.08), ("ɑː", 0.2), ("p", 0.08), ("iː", 0.15)])
            plain.say(spoken, at=t + 0.05)
            moved.say(spoken, at=t + 0.05)
        for _ in range(int(wait / DT)):
            state, still = moved.state(t, t), plain.state(t, t)
            assert 0 <= state.arkit.min() <= state.arkit.max() <= 1
            rows.append(state.arkit[brows] - still.arkit[brows])
            t += DT
    if len(rows) > 3:
        speed = np.diff(rows, axis=0) / DT
        assert np.abs(speed).max() < 12  # per second: a full expression takes a tenth at least
        assert np.abs(np.diff(speed, axis=0)).max() < 5  # per 1/60 s


def test_an_emotion_comes_with_its_words_and_not_before() -> None:
    face = Animator(3)
    quiet = utterance([("ɑː", 0.3)])
    face.say(quiet, at=0.0)
    face.say(quiet, at=2.0, emotion=("surprised", 1.0))
    seen = [face.state(i * DT, i * DT) for i in range(int(3 / DT))]
    when = [s.t for s in seen if s.emotion == "surprised"]
    assert when[0] == pytest.approx(1.8, abs=0.03)
    face.say(quiet, at=4.0, emotion=("angry", 1.0))
    face.clear()
    later = [face.state(3 + i * DT, 3 + i * DT) for i in range(int(2 / DT))]
    assert all(s.emotion != "angry" for s in later)


def test_unknown_feelings_are_refused() -> None:
    face = Animator()
    with pytest.raises(ValueError, match="no emotion 'hungry'; there are neutral, happy"):
        face.set_emotion("hungry")
    with pytest.raises(ValueError, match=r"0\.\.1"):
        face.set_emotion("happy", 1.5)
    with pytest.raises(ValueError, match="hungry"):
        face.say(utterance([("ɑː", 0.3)]), at=0.0, emotion=("hungry", 1.0))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I'm sorry to hear that.", "concerned"),
        ("Call an ambulance right away.", "concerned"),
        ("Congratulations, that is great news!", "happy"),
        ("Hello, I'm Clara.", "content"),
        ("Keep it dry for 48 hours.", None),
    ],
)
def test_words_suggest_feelings(text: str, label: str | None) -> None:
    found = infer(text)
    assert (found[0] if found else None) == label


def test_lips_meet_under_every_feeling() -> None:
    painter = PortraitPainter(load_stock(), (640, 360))
    tracker = FaceTracker(static=True)
    spoken = utterance(
        [("ɑː", 0.2), ("m", 0.1), ("iː", 0.2), ("p", 0.09), ("ɛ", 0.2), ("b", 0.09), ("ɑː", 0.2)]
    )
    closures = [(p.start + p.end) / 2 for p in spoken.phones if p.ipa in ("m", "p", "b")]
    for label in labels():
        face = Animator(5)
        face.set_mode("speaking")
        face.set_emotion(label, 1.0)
        for i in range(48):
            face.state(i * DT, None)
        face.say(spoken, at=0.0)
        states = [face.state(0.8 + i * DT, i * DT) for i in range(int(spoken.duration / DT))]
        for at in closures:
            near = states[round((at - 0.02) / DT) : round((at + 0.03) / DT)]
            gaps = []
            for state in near:
                picture = painter.paint(state)
                gaps.append(mouth_opening(tracker.detect(picture)[0].points))
            assert min(gaps) < 0.035, (label, at, gaps)
