"""Kokoro and Piper: times, intelligibility, robustness."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.speech.conftest import at_16k, check_times, need, said_words, word_errors
from visavis.speech import MissingExtraError, StoppedError, UnknownVoiceError, open_synthesizer
from visavis.speech.kokoro import Kokoro
from visavis.speech.piper import Piper, _Span, align
from visavis.speech.synthesizer import Stop, Synthesizer
from visavis.speech.transcriber import Transcriber

pytestmark = pytest.mark.weights

SENTENCES = [
    "Please call the clinic if your temperature is above 38.5 degrees.",
    "Take two tablets every 8 hours.",
    "You can take a shower after 24 hours.",
]


@pytest.fixture(scope="module")
def piper() -> Iterator[Piper]:
    need("tts-piper-joe")
    need("g2p-en")
    pytest.importorskip("piper")
    voice = Piper("joe", threads=1)
    yield voice
    voice.close()


@pytest.mark.parametrize("text", SENTENCES)
def test_kokoro_is_understood(kokoro: Kokoro, transcriber: Transcriber, text: str) -> None:
    heard = transcriber.transcribe(at_16k(kokoro.synthesize(text)), language="en").text
    assert word_errors(said_words(text), said_words(heard)) <= 1, heard


def test_piper_is_understood(piper: Piper, transcriber: Transcriber) -> None:
    spoken = piper.synthesize(" ".join(SENTENCES))
    heard = transcriber.transcribe(at_16k(spoken), language="en").text
    assert word_errors(said_words(" ".join(SENTENCES)), said_words(heard)) <= 2, heard


def test_kokoro_says_sounds_of_other_languages(kokoro: Kokoro) -> None:
    spoken = kokoro.say_phonemes("ˈʃøːn yˈbʁɑɪ ☃, peˈrɔ ɥi.")
    check_times(spoken)
    assert "".join(p.ipa for p in spoken.phones) == "ʃøːnybʁɑɪperɔɥiː"
    assert not spoken.words
    with pytest.raises(ValueError, match="speed"):
        kokoro.say_phonemes("a", 3.0)


@pytest.mark.parametrize("engine", ["kokoro", "piper"])
def test_times_and_words(engine: str, request: pytest.FixtureRequest) -> None:
    voice: Synthesizer = request.getfixturevalue(engine)
    text = "Call Dr. Lee at 555-0142, please. Is it above 38.5 °C?"
    spoken = voice.synthesize(text)
    check_times(spoken)
    assert spoken.sample_rate == voice.sample_rate == 24_000
    assert " ".join(w.text for w in spoken.words) == text
    assert sum(bool(p.ipa) for p in spoken.phones) > 40
    assert all(w.end > w.start for w in spoken.words)
    levels = np.abs(spoken.audio.astype(float)) / 32768
    assert 0.1 < levels.max() <= 0.96
    # Speech begins at once and does not trail off into silence.
    heard = np.flatnonzero(levels > 0.01)
    assert heard[0] / 24_000 < 0.1
    assert spoken.duration - heard[-1] / 24_000 < 0.25


@pytest.mark.parametrize("engine", ["kokoro", "piper"])
def test_vowels_sound_when_the_times_say_so(engine: str, request: pytest.FixtureRequest) -> None:
    """Vowels are louder than stops and silences at the same lag, and no other lag fits better."""
    voice: Synthesizer = request.getfixturevalue(engine)
    spoken = voice.synthesize("Keep the bandage dry, take a pill at breakfast, stop by on Tuesday.")
    step = 0.005
    n = int(spoken.duration / step)
    size = round(step * spoken.sample_rate)
    blocks = spoken.audio[: n * size].astype(float).reshape(n, size)
    level = np.log10(np.sqrt((blocks**2).mean(axis=1)) + 10)
    expected = np.zeros(n)
    for p in spoken.phones:
        loud = bool(p.ipa) and p.ipa[0] in "aeiouæɑəɛɜɪɔʊʌɐᵻɚ"
        expected[int(p.start / step) : int(p.end / step)] = loud
    lags = range(-24, 25)
    fit = [float(np.corrcoef(np.roll(expected, k), level)[0, 1]) for k in lags]
    best = lags[int(np.argmax(fit))] * step
    assert max(fit) > 0.35
    assert abs(best) <= 0.03, f"the sound is {best * 1000:.0f} ms after the times"


def test_nothing_to_say_is_empty(kokoro: Kokoro) -> None:
    for text in ("", "   ", "🙂🎉", "...", "**"):
        spoken = kokoro.synthesize(text)
        assert (len(spoken.audio), spoken.phones, spoken.words) == (0, (), ())


def test_a_very_long_sentence_is_said(kokoro: Kokoro) -> None:
    text = "and we went on " * 25
    spoken = kokoro.synthesize(text, speed=2.0)
    check_times(spoken)
    assert " ".join(w.text for w in spoken.words) == text.strip()


def test_speed(kokoro: Kokoro) -> None:
    slow, fast = (kokoro.synthesize("How are you today?", speed=s).duration for s in (0.8, 1.4))
    assert slow > 1.3 * fast
    with pytest.raises(ValueError, match="speed"):
        kokoro.synthesize("Hello", speed=3)


def test_a_synthesis_can_be_stopped(kokoro: Kokoro) -> None:
    stop = Stop()
    asked = [0.0]

    def ask() -> None:
        asked[0] = time.monotonic()
        stop.ask()

    timer = threading.Timer(0.3, ask)
    timer.start()
    with pytest.raises(StoppedError):
        kokoro.synthesize("This is a rather long sentence that takes a while. " * 8, stop=stop)
    assert time.monotonic() - asked[0] < 0.5
    assert kokoro.synthesize("Hi.").duration > 0.1


@pytest.mark.parametrize("engine", ["kokoro", "piper"])
def test_phonemes_are_where_the_sound_has_them(engine: str, request: pytest.FixtureRequest) -> None:
    """The quietest moment around a p or k between vowels lies near the phoneme's middle."""
    voice: Synthesizer = request.getfixturevalue(engine)
    vowels = set("aeiouɑɔəɛɪʊʌæɜɚᵻɐ")
    off = []
    for text in (
        "A happy baby put a cup upon a table.",
        "Peter picked a pack of pepper up at a taxi.",
        "Keep a paper copy of an apple cake.",
        "Papa bought a copper pot at about eight o two.",
    ):
        spoken = voice.synthesize(text)
        block = voice.sample_rate // 200
        power = (spoken.audio[: len(spoken.audio) // block * block].astype(float) ** 2).reshape(
            -1, block
        )
        level = np.convolve(np.log10(power.mean(1) + 1), np.ones(5) / 5, "same")
        around = zip(spoken.phones, spoken.phones[1:], spoken.phones[2:], strict=False)
        for before, phone, after in around:
            if phone.ipa in ("p", "k") and {before.ipa[:1], after.ipa[:1]} <= vowels:
                first = int((phone.start - 0.08) * 200)
                near = level[first : int((phone.end + 0.08) * 200)]
                off.append((first + near.argmin() + 0.5) / 200 - (phone.start + phone.end) / 2)
    assert len(off) >= 8
    assert abs(np.median(off)) < 0.02


def test_piper_recovers_from_a_crash(piper: Piper) -> None:
    pid = piper.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert piper.synthesize("Hello again.").duration > 0.3
    assert piper.pid not in (None, pid)


def test_piper_recovers_from_a_hang(piper: Piper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visavis.speech.piper._ANSWER_TIMEOUT", 1.0)
    monkeypatch.setattr("visavis.speech.piper._WORD_TIMEOUT", 1.0)
    pid = piper.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    assert piper.synthesize("Hello again.").duration > 0.3
    assert piper.pid != pid


def test_a_missing_extra_is_explained(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    need("tts-piper-joe")
    # A "piper" that cannot be imported, in front of the installed one.
    broken = os.path.join(str(tmp_path), "piper.py")  # noqa: PTH118
    with open(broken, "w") as f:  # noqa: PTH123
        f.write("raise ImportError('not installed')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(MissingExtraError, match=r"visavis\[piper\]"):
        Piper("joe")


def test_unknown_voices_are_named() -> None:
    with pytest.raises(UnknownVoiceError, match="kokoro:clara"):
        open_synthesizer("nobody:here")
    need("tts-kokoro")
    with pytest.raises(UnknownVoiceError, match="jf_alpha"):
        open_synthesizer("kokoro:jf_alpha+nobody")


def test_words_are_aligned_with_the_groups_espeak_makes() -> None:
    def group(*times: tuple[float, float]) -> list[_Span]:
        return [_Span("a", a, b) for a, b in times]

    joined = group((0, 1), (1, 2), (2, 3), (3, 4))  # "of the"
    alone = group((5, 6), (6, 7), (7, 8))
    assert align([2, 2, 3], [joined, alone]) == [(0, 2), (2, 4), (5, 8)]
    parted = [group((0, 1), (1, 2)), group((3, 4), (4, 5)), alone]
    assert align([4, 3], parted) == [(0, 5), (5, 8)]
