"""Endpointing on audio time: property tests over random voice tracks, and the named cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.turns.endpointing import (
    Endpointer,
    EndpointerParams,
    Paused,
    Phase,
    Resumed,
    TurnEnded,
    TurnEvent,
    TurnStarted,
)

STEP = 0.032


def run(
    track: list[tuple[float, float]],
    *,
    completeness: float | None = None,
    face_speaking: bool = False,
    params: EndpointerParams | None = None,
) -> list[TurnEvent]:
    """Feed (probability, seconds) stretches; answer every pause with `completeness`."""
    endpointer = Endpointer(params)
    events: list[TurnEvent] = []
    for probability, seconds in track:
        for _ in range(round(seconds / STEP)):
            new = endpointer.push(probability, STEP, face_speaking=face_speaking)
            events += new
            if completeness is not None and any(isinstance(e, Paused) for e in new):
                events += endpointer.judge(completeness)
    return events


def test_a_finished_sentence_ends_soon_after_it() -> None:
    events = run([(0, 1), (0.9, 2), (0, 1)], completeness=0.9)
    assert [type(e) for e in events] == [TurnStarted, Paused, TurnEnded]
    ended = events[-1]
    assert isinstance(ended, TurnEnded)
    assert ended.speech_end == pytest.approx(3.0, abs=2 * STEP)
    assert ended.at - ended.speech_end == pytest.approx(EndpointerParams().end, abs=2 * STEP)


def test_an_unfinished_sentence_is_waited_for() -> None:
    pause = EndpointerParams().patience - 0.2
    events = run([(0.9, 1), (0, pause), (0.9, 1), (0, 0.2)], completeness=0.1)
    assert [type(e) for e in events] == [TurnStarted, Paused, Resumed, Paused]


def test_patience_runs_out() -> None:
    events = run([(0.9, 1), (0, 4)], completeness=0.1)
    ended = events[-1]
    assert isinstance(ended, TurnEnded)
    silence = ended.at - ended.speech_end
    assert silence == pytest.approx(EndpointerParams().patience, abs=2 * STEP)


def test_no_verdict_counts_as_unfinished() -> None:
    assert not any(isinstance(e, TurnEnded) for e in run([(0.9, 1), (0, 1)]))


def test_a_click_starts_nothing() -> None:
    assert run([(0, 0.5), (0.9, 0.064), (0, 0.5)]) == []


def test_it_takes_more_speech_to_interrupt() -> None:
    short = EndpointerParams().start + STEP
    assert run([(0.9, short)])
    assert not run([(0.9, short)], face_speaking=True)
    assert run([(0.9, 0.3)], face_speaking=True)


def test_a_late_verdict_about_a_pause_that_is_over_is_ignored() -> None:
    endpointer = Endpointer()
    for probability, steps in ((0.9, 30), (0.0, 5), (0.9, 10)):
        for _ in range(steps):
            endpointer.push(probability, STEP)
    assert endpointer.phase is Phase.SPEAKING
    assert endpointer.judge(1.0) == []


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from([0.032, 0.064, 0.128, 0.5, 1.0, 3.0])),
        max_size=30,
    ),
    st.none() | st.floats(0, 1),
    st.booleans(),
)
def test_events_always_follow_the_grammar(
    track: list[tuple[float, float]], completeness: float | None, face_speaking: bool
) -> None:
    """start (pause resume)* pause end, with times that never run backwards."""
    allowed: dict[type | None, tuple[type, ...]] = {
        None: (TurnStarted,),
        TurnStarted: (Paused,),
        Paused: (Resumed, TurnEnded),
        Resumed: (Paused,),
        TurnEnded: (TurnStarted,),
    }
    before: type | None = None
    clock = 0.0
    for event in run(track, completeness=completeness, face_speaking=face_speaking):
        assert isinstance(event, allowed[before])
        assert event.at >= clock - 1e-9
        if isinstance(event, TurnEnded):
            assert event.at - event.speech_end >= EndpointerParams().end - 1e-6
        before, clock = type(event), event.at
