"""The latency split adds up and is reported once per turn."""

from __future__ import annotations

import time

import pytest

from visavis.conversation.timings import TurnTimings


def test_the_parts_add_up() -> None:
    timings = TurnTimings()
    timings.turn_started()
    timings.speech_ended(time.monotonic() - 0.3)
    for mark in (timings.transcribed, timings.clause_ready, timings.synthesised):
        time.sleep(0.01)
        mark()
    split = timings.audible()
    assert split is not None
    parts = split.endpointing + split.llm + split.tts + split.output
    assert parts == pytest.approx(split.total, abs=1e-6)
    assert split.total >= 0.33
    assert timings.audible() is None


def test_speech_without_a_question_is_no_reply() -> None:
    timings = TurnTimings()
    timings.clause_ready()
    timings.synthesised()
    assert timings.audible() is None


def test_an_answer_ready_before_the_turn_ended_costs_nothing() -> None:
    timings = TurnTimings()
    timings.speech_ended(time.monotonic())
    timings.clause_ready()
    timings.transcribed()
    timings.synthesised()
    split = timings.audible()
    assert split is not None
    assert split.llm == 0.0
