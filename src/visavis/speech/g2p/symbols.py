"""Phoneme alphabets: misaki's American symbols, ARPAbet, IPA.

misaki (Apache-2.0) writes diphthongs as capitals (``A`` for /eɪ/) and affricates as ligatures,
so that one character is one phoneme; Kokoro was trained on it.
"""

from __future__ import annotations

PRIMARY, SECONDARY = "ˈ", "ˌ"
VOWELS = frozenset("AIOWYiuæɑəɛɜɪɔʊʌᵊᵻɐ")

#: One misaki symbol in IPA.
TO_IPA = {
    "A": "eɪ",
    "I": "aɪ",
    "O": "oʊ",
    "W": "aʊ",
    "Y": "ɔɪ",
    "ʤ": "dʒ",
    "ʧ": "tʃ",
    "ᵊ": "ə",
    "ᵻ": "ɪ",
    "i": "iː",
    "u": "uː",
}

#: ARPAbet (as in CMUdict) without stress digits in misaki's symbols.
FROM_ARPABET = {
    "AA": "ɑ",
    "AE": "æ",
    "AH": "ʌ",  # ə when unstressed
    "AO": "ɔ",
    "AW": "W",
    "AY": "I",
    "B": "b",
    "CH": "ʧ",
    "D": "d",
    "DH": "ð",
    "EH": "ɛ",
    "ER": "ɜɹ",  # əɹ when unstressed
    "EY": "A",
    "F": "f",
    "G": "ɡ",
    "HH": "h",
    "IH": "ɪ",
    "IY": "i",
    "JH": "ʤ",
    "K": "k",
    "L": "l",
    "M": "m",
    "N": "n",
    "NG": "ŋ",
    "OW": "O",
    "OY": "Y",
    "P": "p",
    "R": "ɹ",
    "S": "s",
    "SH": "ʃ",
    "T": "t",
    "TH": "θ",
    "UH": "ʊ",
    "UW": "u",
    "V": "v",
    "W": "w",
    "Y": "j",
    "Z": "z",
    "ZH": "ʒ",
}
_STRESS = {"1": PRIMARY, "2": SECONDARY}
_REDUCED = {"AH": "ə", "ER": "əɹ"}


def arpabet_to_misaki(phones: list[str]) -> str:
    """``["HH", "AH0", "L", "OW1"]`` is ``"həlˈO"``; the stress mark stands before its vowel."""
    out = []
    for phone in phones:
        name, stress = (phone[:-1], phone[-1]) if phone[-1].isdigit() else (phone, "")
        if stress == "0" and name in _REDUCED:
            out.append(_REDUCED[name])
        else:
            out.append(_STRESS.get(stress, "") + FROM_ARPABET[name])
    return "".join(out)


def add_stress(phonemes: str) -> str:
    """Mark the first vowel as stressed if no vowel is."""
    if PRIMARY in phonemes:
        return phonemes
    if SECONDARY in phonemes:
        return phonemes.replace(SECONDARY, PRIMARY, 1)
    for i, c in enumerate(phonemes):
        if c in VOWELS:
            return phonemes[:i] + PRIMARY + phonemes[i:]
    return phonemes


def weaken(phonemes: str) -> str:
    """Turn primary stress into secondary stress."""
    return phonemes.replace(SECONDARY, "").replace(PRIMARY, SECONDARY)
