"""The Piper voice, in a process of its own that is started again when it dies."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
import soxr
from loguru import logger
from numpy.typing import NDArray

from visavis import models
from visavis.media.spoken import Phone, SpokenAudio, Word
from visavis.speech.errors import MissingExtraError, SpeechError, UnknownVoiceError
from visavis.speech.g2p import English, ReadWord, read_aloud
from visavis.speech.shaping import SAMPLE_RATE, join, shape, silence
from visavis.speech.synthesizer import Stop, check_speed

#: Voices by the name of their artifact.
VOICES = {"joe": "tts-piper-joe"}
#: Seconds the worker may take to start, and to answer: a fixed part and a part a word.
_START_TIMEOUT = 60.0
_ANSWER_TIMEOUT, _WORD_TIMEOUT = 15.0, 1.5
_PAUSE = {".": 0.28, "!": 0.28, "?": 0.30, "…": 0.32}
_MAX_WORDS = 40  # spoken in one go

#: Marks that belong to the symbol before them, or to the next vowel.
_LONG, _PRIMARY, _SECONDARY = "ː", "ˈ", "ˌ"
_DIPHTHONGS = frozenset({"aɪ", "aʊ", "eɪ", "oʊ", "ɔɪ", "əʊ"})
_AFFRICATES = frozenset({"tʃ", "dʒ"})


class Piper:
    """An English voice; see :class:`visavis.speech.synthesizer.Synthesizer`.

    One synthesis runs at a time; other threads wait their turn.

    Args:
        voice: A name of :data:`VOICES`.
        threads: CPU threads of the worker.

    Raises:
        UnknownVoiceError: no such voice.
        MissingModelError: the weights are not here.
        MissingExtraError: Piper is not installed.
        SpeechError: the worker does not start.
    """

    def __init__(self, voice: str = "joe", *, threads: int = 2) -> None:
        if voice not in VOICES:
            known = ", ".join(f"piper:{name}" for name in VOICES)
            raise UnknownVoiceError(f"There is no voice 'piper:{voice}'. Known: {known}.")
        folder = models.path(VOICES[voice])
        self._worker = _Worker(next(folder.glob("*.onnx")), threads)
        self._lock = threading.Lock()
        self._worker.start()

    @property
    def sample_rate(self) -> int:
        """Of the audio, Hz."""
        return SAMPLE_RATE

    @property
    def pid(self) -> int | None:
        """The worker's process id while it runs."""
        return self._worker.pid

    def synthesize(self, text: str, speed: float = 1.0, *, stop: Stop | None = None) -> SpokenAudio:
        """Say `text`; see :class:`visavis.speech.synthesizer.Synthesizer`."""
        check_speed(speed)
        parts: list[SpokenAudio] = []
        gaps: list[float] = []
        for words in _parts(read_aloud(text)):
            with self._lock:
                if stop is not None:
                    stop.check()  # between sentences, each of which is quick
                parts.append(self._say(words, speed))
            gaps.append(_PAUSE.get(words[-1].pause, 0.12) / speed)
        return join(parts, gaps[:-1]) if parts else silence(0.0)

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            self._worker.stop(forever=True)

    def _say(self, words: list[ReadWord], speed: float) -> SpokenAudio:
        spoken = " ".join(" ".join(w.spoken) + _ascii_pause(w.pause) for w in words)
        answer = self._worker.ask(spoken, 1.0 / speed, n_words=spoken.count(" ") + 1)
        samples = answer.audio.astype(np.float32) / 32768.0
        audio = soxr.resample(samples, answer.sample_rate, SAMPLE_RATE, quality="HQ")
        spans = _spans(answer.phonemes, answer.sample_rate)
        return shape(np.asarray(audio, np.float32), phones_of(spans), words_of(words, spans))


@dataclass(frozen=True, slots=True)
class _Answer:
    audio: NDArray[np.int16]
    sample_rate: int
    phonemes: list[tuple[str, int]]


class _Worker:
    """The process: started when needed, asked one thing at a time, ended when it is silent."""

    def __init__(self, model: Path, threads: int) -> None:
        self._command = [sys.executable, "-m", "visavis.speech.piper_worker", str(model)]
        self._command.append(str(threads))
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[tuple[dict[str, Any], bytes] | None] = queue.Queue()
        self._sample_rate = 0
        self._asked = 0
        self._over = False

    @property
    def pid(self) -> int | None:
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def start(self) -> None:
        """Start the process and wait until it can speak."""
        if self._over:
            raise SpeechError("The voice is closed; open it again with open_synthesizer.")
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        assert process.stdout is not None
        answers: queue.Queue[tuple[dict[str, Any], bytes] | None] = queue.Queue()
        reader = threading.Thread(
            target=_read, args=(process.stdout, answers), name="piper-reader", daemon=True
        )
        reader.start()
        self._process, self._answers = process, answers
        message, _ = self._next(_START_TIMEOUT) or ({}, b"")
        if "missing" in message:
            self.stop()
            raise MissingExtraError(
                "Piper is not installed. Install it with: pip install 'visavis[piper]' "
                f"(GPL-3.0; it runs in a process of its own). [{message['missing']}]"
            )
        if not message.get("ready"):
            self.stop()
            why = message.get("error", "it ended or said nothing")
            raise SpeechError(f"The Piper process did not start: {why}.")
        self._sample_rate = int(message["sample_rate"])

    def ask(self, text: str, length_scale: float, *, n_words: int) -> _Answer:
        """Have it say `text`; if the process has died or dies meanwhile, try once more."""
        for attempt in (1, 2):
            if self.pid is None:
                self.start()
            answer = self._try(text, length_scale, _ANSWER_TIMEOUT + n_words * _WORD_TIMEOUT)
            if answer is not None:
                return answer
            logger.warning("The Piper process died or hung (attempt {}); starting it anew", attempt)
            self.stop()
        raise SpeechError(f"The Piper process failed twice on {text[:80]!r}.")

    def stop(self, *, forever: bool = False) -> None:
        """End the process."""
        self._over = self._over or forever
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            if process.stdin:
                process.stdin.close()
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5.0)
        if process.stdout:
            process.stdout.close()

    def _try(self, text: str, length_scale: float, timeout: float) -> _Answer | None:
        assert self._process is not None and self._process.stdin is not None
        self._asked += 1
        request = {"id": self._asked, "text": text, "length_scale": length_scale}
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return None
        answered = self._next(timeout)
        if answered is None or answered[0].get("id") != self._asked:
            return None
        message, audio = answered
        if "error" in message:
            raise SpeechError(f"Piper could not say {text[:80]!r}: {message['error']}")
        phonemes = [(str(p), int(n)) for p, n in message["phonemes"]]
        return _Answer(np.frombuffer(audio, "<i2"), self._sample_rate, phonemes)

    def _next(self, timeout: float) -> tuple[dict[str, Any], bytes] | None:
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            try:
                return self._answers.get(timeout=left)
            except queue.Empty:
                break
        return None


def _read(stream: IO[bytes], answers: queue.Queue[tuple[dict[str, Any], bytes] | None]) -> None:
    """Read messages until the stream ends; then say so."""
    with contextlib.suppress(OSError, ValueError):
        while line := stream.readline():
            message = json.loads(line)
            audio = stream.read(int(message.get("bytes", 0)))
            answers.put((message, audio))
    answers.put(None)


def _ascii_pause(pause: str) -> str:
    return {"—": ",", "…": "."}.get(pause, pause)


def _parts(words: list[ReadWord]) -> list[list[ReadWord]]:
    """One sentence at a time, or fewer words where a sentence has no end."""
    parts: list[list[ReadWord]] = [[]]
    size = 0
    for word in words:
        parts[-1].append(word)
        size += len(word.spoken)
        if word.pause in _PAUSE or size >= _MAX_WORDS:
            parts.append([])
            size = 0
    return [p for p in parts if any(w.spoken for w in p)]


@dataclass(frozen=True, slots=True)
class _Span:
    symbol: str
    start: float
    end: float


def _spans(phonemes: list[tuple[str, int]], sample_rate: int) -> list[_Span]:
    out = []
    at = 0
    for symbol, samples in phonemes:
        start, at = at, at + samples
        out.append(_Span(symbol, start / sample_rate, at / sample_rate))
    return out


def _is_sound(symbol: str) -> bool:
    return bool(symbol) and symbol[0].isalpha() and unicodedata.category(symbol[0]) != "Lm"


def phones_of(spans: list[_Span]) -> list[Phone]:
    """Phones in IPA from espeak's symbols, which come one code point at a time.

    Length marks and the second half of diphthongs and affricates join what precedes them; the
    time of a stress mark goes to the sound that follows; pauses become silence.
    """
    out: list[Phone] = []
    stress = 0
    begun: float | None = None
    for span in spans:
        if span.symbol in (_PRIMARY, _SECONDARY):
            stress = 1 if span.symbol == _PRIMARY else 2
            begun = span.start if begun is None else begun
            continue
        start = span.start if begun is None else begun
        begun = None
        touching = bool(out) and abs(out[-1].end - start) < 1e-9
        last = out[-1].ipa if touching else ""
        if _is_sound(span.symbol):
            joined = last + span.symbol
            if last and not stress and joined in _DIPHTHONGS | _AFFRICATES:
                out[-1] = Phone(joined, out[-1].start, span.end, out[-1].stress)
            else:
                out.append(Phone(span.symbol, start, span.end, stress))
            stress = 0
        elif last and span.symbol and not span.symbol.isspace() and _is_mark(span.symbol):
            ipa = last + _LONG if span.symbol == _LONG else last
            out[-1] = Phone(ipa, out[-1].start, span.end, out[-1].stress)
        elif span.end > start:
            if touching and not last:
                out[-1] = Phone("", out[-1].start, span.end)
            else:
                out.append(Phone("", start, span.end))
    return out


def _is_mark(symbol: str) -> bool:
    return unicodedata.category(symbol[0]) in ("Lm", "Mn", "Sk")


def words_of(words: list[ReadWord], spans: list[_Span]) -> list[Word]:
    """When each written word is said.

    espeak puts a space between most spoken words but joins some small ones ("of the") and parts
    others, so its groups are aligned with our spoken words by how many sounds each has.
    """
    groups: list[list[_Span]] = []
    inside: list[_Span] = []
    for span in [*spans, _Span(" ", 0.0, 0.0)]:
        if _is_sound(span.symbol):
            inside.append(span)
        elif not span.symbol or span.symbol.isspace() or span.symbol in "^$,.!?;:":
            if inside:
                groups.append(inside)
            inside = []
    english = English.load()
    lengths = []
    for word in words:
        for spoken in word.spoken:
            said = english.pronounce_words([ReadWord(spoken, (spoken,), "")]).phonemes
            lengths.append(max(1, sum(c.isalpha() and c not in "ˈˌ" for c in said)))
    times = align(lengths, groups)
    out: list[Word] = []
    k = 0
    for word in words:
        n = len(word.spoken)
        if n:
            out.append(Word(word.text, times[k][0], times[k + n - 1][1]))
        elif out:
            out[-1] = Word(f"{out[-1].text} {word.text}", out[-1].start, out[-1].end)
        k += n
    return out


def align(lengths: list[int], groups: list[list[_Span]]) -> list[tuple[float, float]]:
    """Times of items, given how many sounds each should have and groups of sounds, in order.

    Dynamic programming over one item in one to four groups, or up to four items in one group;
    the cost is how much the numbers of sounds differ.
    """
    if not groups:
        return [(0.0, 0.0)] * len(lengths)
    if len(lengths) == len(groups):
        return [(g[0].start, g[-1].end) for g in groups]
    sizes = [len(g) for g in groups]
    moves = [(1, 1), *((i, 1) for i in (2, 3, 4)), *((1, j) for j in (2, 3, 4))]
    best: dict[tuple[int, int], tuple[float, tuple[int, int]]] = {(0, 0): (0.0, (0, 0))}
    for i in range(len(lengths) + 1):
        for j in range(len(groups) + 1):
            for di, dj in moves:
                before = best.get((i - di, j - dj))
                if before is None:
                    continue
                gap = sum(lengths[i - di : i]) - sum(sizes[j - dj : j])
                cost = before[0] + gap * gap + 0.5 * (di + dj - 2)
                if (i, j) not in best or cost < best[i, j][0]:
                    best[i, j] = (cost, (di, dj))
    at = (len(lengths), len(groups))
    if at not in best:  # nothing fits: share the sounds out in proportion
        return _share(lengths, [s for g in groups for s in g])
    out: list[tuple[float, float]] = []
    while at != (0, 0):
        di, dj = best[at][1]
        sounds = [s for g in groups[at[1] - dj : at[1]] for s in g]
        out[:0] = _share(lengths[at[0] - di : at[0]], sounds)
        at = (at[0] - di, at[1] - dj)
    return out


def _share(lengths: list[int], sounds: list[_Span]) -> list[tuple[float, float]]:
    """Divide sounds among items in proportion to their lengths; every item gets one if it can."""
    edges = np.rint(np.cumsum([0, *lengths]) / sum(lengths) * len(sounds)).astype(int)
    out = []
    for a, b in pairwise(edges):
        first = min(int(a), len(sounds) - 1)
        last = max(first, int(b) - 1)
        out.append((sounds[first].start, sounds[last].end))
    # Items that had to share one sound follow each other in it.
    for i in range(1, len(out)):
        if out[i][0] < out[i - 1][1]:
            out[i] = (out[i - 1][1], max(out[i - 1][1], out[i][1]))
    return out
