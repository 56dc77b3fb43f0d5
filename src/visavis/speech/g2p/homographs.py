"""Choosing between readings of one spelling from the words beside it, without a tagger."""

from __future__ import annotations

from visavis.speech.g2p.lexicon import Readings
from visavis.speech.g2p.wordlist import words

_DETERMINERS = words(
    "a an the this that these those my your his her its our their no any some each every another "
    "one two three four five six seven eight nine ten first second last next whose which what "
    "few many several 's"
)
_SUBJECTS = words("i you we they who people")
_SINGULAR_SUBJECTS = words("he she it")
_MODALS = words(
    "to will would can could should shall may might must do does did don't doesn't didn't won't "
    "can't cannot couldn't shouldn't wouldn't please let's i'll you'll we'll they'll he'll she'll "
    "it'll not never always"
)
_HAVE = words(
    "have has had having i've you've we've they've he's she's it's been was were is are be being "
    "get got gets"
)
_BE = words("is are was were be been being am i'm you're we're they're it's he's she's")
_PREPOSITIONS = words("of in on at for with from by about into per under over")
_PAST_CUES = words("yesterday ago last earlier already just once had")
_ADVERBS = words("very so too quite really more most less as how")


def choose(word: str, readings: Readings, before: list[str], after: list[str]) -> str:
    """The likeliest reading of `word`.

    Args:
        word: Lower case.
        readings: At least ``"DEFAULT"``; tags as in misaki.
        before: Words before it in the sentence, lower case, nearest last.
        after: Words after it, nearest first; empty at the end of a phrase.
    """
    default = readings["DEFAULT"]
    if len(readings) == 1:
        return default
    last = before[-1] if before else ""
    following = after[0] if after else ""
    if special := _SPECIAL.get(word):
        return readings.get(special(before, after), default)
    if "VERB" in readings or "NOUN" in readings or "ADJ" in readings:
        tag = _guess_tag(last, before, following)
        return readings.get(tag, default)
    if not after and "None" in readings:
        return readings["None"]
    return default


def _guess_tag(last: str, before: list[str], following: str) -> str:
    if last in _MODALS or last in _SUBJECTS or last in _SINGULAR_SUBJECTS:
        return "VERB"
    if not last and following in _DETERMINERS | {"it", "them", "me", "us", "him"}:
        return "VERB"  # an imperative
    if last == "and" and len(before) > 1 and following in _DETERMINERS:
        return "VERB"
    if last in _BE or last in _ADVERBS:
        return "ADJ"
    if last in _DETERMINERS or last in _PREPOSITIONS or last.endswith("'s"):
        return "NOUN"
    return "DEFAULT"


def _read(before: list[str], after: list[str]) -> str:
    last = before[-1] if before else ""
    if last in _MODALS or not before:
        return "DEFAULT"
    if last in _HAVE or any(w in _PAST_CUES for w in before + after):
        return "VBD"
    return "VBD" if last in _SINGULAR_SUBJECTS else "DEFAULT"


def _live(before: list[str], after: list[str]) -> str:
    last = before[-1] if before else ""
    if last in _MODALS | _SUBJECTS or (after and after[0] in ("in", "with", "at", "on", "there")):
        return "VERB"
    return "DEFAULT"


def _close(before: list[str], after: list[str]) -> str:
    last = before[-1] if before else ""
    following = after[0] if after else ""
    if last in _BE | _ADVERBS or following in ("to", "by", "enough", "friend", "friends"):
        return "DEFAULT"
    if last in _MODALS | _SUBJECTS or following in _DETERMINERS | {"it", "at"}:
        return "VERB"
    if last == "the" and following in ("", "of"):
        return "NOUN"
    return "DEFAULT"


def _used(before: list[str], after: list[str]) -> str:
    used_to = bool(after) and after[0] == "to"
    by_tool = bool(before) and before[-1] in ("is", "are", "be", "it's") and len(after) > 1
    return "VBD" if used_to and not by_tool else "DEFAULT"


def _use(before: list[str], after: list[str]) -> str:
    last = before[-1] if before else ""
    following = after[0] if after else ""
    if following == "of" or last in _DETERMINERS | {"of", "for", "in", "daily", "regular"}:
        return "NOUN"
    return "DEFAULT"


def _wound(before: list[str], after: list[str]) -> str:
    return "VBD" if after and after[0] in ("up", "down", "around", "through") else "DEFAULT"


def _minute(before: list[str], after: list[str]) -> str:
    very = bool(before) and before[-1] in ("very", "so", "quite")
    return "ADJ" if very else "DEFAULT"


def _that(before: list[str], after: list[str]) -> str:
    return "DEFAULT" if after else "DT"


_SPECIAL = {
    "read": _read,
    "live": _live,
    "close": _close,
    "used": _used,
    "use": _use,
    "wound": _wound,
    "minute": _minute,
    "that": _that,
}
