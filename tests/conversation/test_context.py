"""Trimming keeps the persona, the last question and the window."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from visavis.conversation.context import estimate_tokens, trim

PERSONA = {"role": "system", "content": "You are a guide. " * 20}


def talk(turns: list[str]) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[i % 2], "content": text} for i, text in enumerate(turns)]


@given(st.lists(st.text(max_size=400), max_size=60), st.integers(300, 3000))
def test_what_matters_stays(turns: list[str], budget: int) -> None:
    messages = [PERSONA, *talk(turns)]
    kept = trim(messages, budget)
    assert kept[0] == PERSONA
    users = [m for m in messages if m["role"] == "user"]
    if users:
        assert users[-1] in kept
    # What is kept is the end of the talk, in order, and begins with a question.
    rest = kept[1:]
    assert rest == messages[len(messages) - len(rest) :]
    if len(rest) < len(messages) - 1 and rest:
        assert rest[0]["role"] == "user"


@given(st.lists(st.text(min_size=50, max_size=300), min_size=40, max_size=60))
def test_a_long_talk_fits_afterwards_with_room_to_grow(turns: list[str]) -> None:
    budget = 1500
    messages = [PERSONA, *talk(turns)]
    kept = trim(messages, budget)
    limit = budget if kept is messages else 0.75 * budget
    assert sum(map(estimate_tokens, kept)) <= limit


def test_a_short_talk_is_left_alone() -> None:
    messages = [PERSONA, *talk(["Hello", "Hi", "When may I drive?"])]
    assert trim(messages, 4000) is messages
