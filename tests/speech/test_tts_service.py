"""Words in step with the sound, in a Pipecat pipeline."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.tests.utils import SleepFrame, run_test

from visavis.media.spoken import SpokenAudio, Word
from visavis.speech.errors import SpeechError, StoppedError
from visavis.speech.kokoro import Kokoro
from visavis.speech.synthesizer import Stop
from visavis.speech.tts_service import SpokenAudioFrame, VisavisTTSService, interleave

RATE = 24_000


class Beeper:
    """A voice that says every word as a beep of 0.11 s with 0.03 s between them."""

    sample_rate = RATE

    def __init__(self, seconds: float = 0.0, error: bool = False) -> None:
        self.seconds = seconds
        self.error = error
        self.said: list[str] = []
        self.stopped = threading.Event()

    def synthesize(self, text: str, speed: float = 1.0, *, stop: Stop | None = None) -> SpokenAudio:
        if self.error:
            raise SpeechError("hoarse")
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            if stop is not None and stop.asked:
                self.stopped.set()
                raise StoppedError("stopped")
            time.sleep(0.005)
        self.said.append(text)
        words = [
            Word(w, i * 0.14 / speed, (i * 0.14 + 0.11) / speed) for i, w in enumerate(text.split())
        ]
        t = np.arange(round((words[-1].end + 0.03) * RATE))
        audio = (8000 * np.sin(2 * np.pi * 440 * t / RATE)).astype(np.int16)
        return SpokenAudio(audio, RATE, (), tuple(words))

    def close(self) -> None:
        pass


def check_order(frames: list[Frame]) -> None:
    """Each utterance comes whole, on a 40 ms grid, and each word behind its audio."""
    at = 0.0
    spoken: SpokenAudio | None = None
    words: list[Word] = []
    for frame in frames:
        if isinstance(frame, SpokenAudioFrame):
            assert len(frame.audio) % (960 * 2) == 0
            if frame.spoken is not None:
                spoken, at, words = frame.spoken, 0.0, list(frame.spoken.words)
            assert frame.offset == pytest.approx(at)
            at += len(frame.audio) / 2 / RATE
        elif isinstance(frame, TTSTextFrame):
            word = words.pop(0)
            assert frame.text == word.text
            assert frame.pts is None
            assert word.end <= at + 1e-6 <= word.end + 0.041 + 1e-6
    assert spoken is not None and not words and at == pytest.approx(spoken.duration)


def text_of(frames: list[Frame]) -> str:
    return " ".join(f.text for f in frames if isinstance(f, TTSTextFrame) and f.append_to_context)


def audio_of(frames: list[Frame]) -> bytes:
    return b"".join(f.audio for f in frames if isinstance(f, TTSAudioRawFrame))


def test_interleaving() -> None:
    spoken = Beeper().synthesize("one two three four")
    frames = interleave(spoken, "c")
    check_order(frames)
    samples = np.frombuffer(audio_of(frames), np.int16)
    np.testing.assert_array_equal(samples[: len(spoken.audio)], spoken.audio)
    assert not samples[len(spoken.audio) :].any()
    assert interleave(SpokenAudio(np.zeros(0, np.int16), RATE), "c") == []


async def test_a_reply_is_spoken_in_pieces_and_written_in_words() -> None:
    voice = Beeper()
    reply = "You can take a shower, but keep it dry. Anything else?"
    down, _ = await run_test(
        VisavisTTSService(voice),
        frames_to_send=[
            LLMFullResponseStartFrame(),
            *[LLMTextFrame(t) for t in reply.split(" ")[:1]],
            *[LLMTextFrame(" " + t) for t in reply.split(" ")[1:]],
            LLMFullResponseEndFrame(),
        ],
    )
    frames = list(down)
    assert voice.said == ["You can take a shower,", "but keep it dry.", "Anything else?"]
    assert text_of(frames) == reply
    kinds = [type(f) for f in frames]
    assert kinds.count(TTSStartedFrame) == kinds.count(TTSStoppedFrame) == 1
    assert kinds.index(TTSStartedFrame) < kinds.index(SpokenAudioFrame)
    last_word = max(i for i, f in enumerate(frames) if isinstance(f, TTSTextFrame))
    assert last_word < kinds.index(TTSStoppedFrame)
    assert kinds.index(LLMFullResponseEndFrame) > last_word
    pieces = [i for i, f in enumerate(frames) if isinstance(f, SpokenAudioFrame) and f.spoken]
    assert len(pieces) == 3
    for a, b in zip(pieces, [*pieces[1:], len(frames)], strict=True):
        check_order([f for f in frames[a:b] if isinstance(f, (SpokenAudioFrame, TTSTextFrame))])


async def test_way_is_made_for_the_first_piece_of_each_reply_only() -> None:
    voice = Beeper()
    held: list[tuple[int, int]] = []

    @asynccontextmanager
    async def make_way() -> AsyncIterator[None]:
        before = len(voice.said)
        yield
        held.append((before, len(voice.said)))

    reply = [
        LLMFullResponseStartFrame(),
        LLMTextFrame("You can take a shower, but keep it dry. Anything else?"),
        LLMFullResponseEndFrame(),
    ]
    await run_test(
        VisavisTTSService(voice, make_way=make_way),
        frames_to_send=[*reply, SleepFrame(0.2), *reply],
    )
    assert len(voice.said) == 6
    assert held == [(0, 1), (3, 4)]


async def test_what_is_not_for_the_context_is_marked() -> None:
    down, _ = await run_test(
        VisavisTTSService(Beeper()),
        frames_to_send=[TTSSpeakFrame("One moment please.", append_to_context=False)],
    )
    assert text_of(list(down)) == ""
    assert [f.text for f in down if isinstance(f, TTSTextFrame)] == ["One", "moment", "please."]


async def test_an_interruption_stops_the_synthesis_and_drops_its_words() -> None:
    voice = Beeper(seconds=5.0)
    started = time.monotonic()
    down, _ = await run_test(
        VisavisTTSService(voice),
        frames_to_send=[
            LLMFullResponseStartFrame(),
            LLMTextFrame("This will never be heard by anybody. "),
            SleepFrame(0.2),
            InterruptionFrame(),
            SleepFrame(0.2),
        ],
    )
    assert voice.stopped.wait(1.0)
    assert voice.said == []
    assert text_of(list(down)) == "" and audio_of(list(down)) == b""
    assert time.monotonic() - started < 3.0


async def test_after_an_interruption_the_next_reply_is_spoken() -> None:
    voice = Beeper(seconds=0.15)
    down, _ = await run_test(
        VisavisTTSService(voice),
        frames_to_send=[
            LLMFullResponseStartFrame(),
            LLMTextFrame("Nobody hears this sentence. "),
            SleepFrame(0.05),
            InterruptionFrame(),
            SleepFrame(0.1),
            LLMFullResponseStartFrame(),
            LLMTextFrame("But you hear this."),
            LLMFullResponseEndFrame(),
        ],
    )
    assert voice.said == ["But you hear this."]
    assert text_of(list(down)) == "But you hear this."


async def test_a_smile_is_not_spoken_and_is_no_error() -> None:
    down, up = await run_test(
        VisavisTTSService(Beeper()),
        frames_to_send=[
            LLMFullResponseStartFrame(),
            LLMTextFrame("🙂"),
            LLMFullResponseEndFrame(),
        ],
    )
    assert audio_of(list(down)) == b""
    assert not any(isinstance(f, ErrorFrame) for f in [*down, *up])


async def test_a_voice_that_fails_is_reported() -> None:
    _, up = await run_test(
        VisavisTTSService(Beeper(error=True)), frames_to_send=[TTSSpeakFrame("Hello there.")]
    )
    assert any(isinstance(f, ErrorFrame) and "hoarse" in f.error for f in up)


def test_a_wrong_speed_is_refused() -> None:
    with pytest.raises(ValueError, match="speed"):
        VisavisTTSService(Beeper(), speed=9.0)


@pytest.mark.weights
async def test_with_a_real_voice(kokoro: Kokoro) -> None:
    down, _ = await run_test(
        VisavisTTSService(kokoro), frames_to_send=[TTSSpeakFrame("Sure, let me check.")]
    )
    frames = [f for f in down if isinstance(f, (SpokenAudioFrame, TTSTextFrame))]
    check_order(frames)
    assert text_of(frames) == "Sure, let me check."
    assert frames[0].spoken is not None and frames[0].spoken.phones
