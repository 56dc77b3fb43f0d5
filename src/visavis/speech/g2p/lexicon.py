"""The American English lexicon: misaki's gold and silver lists, inflections, and the network.

Rules for inflections follow misaki (hexgrad, Apache-2.0) in short.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from visavis.speech.g2p.seq2seq import SpellingToSound
from visavis.speech.g2p.symbols import PRIMARY, SECONDARY, VOWELS, arpabet_to_misaki, weaken
from visavis.speech.g2p.wordlist import words

#: Readings of one spelling by part of speech; ``"DEFAULT"`` is always there.
Readings = dict[str, str]

_TAPPING = frozenset("AIOWYiuæɑəɛɪɹʊʌ")  # /t/ between these and a vowel is a tap
_SPELL_MAX = 5
#: Words of the medical and computing talk of today that the lists lack.
_ADDITIONS: dict[str, str] = {
    "metformin": "mɛtfˈɔɹmən",
    "naproxen": "nəpɹˈɑksən",
    "covid": "kˈOvɪd",
    "wifi": "wˈIfˌI",
    "ok": "ˌOkˈA",
    "miz": "mˈɪz",
    "online": "ˌɔnlˈIn",
    "selfie": "sˈɛlfi",
    "app": "ˈæp",
    "apps": "ˈæps",
    "kubernetes": "kˌubəɹnˈɛɾiz",
    "mm": "ˈəm",
    "hmm": "hˈəm",
    "mhm": "əmhˈəm",
    "uh": "ˈʌ",
    "um": "ˈʌm",
}


class Lexicon:
    """How single words sound, whatever is around them.

    Args:
        folder: Holds ``us_gold.json``, ``us_silver.json`` and ``checkpoint20.npz``.
    """

    def __init__(self, folder: Path) -> None:
        self._gold = _read(folder / "us_gold.json")
        self._silver = _read(folder / "us_silver.json")
        self._network = SpellingToSound(folder / "checkpoint20.npz")
        self._guess = lru_cache(maxsize=4096)(self._guess_uncached)

    def readings(self, word: str) -> Readings:
        """All readings of a word of ASCII letters, ``'`` and ``-``; never empty of sound.

        Args:
            word: As written; capitals matter (``US`` is spelled, ``us`` is not).
        """
        if word in _INITIALISMS:
            return {"DEFAULT": self.spell(word)}
        known = self._known(word)
        if known is not None:
            return known
        parts = [p for p in word.replace("_", "-").split("-") if p]
        if len(parts) > 1:
            sounds = [self.readings(p)["DEFAULT"] for p in parts]
            # One main stress in a compound: the first part carries it.
            return {"DEFAULT": sounds[0] + "".join(map(weaken, sounds[1:]))}
        bare = "".join(c for c in word if c.isalpha() and c.isascii())
        if not bare:
            return {"DEFAULT": ""}
        if _is_spelled(bare):
            return {"DEFAULT": self.spell(bare)}
        split = self._capital_split(bare)
        return {"DEFAULT": split or self._guess(bare.lower())}

    def spell(self, letters: str) -> str:
        """Name the letters one by one; the last carries the stress."""
        named = "".join(weaken(self._gold[c.upper()]["DEFAULT"]) for c in letters)
        head, mark, tail = named.rpartition(SECONDARY)
        return head + PRIMARY + tail if mark else named

    def _known(self, word: str) -> Readings | None:
        forms = (word, word.lower()) if word != word.lower() else (word,)
        if len(word) == 1 and word.isalpha():
            return self._gold.get(word.upper() if word not in ("a", "I") else word)
        acronym = len(word) > 1 and word.isupper()
        for form in forms:
            if acronym and form != word and len(word) <= 3 and word.lower() not in _SHOUTED:
                continue  # "US" is not "us"
            if form.lower() in _ADDITIONS and not acronym:
                return {"DEFAULT": _ADDITIONS[form.lower()]}
            for entries in (self._gold, self._silver):
                if form in entries:
                    return entries[form]
        if word.capitalize() in self._gold and not acronym:
            return self._gold[word.capitalize()]
        if word.lower() in _ADDITIONS:
            return {"DEFAULT": _ADDITIONS[word.lower()]}
        return self._inflected(word)

    def _inflected(self, word: str) -> Readings | None:
        lower = word.lower()
        if word.isupper() and len(word) <= _SPELL_MAX:
            return None
        if lower.endswith("'s") and len(word) > 2:
            return _each(self.readings(word[:-2]), plural)
        if lower.endswith("s'") and len(word) > 2:
            return self.readings(word[:-1])
        if lower.endswith("in'") and len(word) > 4:
            base = self._known(word[:-1] + "g")
            return _each(base, lambda p: p[:-1] + "n" if p.endswith("ŋ") else p) if base else None
        for stem in _s_stems(lower):
            if (base := self._entry(stem)) is not None:
                return _each(base, plural)
        for stem in _suffix_stems(lower, "ed"):
            if (base := self._entry(stem)) is not None:
                return _each(base, past)
        for stem in _suffix_stems(lower, "ing"):
            if (base := self._entry(stem)) is not None:
                return _each(base, participle)
        for ending, sound in (("n't", "ᵊnt"), ("'ll", "əl"), ("'ve", "əv"), ("'re", "əɹ")):
            if lower.endswith(ending) and (base := self._entry(lower[: -len(ending)])):
                return _each(base, _append(sound))
        if lower.endswith("'d") and (base := self._entry(lower[:-2])):
            return _each(base, past)
        for ending, sound in (("ly", "li"), ("ness", "nəs"), ("less", "ləs"), ("ful", "fəl")):
            if lower.endswith(ending) and (base := self._entry(lower[: -len(ending)])):
                return _each(base, _append(sound))
        return None

    def _entry(self, stem: str) -> Readings | None:
        if len(stem) < 2:
            return None
        if stem in _ADDITIONS:
            return {"DEFAULT": _ADDITIONS[stem]}
        return self._gold.get(stem) or self._silver.get(stem)

    def _capital_split(self, word: str) -> str | None:
        """``WhatsApp`` is Whats + App."""
        cuts = [i for i in range(1, len(word)) if word[i].isupper() and word[i - 1].islower()]
        if not cuts:
            return None
        parts = [word[a:b] for a, b in zip([0, *cuts], [*cuts, len(word)], strict=True)]
        sounds = [self.readings(p)["DEFAULT"] for p in parts]
        return sounds[0] + "".join(map(weaken, sounds[1:]))

    def _guess_uncached(self, word: str) -> str:
        word = word[:48]
        return arpabet_to_misaki(self._network(word)) or self.spell(word)


#: Initials that the lists read as words.
_INITIALISMS = frozenset({"US", "UK", "EU", "UN", "ER", "IV", "ID", "AI", "TV", "PC", "IT", "GP"})

#: Short words people write in capitals for emphasis, not as initials.
_SHOUTED = words(
    "no yes not do don the and you i a an is it to of in on at we he she me my so if or be by now "
    "all any can may new old one two our out ok go up off"
)


def _is_spelled(word: str) -> bool:
    if word.isupper() and 1 < len(word) <= _SPELL_MAX:
        return True
    return len(word) > 1 and not any(c in "aeiouy" for c in word.lower()) and len(word) <= 6


def _read(path: Path) -> dict[str, Readings]:
    with path.open(encoding="utf-8") as f:
        raw: dict[str, str | dict[str, str | None]] = json.load(f)
    out: dict[str, Readings] = {}
    for word, value in raw.items():
        if isinstance(value, str):
            out[word] = {"DEFAULT": value}
        else:
            out[word] = {k: v for k, v in value.items() if v}
    return out


def _each(readings: Readings, change: Callable[[str], str]) -> Readings:
    return {tag: change(sound) for tag, sound in readings.items()}


def _append(ending: str) -> Callable[[str], str]:
    return lambda sound: sound + ending


def _s_stems(word: str) -> list[str]:
    """What ``word`` may be the -s form of."""
    if len(word) < 3 or not word.endswith("s") or word.endswith("ss"):
        return []
    stems = [word[:-1]]
    if word.endswith("ies") and len(word) > 4:
        stems.append(word[:-3] + "y")
    if word.endswith("es") and len(word) > 4:
        stems.append(word[:-2])
    return stems


def _suffix_stems(word: str, suffix: str) -> list[str]:
    """What ``word`` may be the -ed or -ing form of."""
    if not word.endswith(suffix) or len(word) < len(suffix) + 3:
        return []
    stem = word[: -len(suffix)]
    stems = [stem, stem + "e"]
    if len(stem) > 3 and stem[-1] == stem[-2]:
        stems.insert(0, stem[:-1])
    if suffix == "ed" and stem.endswith("i"):
        stems.append(stem[:-1] + "y")
    return stems


def plural(sound: str) -> str:
    """With the -s of plurals, verbs and possessives."""
    if not sound:
        return sound
    if sound[-1] in "ptkfθ":
        return sound + "s"
    return sound + ("ᵻz" if sound[-1] in "szʃʒʧʤ" else "z")


def past(sound: str) -> str:
    """With the -ed of the past."""
    if not sound:
        return sound
    if sound[-1] in "pkfθʃsʧ":
        return sound + "t"
    if sound[-1] == "d":
        return sound + "ᵻd"
    if sound[-1] != "t":
        return sound + "d"
    return _tap(sound) + "ᵻd"


def participle(sound: str) -> str:
    """With -ing."""
    return _tap(sound) + "ɪŋ" if sound else sound


def _tap(sound: str) -> str:
    if (
        len(sound) > 1
        and sound[-1] == "t"
        and sound[-2] in _TAPPING
        and sound[-2] in VOWELS | {"ɹ"}
    ):
        return sound[:-1] + "ɾ"
    return sound
