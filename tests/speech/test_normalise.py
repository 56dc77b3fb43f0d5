"""What is read aloud."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.speech.g2p import read_aloud
from visavis.speech.g2p.normalise import PAUSES


def said(text: str) -> str:
    return " ".join(s for w in read_aloud(text) for s in w.spoken).replace("-", " ").lower()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("38.5", "thirty eight point five"),
        ("38.5 °C", "thirty eight point five degrees celsius"),
        ("38.5°C", "thirty eight point five degrees celsius"),
        ("101 °F.", "one hundred one degrees fahrenheit"),
        ("every 8 hours", "every eight hours"),
        ("500mg", "five hundred milligrams"),
        ("1 ml", "one milliliter"),
        ("1.5 l", "one point five liters"),
        ("50%", "fifty percent"),
        ("60 km/h", "sixty kilometers per hour"),
        ("555-0142", "five five five zero one four two"),
        ("(555) 010-0142", "five five five zero one zero zero one four two"),
        ("+1 555-010-0142", "plus one five five five zero one zero zero one four two"),
        ("8:30 am", "eight thirty a m"),
        ("10:00", "ten o'clock"),
        ("2:05 p.m.", "two oh five p m"),
        ("1st and 22nd", "first and twenty second"),
        ("$3.50", "three dollars and fifty cents"),
        ("$1", "one dollar"),
        ("$5 million", "five million dollars"),
        ("€20", "twenty euros"),
        ("1,200", "one thousand two hundred"),
        ("in 2019", "in twenty nineteen"),
        ("the 1990s", "the nineteen nineties"),
        ("May 3, 2024", "may third twenty twenty four"),
        ("2024-05-03", "may third twenty twenty four"),
        ("3-5 days", "three to five days"),
        ("1/2 tablet", "one half tablet"),
        ("2½", "two and a half"),
        ("120/80", "one hundred twenty over eighty"),
        ("24/7", "twenty four seven"),
        ("-5", "minus five"),
        ("007", "zero zero seven"),
        ("B12", "b twelve"),
        ("COVID-19", "covid nineteen"),
        ("Dr. Lee", "doctor lee"),
        ("e.g. tea", "for example tea"),
        ("soup, etc.", "soup et cetera"),
        ("No. 5", "number five"),
        ("No.", "no"),
        ("https://www.example.com/a", "example dot com slash a"),
        ("jane.doe@clinic.org", "jane dot doe at clinic dot org"),
        ("**bold** and `code`", "bold and code"),
        ("- a list item", "a list item"),
        ("[the page](https://x.org/y)", "the page"),
        ("and/or", "and or"),
        ("Fish & chips", "fish and chips"),
        ("well-known", "well known"),
        ("café", "cafe"),
        ("٣", "three"),
        ("🙂", ""),
        ("   ", ""),
    ],
)
def test_reads_as_a_person_would(text: str, expected: str) -> None:
    assert said(text) == expected


def test_words_read_as_the_text_given() -> None:
    text = "Call Dr. Lee at 555-0142, if it's above 38.5 °C - at once!"
    assert " ".join(w.text for w in read_aloud(text)) == text


def test_pauses_are_kept() -> None:
    assert [w.pause for w in read_aloud("Yes, Dr. Lee. Really? Wait...")] == [
        ",",
        "",
        ".",
        "?",
        "…",
    ]


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read(text: str) -> None:
    for word in read_aloud(text):
        assert word.text.strip() == word.text != ""
        assert word.pause == "" or word.pause in PAUSES
        for spoken in word.spoken:
            assert any(c.isalpha() for c in spoken)
            assert all((c.isascii() and c.isalpha()) or c in "'-" for c in spoken), spoken


@given(st.text(alphabet="0123456789.,:/-$%+()#°²½٣५ ax", max_size=40))
@settings(max_examples=300, deadline=None)
def test_every_digit_is_spoken(text: str) -> None:
    """A written word with a digit in it is never silent, and no digit is left unread."""
    read = read_aloud(text)
    digits = [w for w in text.split() if any(unicodedata.category(c) == "Nd" for c in w)]
    spoken = [w for w in read if any(unicodedata.category(c) == "Nd" for c in w.text)]
    assert len(spoken) == len(digits)
    assert all(w.spoken for w in spoken)
    assert not any(c.isdigit() for w in read for s in w.spoken for c in s)


@given(st.integers(0, 10**15 - 1))
def test_cardinals_name_every_group(n: int) -> None:
    words = said(f"{n:,}").split()
    assert ("thousand" in words) == (n // 1000 % 1000 > 0)
    assert ("million" in words) == (n // 10**6 % 1000 > 0)
