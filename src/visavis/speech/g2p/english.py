"""American English text to phonemes in misaki's symbols, keeping the way back to the text."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from visavis import models
from visavis.speech.g2p.homographs import choose
from visavis.speech.g2p.lexicon import Lexicon
from visavis.speech.g2p.normalise import ReadWord, read_aloud
from visavis.speech.g2p.symbols import PRIMARY, SECONDARY, VOWELS, add_stress
from visavis.speech.g2p.wordlist import words


@dataclass(frozen=True, slots=True)
class SaidWord:
    """A written word and the phonemes ``phonemes[start:end]`` that say it."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """A text's phonemes.

    Attributes:
        phonemes: One character each, with stress marks, spaces between words and the
            punctuation that shapes the melody.
        words: In order, not overlapping; every written word that says something.
    """

    phonemes: str
    words: tuple[SaidWord, ...]


class English:
    """English grapheme-to-phoneme conversion; thread-safe once made.

    Args:
        folder: The ``g2p-en`` artifact's folder.
    """

    _shared: English | None = None
    _lock = threading.Lock()

    def __init__(self, folder: Path) -> None:
        self._lexicon = Lexicon(folder)

    @classmethod
    def load(cls) -> English:
        """The one shared instance, read from the ``g2p-en`` artifact at first use.

        Raises:
            MissingModelError: the artifact is not here; says how to fetch it.
        """
        with cls._lock:
            if cls._shared is None:
                cls._shared = cls(models.path("g2p-en"))
            return cls._shared

    def pronounce(self, text: str) -> Pronunciation:
        """Phonemes of any text; what cannot be said is left out, perhaps all of it."""
        return self.pronounce_words(read_aloud(text))

    def pronounce_words(self, read: list[ReadWord]) -> Pronunciation:
        """Phonemes of words read aloud, e.g. a part of what :func:`read_aloud` gave."""
        flat = [
            _Slot(i, spoken, bool(word.pause) and j == len(word.spoken) - 1)
            for i, word in enumerate(read)
            for j, spoken in enumerate(word.spoken)
        ]
        sounds = self._sounds(flat)
        by_word: dict[int, list[str]] = {}
        for slot, sound in zip(flat, sounds, strict=True):
            if sound:
                by_word.setdefault(slot.word, []).append(sound)

        out = ""
        said: list[SaidWord] = []
        for i, word in enumerate(read):
            if i in by_word:
                out += " " if out else ""
                start = len(out)
                out += " ".join(by_word[i])
                said.append(SaidWord(word.text, start, len(out)))
            elif said:  # a lone dash: it belongs to the word before it
                said[-1] = SaidWord(f"{said[-1].text} {word.text}", said[-1].start, said[-1].end)
            if word.pause and out and out[-1] not in ",.!?;:—…":
                out += (" " if word.pause == "—" else "") + word.pause
        return Pronunciation(out, tuple(said))

    def _sounds(self, slots: list[_Slot]) -> list[str]:
        """Sounds of words in context, decided from the last to the first."""
        sounds = [""] * len(slots)
        lowered = [s.spoken.lower() for s in slots]
        next_vowel: bool | None = None  # whether the next sound is a vowel; None at a pause
        for k in range(len(slots) - 1, -1, -1):
            if slots[k].pause_after:
                next_vowel = None
            first = k
            while first > 0 and not slots[first - 1].pause_after and k - first < 6:
                first -= 1
            last = k
            while not slots[last].pause_after and last + 1 < len(slots) and last - k < 4:
                last += 1
            before, after = lowered[first:k], lowered[k + 1 : last + 1]
            sounds[k] = self._sound(slots[k].spoken, before, after, next_vowel)
            vowel = next((c in VOWELS for c in sounds[k] if c not in "ˈˌ "), None)
            next_vowel = vowel if vowel is not None else next_vowel
        return sounds

    def _sound(
        self, word: str, before: list[str], after: list[str], next_vowel: bool | None
    ) -> str:
        lower = word.lower()
        weak = _weak_form(word, lower, before, next_vowel)
        if weak is not None:
            return weak
        readings = self._lexicon.readings(word)
        sound = choose(lower, readings, before, after if next_vowel is not None else [])
        # A word alone, or with meaning of its own, carries stress; small words do not.
        if PRIMARY not in sound and not before and next_vowel is None:
            return add_stress(sound)
        return sound


@dataclass(frozen=True, slots=True)
class _Slot:
    word: int
    spoken: str
    pause_after: bool


def _weak_form(word: str, lower: str, before: list[str], next_vowel: bool | None) -> str | None:
    """Function words whose sound depends on their place in the phrase."""
    alone = not before and next_vowel is None
    if alone:
        return None
    match lower:
        case "the":
            return "ði" if next_vowel else "ðə"
        case "a":
            letter = next_vowel is None or (word == "A" and bool(before))
            # "Five a m", "vitamin A" name the letter.
            spelled = bool(before) and (before[-1] in _NUMBER_WORDS or letter)
            return PRIMARY + "A" if spelled else "ɐ"
        case "an":
            return "ɐn"
        case "to":
            return {None: "tu", False: "tə", True: "tʊ"}[next_vowel]
        case "in":
            return PRIMARY + "ɪn" if next_vowel is None else "ɪn"
        case "am":
            return None if next_vowel is None else "ɐm"
        case "i" if word == "I":
            return SECONDARY + "I"
    return None


_NUMBER_WORDS = words(
    "one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty "
    "forty-five fifty"
)
