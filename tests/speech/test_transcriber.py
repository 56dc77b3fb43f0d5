"""Speech recognition."""

from __future__ import annotations

import json
import os
import threading
import time
import wave
from pathlib import Path

import numpy as np
import pytest
import soxr

from tests.speech.conftest import at_16k, said_words, word_errors
from visavis.speech.kokoro import Kokoro
from visavis.speech.transcriber import (
    Transcriber,
    Transcript,
    _believe,
    _pieces,
    _without_repetition,
    _without_second_try,
)

SHARED = Path(__file__).parents[3] / "shared"
PHRASES = Path(os.environ.get("VISAVIS_DATA", SHARED / "data")) / "conversation" / "phrases"


def guess(text: str, logprob: float = -0.2, no_speech: float = 0.01) -> str:
    return _believe(Transcript(text, "en", logprob, no_speech), 1.0).text


def test_ghosts_are_not_believed() -> None:
    assert guess("Thanks for watching!") == ""
    assert guess("Thank you.", logprob=-1.1, no_speech=0.5) == ""
    assert guess("[Music]") == "" and guess("♪ la la ♪") == "" and guess("...") == ""
    assert guess("Anything", logprob=-1.5, no_speech=0.9) == ""


def test_what_people_say_is_believed() -> None:
    assert guess("Thank you.") == "Thank you."
    assert guess("Bye-bye!") == "Bye-bye!"
    assert guess("I think so.") == "I think so."


def test_repetition_is_cut() -> None:
    assert _without_repetition("I do not know. " * 12).count("know") <= 2
    assert guess("no no no no no no no no no no no no no no no no no no no no").count("no") <= 3
    assert guess("It is very, very good.") == "It is very, very good."


def test_long_audio_is_cut_at_quiet_places() -> None:
    rng = np.random.default_rng(1)
    audio = rng.normal(0, 0.2, 16_000 * 50).astype(np.float32)
    audio[16_000 * 24 : 16_000 * 25] = 0
    pieces = _pieces(audio)
    np.testing.assert_array_equal(np.concatenate(pieces), audio)
    assert all(len(p) <= 28 * 16_000 for p in pieces)
    assert 24.0 <= len(pieces[0]) / 16_000 <= 25.0


@pytest.mark.weights
def test_silence_and_noise_are_no_words(transcriber: Transcriber) -> None:
    rng = np.random.default_rng(0)
    for audio in (
        np.zeros(16_000, np.float32),
        np.zeros(0, np.float32),
        rng.normal(0, 0.0005, 32_000).astype(np.float32),
        rng.normal(0, 0.02, 32_000).astype(np.float32),
    ):
        assert transcriber.transcribe(audio, language="en").text == ""


@pytest.mark.weights
def test_wrong_input_is_refused(transcriber: Transcriber) -> None:
    with pytest.raises(ValueError, match="mono float"):
        transcriber.transcribe(np.zeros((2, 100), np.float32))
    with pytest.raises(ValueError, match="mono float"):
        transcriber.transcribe(np.zeros(100, np.int16))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="language"):
        tone = (0.3 * np.sin(np.arange(16_000) / 8)).astype(np.float32)
        transcriber.transcribe(tone, language="klingon")


def read(path: Path) -> np.ndarray:
    with wave.open(str(path)) as w:
        samples = np.frombuffer(w.readframes(w.getnframes()), np.int16).astype(np.float32) / 32768
        return np.asarray(soxr.resample(samples, w.getframerate(), 16_000), np.float32)


@pytest.mark.weights
@pytest.mark.data
def test_phrases_are_understood(transcriber: Transcriber) -> None:
    paths = sorted(PHRASES.glob("*.wav"))[::24]
    if not paths:
        pytest.skip("no phrases beside the checkout")
    wrong = total = 0
    for path in paths:
        reference = said_words(" ".join(json.loads(path.with_suffix(".json").read_text())["words"]))
        heard = transcriber.transcribe(read(path), language="en")
        assert heard.language == "en"
        wrong += word_errors(reference, said_words(heard.text))
        total += len(reference)
    assert wrong / total < 0.15


@pytest.mark.weights
@pytest.mark.data
def test_threads_may_call_at_once_and_language_is_detected(transcriber: Transcriber) -> None:
    paths = sorted(PHRASES.glob("*.wav"))[:2]
    if not paths:
        pytest.skip("no phrases beside the checkout")
    alone = [transcriber.transcribe(read(p)) for p in paths]
    assert {t.language for t in alone} == {"en"}
    out: dict[int, str] = {}
    threads = [
        threading.Thread(
            target=lambda i=i, p=p: out.update({i: transcriber.transcribe(read(p)).text})
        )
        for i, p in enumerate(paths)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert [out[i] for i in range(len(paths))] == [t.text for t in alone]


@pytest.mark.weights
@pytest.mark.data
def test_short_audio_is_quicker_than_a_full_window(transcriber: Transcriber) -> None:
    paths = sorted(PHRASES.glob("*.wav"))[:1]
    if not paths:
        pytest.skip("no phrases beside the checkout")
    short = read(paths[0])
    long = np.concatenate([short, np.zeros(16_000 * 26 - len(short), np.float32)])

    def seconds(audio: np.ndarray) -> float:
        start = time.process_time()
        transcriber.transcribe(audio, language="en")
        return time.process_time() - start

    assert min(seconds(short) for _ in range(2)) < 0.5 * min(seconds(long) for _ in range(2))


def test_what_the_talk_is_about_helps_to_hear_it(transcriber: Transcriber, kokoro: Kokoro) -> None:
    spoken = kokoro.synthesize("Is the Lindenhof open, and can I ask for Doctor Okonjo?")
    context = "The Lindenhof is a clinic. Doctor Okonjo works at the Lindenhof."
    alone = transcriber.transcribe(at_16k(spoken), language="en").text
    helped = transcriber.transcribe(at_16k(spoken), language="en", context=context).text
    names = [n for n in ("Lindenhof", "Okonjo") if n in helped]
    assert len(names) > sum(n in alone for n in ("Lindenhof", "Okonjo")), (alone, helped)
    noise = np.random.default_rng(1).normal(0, 0.02, 32_000).astype(np.float32)
    assert transcriber.transcribe(noise, language="en", context=context * 9).text == ""


@pytest.mark.parametrize(
    ("text", "once"),
    [
        (
            "What number can I call at night? What number can I call it nine?",
            "What number can I call at night?",
        ),
        ("Yes. Yes.", "Yes. Yes."),
        ("May I drive today? And what may I eat?", "May I drive today? And what may I eat?"),
        ("It is at 38.5 degrees.", "It is at 38.5 degrees."),
        ("", ""),
    ],
)
def test_a_second_try_is_left_out(text: str, once: str) -> None:
    assert _without_second_try(text) == once
