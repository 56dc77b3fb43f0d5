"""Words to phonemes."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from visavis import models
from visavis.speech.g2p import English
from visavis.speech.g2p.lexicon import participle, past, plural
from visavis.speech.g2p.symbols import FROM_ARPABET, TO_IPA, add_stress, arpabet_to_misaki

pytestmark = pytest.mark.weights


def sounds(english: English, text: str) -> str:
    return english.pronounce(text).phonemes


def sound_of(english: English, text: str, word: str) -> str:
    said = english.pronounce(text)
    found = next(w for w in said.words if w.text.strip(".,?!;").lower() == word)
    return said.phonemes[found.start : found.end].strip(".,?!;")


def test_a_sentence(english: English) -> None:
    assert sounds(english, "Hello, world.") == "həlˈO, wˈɜɹld."


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("I've read it.", "read", "ɹˈɛd"),
        ("You should read it.", "read", "ɹˈid"),
        ("Where do you live?", "live", "lˈɪv"),
        ("A live show.", "live", "lˈIv"),
        ("Close the door.", "close", "klˈOz"),
        ("We are close.", "close", "klˈOs"),
        ("We used to go.", "used", "jˈust"),
        ("The use of it.", "use", "jˈus"),
        ("Please use it.", "use", "jˈuz"),
        ("Keep a record of it.", "record", "ɹˈɛkəɹd"),
        ("Please record it.", "record", "ɹəkˈɔɹd"),
        ("Wait a minute.", "minute", "mˈɪnət"),
        ("See the apple.", "the", "ði"),
        ("See the door.", "the", "ðə"),
        ("Go to it.", "to", "tʊ"),
        ("Go to bed.", "to", "tə"),
        ("Come in.", "in", "ˈɪn"),
        ("Take a pill.", "a", "ɐ"),
    ],
)
def test_context_decides(english: English, text: str, word: str, expected: str) -> None:
    assert sound_of(english, text, word) == expected


def test_unknown_words_sound_like_their_spelling(english: English) -> None:
    assert sounds(english, "Frobnicate")[:3] == "fɹˈ"
    assert "b" in sounds(english, "zorblax")


def test_initials_are_spelled_and_acronyms_are_not(english: English) -> None:
    assert sounds(english, "the FBI") == "ði ˌɛfbˌiˈI"
    assert sounds(english, "NASA") == "nˈæsə"
    assert sounds(english, "US") == "jˌuˈɛs"


def test_inflections() -> None:
    assert [plural(s) for s in ("kˈæt", "dˈɔɡ", "bˈʌs")] == ["kˈæts", "dˈɔɡz", "bˈʌsᵻz"]
    assert [past(s) for s in ("wˈɔk", "plˈA", "wˈɑnt")] == ["wˈɔkt", "plˈAd", "wˈɑntᵻd"]
    assert past("nˈOt") == "nˈOɾᵻd"
    assert participle("ɹˈIt") == "ɹˈIɾɪŋ"


def test_arpabet() -> None:
    assert arpabet_to_misaki(["HH", "AH0", "L", "OW1"]) == "həlˈO"
    assert set("".join(FROM_ARPABET.values())) >= set("AIOWYʤʧ")
    assert add_stress("ðɛɹ") == "ðˈɛɹ"


def test_the_voice_knows_every_symbol(english: English) -> None:
    vocabulary = json.loads((models.path("tts-kokoro") / "vocab.json").read_text())["vocab"]
    text = "Judge Ruth's quick measuring thing: why boil yellow fish? Nothing, she said; he cried!"
    assert set(sounds(english, text)) <= set(vocabulary)
    assert set("".join(FROM_ARPABET.values())) | set(TO_IPA) <= set(vocabulary)


@given(st.text(max_size=120))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_is_pronounced(english: English, text: str) -> None:
    said = english.pronounce(text)
    at = 0
    for word in said.words:
        assert at <= word.start < word.end <= len(said.phonemes)
        assert any(c.isalpha() for c in said.phonemes[word.start : word.end])
        at = word.end
