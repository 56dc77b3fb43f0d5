"""Utterances to animate."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from visavis.media.spoken import Phone, SpokenAudio, Word

RATE = 16_000

VOWELS = ["iː", "ɪ", "ɛ", "æ", "ɑː", "ʌ", "ə", "uː", "ʊ", "ɔː", "ɜː", "aɪ", "oʊ", "A", "I", "O"]
CONSONANTS = [*"ptkbdgmnŋfvθðszʃʒhlɹwj", "tʃ", "dʒ", "ʤ", "ʧ", "ɾ"]


def utterance(
    phones: list[tuple[str, float] | tuple[str, float, int]],
    lead: float = 0.1,
    tail: float = 0.1,
    words: tuple[Word, ...] = (),
) -> SpokenAudio:
    """An utterance of phones with durations; its sound is noise, silent where phones are."""
    t, out, sound = lead, [], [np.zeros(round(lead * RATE))]
    rng = np.random.default_rng(5)
    for ipa, duration, *stress in phones:
        out.append(Phone(ipa, t, t + duration, stress[0] if stress else 0))
        t += duration
        level = 0.0 if ipa == "" else 2500.0
        sound.append(rng.normal(0, level, round(t * RATE) - sum(map(len, sound))))
    sound.append(np.zeros(round(tail * RATE)))
    audio = np.clip(np.concatenate(sound), -32768, 32767).astype(np.int16)
    return SpokenAudio(audio, RATE, tuple(out), words)


#: Phones and durations of running speech, 30 to 250 ms, silences included.
speech = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(VOWELS), st.sampled_from(CONSONANTS), st.just("")),
        st.floats(0.03, 0.25),
        st.sampled_from([0, 0, 1, 2]),
    ),
    min_size=1,
    max_size=30,
)
