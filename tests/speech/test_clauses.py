"""Cutting replies into pieces to speak."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.speech.clauses import FIRST_WORDS, LONGEST, SLOW, ClauseAggregator, Clauses


def pieces(text: str, step: int = 1) -> list[str]:
    clauses = Clauses()
    out = [p for i in range(0, len(text), step) for p in clauses.push(text[i : i + step])]
    rest = clauses.flush()
    return [*out, rest] if rest else out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "You can take a shower, but keep it dry. Call us if it hurts, please.",
            ["You can take a shower,", "but keep it dry.", "Call us if it hurts, please."],
        ),
        ("Sure! It is fine.", ["Sure!", "It is fine."]),
        ("Yes, you can do that. Good.", ["Yes, you can do that.", "Good."]),
        (
            "If it is above 38.5 degrees, call Dr. Lee, e.g. today. Fine.",
            ["If it is above 38.5 degrees,", "call Dr. Lee, e.g. today.", "Fine."],
        ),
        ("It costs 1,200 dollars, I think.", ["It costs 1,200 dollars,", "I think."]),
        ("The U.S. team won. Great.", ["The U.S. team won.", "Great."]),
        ("Here is a list:\n1. Rest\n2. Drink", ["Here is a list:", "1. Rest", "2. Drink"]),
        (
            "You should always take this medicine with some food and never with alcohol.",
            ["You should always take this medicine with some food", "and never with alcohol."],
        ),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
    ],
)
def test_pieces(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_a_piece_is_ready_before_the_sentence_is_complete() -> None:
    clauses = Clauses()
    assert clauses.push("You can take a shower, ") == ["You can take a shower,"]
    assert clauses.push("but keep") == []
    assert clauses.pending == " but keep" or clauses.pending == "but keep"


def test_the_next_reply_starts_short_again() -> None:
    clauses = Clauses()
    clauses.push("One two three four, five. Six seven eight nine, ten ")
    assert clauses.pending.strip() == "Six seven eight nine, ten"
    clauses.flush()
    assert clauses.push("One two three four, five") == ["One two three four,"]


@given(st.text(alphabet="aB1 .,!?—-\n\"Dr;:éI'", max_size=600))
@settings(max_examples=200, deadline=None)
def test_nothing_is_lost_or_changed_and_feeding_does_not_matter(text: str) -> None:
    whole = pieces(text, max(1, len(text)))
    assert "".join("".join(whole).split()) == "".join(text.split())
    assert all(p == p.strip() and p and len(p) <= LONGEST for p in whole)
    assert pieces(text, 7) == whole == pieces(text, 1)


@given(st.integers(0, 999), st.integers(0, 999))
def test_numbers_are_never_cut(a: int, b: int) -> None:
    text = f"Take exactly {a}.{b} ml, then {a},{b:03} steps. Done."
    assert any(f"{a}.{b} ml" in p for p in pieces(text))
    assert any(f"{a},{b:03} steps" in p for p in pieces(text))


async def test_as_a_pipecat_aggregator() -> None:
    aggregator = ClauseAggregator()
    found = [a.text async for a in aggregator.aggregate("You can take a shower, but keep it dry. ")]
    assert found == ["You can take a shower,", "but keep it dry."]
    assert [a async for a in aggregator.aggregate("And")] == []
    assert aggregator.text.text == "And"
    await aggregator.handle_interruption()
    assert await aggregator.flush() is None


def test_slow_text_is_spoken_from_its_first_phrase() -> None:
    text = "You can drive again after 24 hours. Not before."
    clauses = Clauses()
    assert clauses.push("You can drive again after ", slow=True) == ["You can drive again"]
    assert clauses.push(text[26:], slow=True) == ["after 24 hours."]
    whole = Clauses().push("Call the clinic if it is warm, or red, or if it hurts. ", slow=True)
    assert whole == ["Call the clinic", "if it is warm,", "or red, or if it hurts."]
    assert Clauses().push("You can drive again after ") == []


@pytest.mark.parametrize("text", ["Wait for me ", "It is at ", "Rest at home with "])
def test_a_first_phrase_is_not_clipped(text: str) -> None:
    found = Clauses().push(text, slow=True)
    assert all(len(p.split()) >= FIRST_WORDS for p in found)


async def test_the_aggregator_notices_that_text_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("visavis.speech.clauses.time.monotonic", lambda: now)
    aggregator = ClauseAggregator()
    for text in ("You can ", "drive again "):
        assert [a async for a in aggregator.aggregate(text)] == []
    now += SLOW + 0.01
    assert [a.text async for a in aggregator.aggregate("after ")] == ["You can drive again"]
    await aggregator.flush()
    assert [a async for a in aggregator.aggregate("You can drive again after ")] == []
