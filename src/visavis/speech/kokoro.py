"""The Kokoro voice (hexgrad, 82 M parameters, Apache-2.0) on onnxruntime, with phoneme times.

The model gives each token a duration in frames of 600 samples, so phoneme times are exact
(StyleTTS 2, Li et al. 2023, §3.2).
"""

from __future__ import annotations

import json
import math
import re
import threading

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from visavis import models
from visavis.media.spoken import Phone, SpokenAudio, Word
from visavis.speech.errors import SpeechError, UnknownVoiceError
from visavis.speech.g2p import English, Pronunciation, ReadWord, read_aloud
from visavis.speech.g2p.symbols import PRIMARY, SECONDARY, TO_IPA
from visavis.speech.kokoro_graph import DURATIONS, ENERGY, FEATURES, PITCH, halves
from visavis.speech.shaping import SAMPLE_RATE, join, shape, silence
from visavis.speech.synthesizer import Stop, check_speed

_FRAME = 600  # samples
#: Predicted energy below which nothing can be heard.
_SILENT = -4.0
#: Silence kept on either side of the sound, as a part of it. The decoder norms each channel over
#: time, silence included: without any, Whisper misheard a tenth more words.
_MARGIN = 1 / 6
#: Phonemes said in one go: the model takes 510, but long inputs lose their melody.
_MAX_PHONEMES = 240
#: Pause between two parts of one text, after a mark, s; the model's own silence is trimmed.
_PAUSE = {".": 0.28, "!": 0.28, "?": 0.30, "…": 0.32, ";": 0.20, ":": 0.18, ",": 0.10, "—": 0.14}

#: The sound comes this much before the durations say, s: the decoder looks ahead. Measured as the
#: lag at which loudness and vowels fit best, over 108 utterances in nine mixtures of styles.
_ADVANCE = 0.05

#: Named voices: the styles that are averaged, with weights. The styles are Japanese speakers'; this
#: mixture speaks English without a word that Whisper misheard in the twelve sentences we tried,
#: where each style alone had some.
VOICES: dict[str, dict[str, float]] = {
    "clara": {"jf_alpha": 1.0, "jf_nezumi": 1.0},
}


class Kokoro:
    """An English voice; see :class:`visavis.speech.synthesizer.Synthesizer`.

    One synthesis runs at a time; other threads wait their turn.

    Args:
        voice: A name of :data:`VOICES`, a style in the voices file, or styles joined with ``+``
            to be averaged.
        threads: CPU threads.

    Raises:
        MissingModelError: the weights are not here.
        UnknownVoiceError: no such voice or style.
    """

    def __init__(self, voice: str = "clara", *, threads: int = 2) -> None:
        folder = models.path("tts-kokoro")
        self._style = _mix_styles(voice, folder / "voices_ja.npz")
        with (folder / "vocab.json").open(encoding="utf-8") as f:
            self._vocab: dict[str, int] = json.load(f)["vocab"]
        self._english = English.load()
        prosody, sound = halves((folder / "kokoro-v1.0.int8.onnx").read_bytes())
        self._prosody, self._sound = _session(prosody, threads), _session(sound, threads)
        self._lock = threading.Lock()
        self._open = True

    @property
    def sample_rate(self) -> int:
        """Of the audio, Hz."""
        return SAMPLE_RATE

    def synthesize(self, text: str, speed: float = 1.0, *, stop: Stop | None = None) -> SpokenAudio:
        """Say `text`; see :class:`visavis.speech.synthesizer.Synthesizer`."""
        check_speed(speed)
        stop = stop or Stop()
        parts: list[SpokenAudio] = []
        gaps: list[float] = []
        for words in _parts(read_aloud(text)):
            said = self._english.pronounce_words(words)
            if not said.words:
                continue
            parts.append(self._say(said, speed, stop))
            gaps.append(_PAUSE.get(said.phonemes[-1:], 0.06) / speed)
        return join(parts, gaps[:-1]) if parts else silence(0.0)

    def say_phonemes(self, phonemes: str, speed: float = 1.0) -> SpokenAudio:
        """Say misaki symbols, of any language they write; symbols the model lacks are left out.

        Args:
            phonemes: With stress marks, spaces between words, and punctuation; at most 500.
            speed: 0.5 (slow) to 2 (fast).

        Raises:
            ValueError: `speed` is out of range.
            SpeechError: too many phonemes at once, or the voice failed.
        """
        check_speed(speed)
        return self._say(Pronunciation(phonemes, ()), speed, Stop())

    def close(self) -> None:
        """Release the model."""
        with self._lock:
            self._open = False
            del self._prosody, self._sound

    def _say(self, said: Pronunciation, speed: float, stop: Stop) -> SpokenAudio:
        known = [i for i, c in enumerate(said.phonemes) if c in self._vocab]
        ids = [self._vocab[said.phonemes[i]] for i in known]
        if said.phonemes[-1:].isalpha():
            ids.append(self._vocab[","])  # a phrase without a mark goes on: do not let it fall
        if len(ids) > len(self._style) - 1:
            raise SpeechError(f"{len(ids)} phonemes at once are too many; this is a bug.")
        with self._lock:
            if not self._open:
                raise SpeechError("The voice is closed; open it again with open_synthesizer.")
            options = onnxruntime.RunOptions()
            options.log_severity_level = 4
            with stop.ending_with(lambda: setattr(options, "terminate", True)):
                try:
                    audio, durations, skipped = self._run(ids, speed, options)
                except Exception as e:
                    stop.check()
                    raise SpeechError(f"Kokoro could not say {said.phonemes!r}: {e}") from e
        ends = np.cumsum(durations) * _FRAME / SAMPLE_RATE - skipped
        ends = np.maximum(ends - _ADVANCE, 0.0)
        # Token 0 is the padding before the first phoneme.
        spans = {i: (float(ends[k]), float(ends[k + 1])) for k, i in enumerate(known)}
        return shape(
            audio,
            phones_of(said.phonemes, spans),
            words_of(said, spans),
        )

    def _run(
        self, ids: list[int], speed: float, options: onnxruntime.RunOptions
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], float]:
        """Sound, frames per token, and the seconds of silence left out at the beginning."""
        style = self._style[len(ids)]
        tokens = np.array([[0, *ids, 0]], np.int64)
        durations, features, pitch, energy = self._prosody.run(
            [DURATIONS, FEATURES, PITCH, ENERGY],
            {"tokens": tokens, "style": style, "speed": np.array([speed], np.float32)},
            options,
        )
        begin, end = _sounding_frames(np.asarray(energy))
        (audio,) = self._sound.run(
            ["audio"],
            {
                "style": style,
                FEATURES: np.asarray(features)[:, :, begin:end],
                PITCH: np.asarray(pitch)[:, 2 * begin : 2 * end],
                ENERGY: np.asarray(energy)[:, 2 * begin : 2 * end],
            },
            options,
        )
        return (
            np.asarray(audio, np.float32).reshape(-1),
            np.asarray(durations, np.float64).reshape(-1),
            begin * _FRAME / SAMPLE_RATE,
        )


def _sounding_frames(energy: NDArray[np.float32]) -> tuple[int, int]:
    """First frame and end of what can be heard, from the energy of half frames."""
    frames = energy.shape[1] // 2
    heard = np.flatnonzero(energy[0] > _SILENT) // 2
    if not len(heard):
        return 0, frames
    first, end = int(heard[0]), int(heard[-1]) + 1
    margin = math.ceil((end - first) * _MARGIN)
    return max(0, first - margin), min(frames, end + margin)


def phones_of(phonemes: str, spans: dict[int, tuple[float, float]]) -> list[Phone]:
    """Phones in IPA from misaki symbols and the time of each.

    Stress marks take up time of their own in the model; it belongs to the sound that follows.
    Spaces and punctuation become silence.

    Args:
        phonemes: Misaki symbols.
        spans: Start and end in seconds by index into `phonemes`.
    """
    out: list[Phone] = []
    stress = 0
    begun: float | None = None
    for i, c in enumerate(phonemes):
        if i not in spans:
            continue
        start, end = spans[i]
        if c in (PRIMARY, SECONDARY):
            stress = 1 if c == PRIMARY else 2
            begun = start if begun is None else begun
            continue
        start = start if begun is None else begun
        begun = None
        if c.isalpha():
            out.append(Phone(TO_IPA.get(c, c), start, end, stress))
            stress = 0
        elif end > start:
            if out and not out[-1].ipa:
                out[-1] = Phone("", out[-1].start, end)
            else:
                out.append(Phone("", start, end))
    return out


def words_of(said: Pronunciation, spans: dict[int, tuple[float, float]]) -> list[Word]:
    """When each written word is said."""
    out: list[Word] = []
    at = 0.0
    for word in said.words:
        inside = [spans[i] for i in range(word.start, word.end) if i in spans]
        start, end = (inside[0][0], inside[-1][1]) if inside else (at, at)
        out.append(Word(word.text, start, end))
        at = end
    return out


def _parts(words: list[ReadWord]) -> list[list[ReadWord]]:
    """Split what is to be said where a speaker would breathe, into parts short enough to say."""
    parts: list[list[ReadWord]] = [[]]
    for word in words:
        parts[-1].append(word)
        size = _size(parts[-1])
        sentence_ends = word.pause in (".", "!", "?", "…") and word.pause != ""
        clause_ends = bool(word.pause) and size > _MAX_PHONEMES // 2
        if sentence_ends or clause_ends or size > _MAX_PHONEMES * 3 // 4:
            parts.append([])
    pieces = [piece for part in parts if part for piece in _cut_long_words(part)]
    return pieces


def _cut_long_words(part: list[ReadWord]) -> list[list[ReadWord]]:
    """A single written word may take long to say: an address, a number of forty digits."""
    if _size(part) <= _MAX_PHONEMES:
        return [part]
    out: list[list[ReadWord]] = []
    for word in part:
        budget = 24  # spoken words
        pieces = [word.spoken[i : i + budget] for i in range(0, len(word.spoken), budget)]
        # The written word is shown with its first piece.
        for n, piece in enumerate(pieces):
            last = n == len(pieces) - 1
            out.append([ReadWord(word.text if n == 0 else "", piece, word.pause if last else "")])
    return out


def _size(words: list[ReadWord]) -> int:
    """About how many phoneme tokens these words take."""
    return sum(sum(len(s) + 2 for s in w.spoken) for w in words)


def _mix_styles(voice: str, path: object) -> NDArray[np.float32]:
    """Style vectors by token count, shape ``(510, 1, 256)``."""
    with np.load(str(path)) as styles:
        if voice in VOICES:
            recipe = VOICES[voice]
        else:
            recipe = {name: 1.0 for name in re.split(r"\s*\+\s*", voice)}
        unknown = [name for name in recipe if name not in styles]
        if unknown:
            raise UnknownVoiceError(
                f"There is no Kokoro voice {voice!r}. Voices: {', '.join(VOICES)}; "
                f"styles that can be mixed with +: {', '.join(styles)}."
            )
        total = sum(recipe.values())
        mixed = sum(w / total * styles[name].astype(np.float32) for name, w in recipe.items())
    return np.asarray(mixed, np.float32)


def _session(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads must sleep: other models and the face share these cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.dynamic_block_base", "4")
    # Shapes differ each time, so a memory plan would never be reused.
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
