"""Speech as audio together with what is said when: the object TTS hands to the face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Phone:
    """One phoneme and when it sounds.

    Attributes:
        ipa: IPA symbol without stress or length marks folded in, e.g. ``"p"``, ``"iː"``, ``"aɪ"``.
            Silence inside an utterance is the empty string.
        start: Seconds from the first sample of the utterance.
        end: Seconds from the first sample of the utterance; ``end >= start``.
        stress: 0 none, 1 primary, 2 secondary; set on the vowel of the syllable.
    """

    ipa: str
    start: float
    end: float
    stress: int = 0


@dataclass(frozen=True, slots=True)
class Word:
    """One written word and when it sounds, in seconds from the utterance's first sample."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class SpokenAudio:
    """An utterance: audio, and the times of its phonemes and words.

    Attributes:
        audio: int16 mono samples, shape ``(n,)``.
        sample_rate: Samples per second.
        phones: In order, not overlapping, inside ``0..duration``. Empty if the voice gives none.
        words: In order, not overlapping; ``" ".join(w.text ...)`` reads as the text spoken.
    """

    audio: NDArray[np.int16]
    sample_rate: int
    phones: tuple[Phone, ...] = ()
    words: tuple[Word, ...] = ()

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.audio) / self.sample_rate
