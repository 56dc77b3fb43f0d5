"""Speech to text: Whisper on CTranslate2, made quick for the short turns of a conversation.

Whisper was trained on windows of 30 s, and its usual pipelines pad every utterance to that.
Its encoder takes shorter input just as well, and its cost is proportional to the length, so here
an utterance is padded by about a second only (see :data:`_MARGIN`).
"""

from __future__ import annotations

import re
import threading
import zlib
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray
from tokenizers import Tokenizer

from visavis import models

SAMPLE_RATE = 16_000
#: Whisper hears no more at once, s.
MAX_SECONDS = 30.0
#: Silence added after the utterance, s, and the least length heard.
_MARGIN, _LEAST = 1.0, 2.0
_HOP = 160  # samples a mel frame
#: Words a second nobody exceeds; bounds a decoder that repeats itself.
_TOKENS_PER_SECOND = 9.0
#: Quieter than this (RMS of the loudest tenth of a second) is nobody speaking.
_SILENCE_RMS = 10 ** (-55 / 20)
#: Radford et al. 2022, §4.5: thresholds for "nobody spoke" and "it repeats itself".
_NO_SPEECH, _LOGPROB, _COMPRESSION = 0.6, -1.0, 2.4

#: So many words said twice in a row are Whisper's doing, not the speaker's.
_RESTART_WORDS = 3

#: Tokens of what might have been said before.
_CONTEXT_TOKENS = 100
#: Two sentences in a row of at least so many words, this alike, are one, said once.
_SAME_WORDS, _SAME = 4, 0.7

#: What Whisper writes when it hears silence or noise; it learnt this from subtitles.
_GHOSTS = frozenset(
    {
        "you",
        "thank you",
        "thank you very much",
        "thank you for watching",
        "thanks for watching",
        "thanks for listening",
        "please subscribe",
        "subscribe",
        "subtitles by the amara org community",
        "bye",
        "bye bye",
        "the end",
        "so",
        "oh",
        "i",
        "music",
        "applause",
        "silence",
        "blank audio",
    }
)
#: Ghosts that people also say often: believed unless the model itself doubts.
_ALSO_SAID = frozenset({"thank you", "thank you very much", "bye", "bye bye", "you", "oh", "so"})
_SOUND_NOTE = re.compile(r"[\[(*♪][^\])*♪]*[\])*♪]")


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said.

    Attributes:
        text: Empty if nobody spoke or nothing could be understood.
        language: ISO 639-1 code, as given or as detected.
        avg_logprob: Mean log probability of a token; above about -0.5 is sure, 0 for no text.
        no_speech_prob: 0..1, that nobody spoke.
    """

    text: str
    language: str
    avg_logprob: float
    no_speech_prob: float


class Transcriber:
    """Whisper; call :meth:`transcribe` from any thread (calls wait for each other).

    Args:
        model: ``stt-whisper-base`` (many languages) or ``stt-whisper-tiny-en`` (quicker).
        threads: CPU threads.

    Raises:
        MissingModelError: the weights are not here; says how to fetch them.
    """

    def __init__(self, model: str = "stt-whisper-base", *, threads: int = 2) -> None:
        if threads < 1:
            raise ValueError(f"threads is {threads}; give at least 1.")
        folder = models.path(model)
        self._whisper = ctranslate2.models.Whisper(
            str(folder), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._features = FeatureExtractor(feature_size=self._whisper.n_mels)
        self._lock = threading.Lock()

    def warm_up(self) -> None:
        """Transcribe a second of noise, so that the first person does not wait."""
        noise = np.random.default_rng(0).normal(0, 0.05, SAMPLE_RATE).astype(np.float32)
        self.transcribe(noise, language="en", final=False)

    def transcribe(
        self,
        audio: NDArray[np.float32],
        *,
        language: str | None = None,
        final: bool = True,
        context: str = "",
    ) -> Transcript:
        """The words in `audio`.

        Args:
            audio: Mono, 16 kHz, -1..1, shape ``(n,)``. Longer than 30 s is heard in pieces cut
                at the quietest places.
            language: ISO 639-1 code; None detects it.
            final: True searches with a beam when the greedy result is doubtful; False is for
                text shown while the person still speaks.
            context: What might have been said before, in sentences. Its words are heard more
                readily: of 78 noisy questions to a clinic 27 were misheard, and 15 with the
                clinic's topics as context. At most 100 tokens of it, the last ones, are used.

        Raises:
            ValueError: `audio` is not one-dimensional float, or `language` is unknown.
        """
        if audio.ndim != 1 or not np.issubdtype(audio.dtype, np.floating):
            raise ValueError(
                f"Audio of shape {audio.shape} and type {audio.dtype}; give mono float samples "
                "at 16 kHz, shape (n,)."
            )
        samples = np.nan_to_num(np.asarray(audio, np.float32))
        with self._lock:
            before = self._tokens_before(context)
            pieces = [self._hear(p, language, final, before) for p in _pieces(samples)]
            if before and any(_quotes(p.text, context) for p in pieces):
                # Where nobody speaks it reads its prompt aloud; people do not say it word for word.
                pieces = [self._hear(p, language, final, []) for p in _pieces(samples)]
        said = [p for p in pieces if p.text]
        if not said:
            return pieces[0]
        return Transcript(
            " ".join(p.text for p in said),
            said[0].language,
            float(np.mean([p.avg_logprob for p in said])),
            min(p.no_speech_prob for p in said),
        )

    def _tokens_before(self, context: str) -> list[int]:
        """The prompt that says what came before (Radford et al. 2022, §2.3)."""
        if not context.strip():
            return []
        words = self._tokenizer.encode(f" {context.strip()}", add_special_tokens=False).ids
        begin = self._tokenizer.token_to_id("<|startofprev|>")
        return [] if begin is None else [begin, *words[-_CONTEXT_TOKENS:]]

    def _hear(
        self, audio: NDArray[np.float32], language: str | None, final: bool, before: list[int]
    ) -> Transcript:
        if _loudness(audio) < _SILENCE_RMS:
            return Transcript("", language or "en", 0.0, 1.0)
        encoded = self._whisper.encode(self._mel(audio))
        if language is None:
            language = self._detect(encoded)
        seconds = len(audio) / SAMPLE_RATE
        result = self._decode(encoded, language, seconds, before, beam=1)
        transcript = self._read(result, language)
        if (
            final
            and transcript.text
            and (transcript.avg_logprob < _LOGPROB or _repeats(transcript.text))
        ):
            result = self._decode(encoded, language, seconds, before, beam=5)
            transcript = self._read(result, language)
        return _believe(transcript, seconds)

    def _mel(self, audio: NDArray[np.float32]) -> ctranslate2.StorageView:
        seconds = min(MAX_SECONDS, max(_LEAST, len(audio) / SAMPLE_RATE + _MARGIN))
        frames = int(seconds * SAMPLE_RATE / _HOP) // 2 * 2  # the encoder halves them
        padded = np.zeros(frames * _HOP, np.float32)
        padded[: len(audio)] = audio[: len(padded)]
        mel = self._features(padded, padding=0)[:, :frames]
        return ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[None], np.float32))

    def _detect(self, encoded: ctranslate2.StorageView) -> str:
        if not self._whisper.is_multilingual:
            return "en"
        best: str = self._whisper.detect_language(encoded)[0][0][0]
        return best.strip("<|>")

    def _decode(
        self,
        encoded: ctranslate2.StorageView,
        language: str,
        seconds: float,
        before: list[int],
        *,
        beam: int,
    ) -> Any:
        names = ["<|startoftranscript|>"]
        if self._whisper.is_multilingual:
            names += [f"<|{language}|>", "<|transcribe|>"]
        names.append("<|notimestamps|>")
        prompt = [self._tokenizer.token_to_id(n) for n in names]
        if None in prompt:
            raise ValueError(f"Whisper does not know the language {language!r}.")
        return self._whisper.generate(
            encoded,
            [[*before, *prompt]],
            beam_size=beam,
            max_length=len(before) + len(prompt) + 12 + int(seconds * _TOKENS_PER_SECOND),
            no_repeat_ngram_size=0 if beam == 1 else 6,
            suppress_blank=True,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]

    def _read(self, result: Any, language: str) -> Transcript:
        text = self._tokenizer.decode(result.sequences_ids[0], skip_special_tokens=True)
        return Transcript(text.strip(), language, float(result.scores[0]), result.no_speech_prob)


def _believe(t: Transcript, seconds: float) -> Transcript:
    """The transcript, or an empty one if it is likely to be made up."""
    text = _SOUND_NOTE.sub(" ", t.text)
    text = " ".join(text.split())
    bare = re.sub(r"[^a-z ]", "", text.lower().replace("-", " ")).strip()
    doubtful = t.no_speech_prob > _NO_SPEECH and t.avg_logprob < _LOGPROB
    if bare in _GHOSTS:
        doubt_of_ghost = t.no_speech_prob > 0.3 or t.avg_logprob < -0.7
        doubtful = doubtful or bare not in _ALSO_SAID or doubt_of_ghost
    text = _without_restart(text)
    if not any(c.isalnum() for c in text) or doubtful:
        text = ""
    elif _repeats(text):
        text = _without_repetition(text)
    return Transcript(text, t.language, t.avg_logprob if text else 0.0, t.no_speech_prob)


def _quotes(text: str, context: str) -> bool:
    """Whether `text` stands in the context, word for word."""
    said, there = (re.sub(r"[^\w ]", "", t.lower()) for t in (text, context))
    return bool(said.strip()) and f" {' '.join(said.split())} " in f" {' '.join(there.split())} "


def _repeats(text: str) -> bool:
    raw = text.encode()
    return len(raw) > 40 and len(raw) / len(zlib.compress(raw)) > _COMPRESSION


def _without_restart(text: str) -> str:
    """What was said once.

    In a short window Whisper sometimes starts anew when it has come to the end, word for word,
    until it runs out of tokens.
    """
    written = text.split()
    words = ["".join(c for c in w.lower() if c.isalnum()) for w in written]
    for period in range(_RESTART_WORDS, len(words) - 1):
        again = words[period:]
        if len(again) < min(_RESTART_WORDS, period):
            break
        same = all(a == b for a, b in zip(again[:-1], words, strict=False))
        # The last word may be cut off; of a period that comes again it is the same word's start.
        expected = words[(len(words) - 1) % period]
        if same and expected.startswith(again[-1]):
            return " ".join(written[:period])
    return _without_second_try(text)


def _without_second_try(text: str) -> str:
    """The first of sentences that are nearly the same: Whisper's second try at the same sound."""
    sentences = re.findall(r"[^.?!]+[.?!]*", text)
    kept = sentences[:1]
    for sentence in sentences[1:]:
        a, b = kept[-1].lower().split(), sentence.lower().split()
        alike = SequenceMatcher(None, a, b).ratio() if min(len(a), len(b)) >= _SAME_WORDS else 0.0
        if alike < _SAME:
            kept.append(sentence)
    return "".join(kept).strip()


def _without_repetition(text: str) -> str:
    """Keep one of a phrase said over and over."""
    return re.sub(r"(\b.{2,80}?)(?:[\s,.]+\1){2,}", r"\1", text, flags=re.I)


def _loudness(audio: NDArray[np.float32]) -> float:
    block = SAMPLE_RATE // 10
    if len(audio) < block:
        return float(np.sqrt(np.mean(audio**2))) if len(audio) else 0.0
    blocks = audio[: len(audio) // block * block].reshape(-1, block)
    return float(np.sqrt(np.square(blocks).mean(axis=1).max()))


def _pieces(audio: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The audio in pieces of at most 28 s, cut at the quietest moment of their last 8 s."""
    longest, search = int(28 * SAMPLE_RATE), int(8 * SAMPLE_RATE)
    out = []
    while len(audio) > longest:
        window = np.abs(audio[longest - search : longest])
        smooth = window[: len(window) // 1600 * 1600].reshape(-1, 1600).mean(axis=1)
        cut = longest - search + int(np.argmin(smooth)) * 1600 + 800
        out.append(audio[:cut])
        audio = audio[cut:]
    return [*out, audio]
