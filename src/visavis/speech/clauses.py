"""Cutting a reply that is still being written into pieces that can be spoken.

The first piece is short, so that the voice can begin early; after that whole sentences, which
sound better. When the text comes slowly the first pieces are phrases only: a person who thinks
while speaking pauses there too, and a long second piece would not be ready when the first ends.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator

from pipecat.utils.text.base_text_aggregator import Aggregation, BaseTextAggregator, TextType

from visavis.speech.g2p.normalise import ABBREVIATIONS, TITLES

#: A first piece shorter than both is held back: it would sound clipped.
FIRST_WORDS, FIRST_CHARS = 3, 12
#: Pieces that are phrases when the text comes slowly.
_SLOW_PIECES = 3
#: Text that comes for longer than this without a clause's end is slow, s: at 25 words a second,
#: twice what a reader reads, a clause would be complete.
SLOW = 0.15
#: Without any mark, the first piece ends before a joining word once it is this long.
_FIRST_LONG_WORDS = 8
#: No piece grows longer than this many characters.
LONGEST = 280

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]*_]*(?=\s)|\n+")
_CLAUSE_END = re.compile(r"[,;:][\"'”’)\]*_]*(?=\s)|\s[-–—]+(?=\s)|—(?=\S)")
_JOINING = re.compile(r"\s(?=(?:and|but|or|so|because|if|when|while|which|that|until|unless)\s)")
_PHRASE = re.compile(
    r"\s(?=(?:after|are|at|before|because|but|by|during|every|for|from|if|in|is|on|once|or|so|unless"
    r"|until|was|were|when|while|with|within|without)\s)"
)
_LIST_NUMBER = re.compile(r"(?:^|\n)\s*\d{1,2}$")
_INITIAL = re.compile(r"(?:^|\s)(?:[A-Z]|(?:[A-Za-z]\.)+[A-Za-z])$")
_NO_BREAK = re.compile(r"(?:^|\s)[$€£]?\d[\d,.]*$")


class Clauses:
    """Text in, speakable pieces out.

    Feeding :meth:`push` character by character or all at once gives the same pieces.

    Args:
        first_short: Let the first piece end at the first clause, not the first sentence.
    """

    def __init__(self, *, first_short: bool = True) -> None:
        self._first_short = first_short
        self._slow = False
        self._text = ""
        self._given = 0  # pieces of this reply

    @property
    def pending(self) -> str:
        """Text not yet given out."""
        return self._text

    def push(self, text: str, *, slow: bool = False) -> list[str]:
        """Add text; the pieces that are complete now, stripped, none empty.

        Joining all pieces with a space gives the text, white space apart.

        Args:
            text: What comes next.
            slow: The rest will be long in coming: a phrase will do for the first piece.
        """
        self._slow = slow
        pieces = []
        for char in text:
            self._text += char
            # A mark is only known to end something by what follows it.
            if char.isspace() or self._text[-2:-1] == "—" or len(self._text) >= LONGEST:
                piece = self._take()
                if piece:
                    pieces.append(piece)
        return pieces

    def flush(self) -> str:
        """What is left, at the end of the reply; the next reply starts with a short piece."""
        rest = self._text.strip()
        self.clear()
        return rest

    def clear(self) -> None:
        """Forget everything."""
        self._text = ""
        self._given = 0

    def _take(self) -> str:
        end = self._boundary()
        if not end:
            return ""
        piece, self._text = self._text[:end].strip(), self._text[end:]
        if piece:
            self._given += 1
        return piece

    def _boundary(self) -> int:
        text = self._text
        for m in _SENTENCE_END.finditer(text):
            if m[0].startswith("\n"):
                if text[: m.start()].strip():
                    return m.end()
            elif _ends_sentence(text, m):
                return m.end()
        short = self._given < (_SLOW_PIECES if self._slow else 1)
        if short and self._first_short:
            for m in _CLAUSE_END.finditer(text):
                if _long_enough(text[: m.start()]) and not _NO_BREAK.search(text[: m.start()]):
                    return m.end()
            for m in _JOINING.finditer(text):
                if len(text[: m.start()].split()) >= _FIRST_LONG_WORDS:
                    return m.start()
            if self._slow:
                for m in _PHRASE.finditer(text):
                    if _long_enough(text[: m.start()]):
                        return m.start()
        if len(text) >= LONGEST:
            return _emergency(text)
        return 0


def _long_enough(text: str) -> bool:
    return len(text.split()) >= FIRST_WORDS and len(text.strip()) >= FIRST_CHARS


def _ends_sentence(text: str, m: re.Match[str]) -> bool:
    """Whether the marks at `m` end a sentence and not an abbreviation."""
    before = text[: m.start()]
    if not before.strip():
        return False
    if not m[0].startswith(".") or m[0].startswith(".."):
        return True
    last = before.split()[-1].lower().lstrip("\"'([*_“‘") + "."
    if last in TITLES or last in ("e.g.", "i.e.", "vs.", "approx.", "no.", "fig.", "ext."):
        # "no." is a whole answer more often than a number, unless a digit follows.
        return last == "no." and _answers_no(before)
    if last in ABBREVIATIONS:
        # "etc." and "a.m." may end a sentence; what comes next is not known yet.
        return False
    return not (_INITIAL.search(before) and last != "i.") and not _LIST_NUMBER.search(before)


def _answers_no(before: str) -> bool:
    return len(before.split()) == 1 or before.split()[-1] == "no"


def _emergency(text: str) -> int:
    """A place to cut text that has no end: the last clause, else the last space, else here."""
    for pattern in (_CLAUSE_END, re.compile(r"\s+")):
        ends = [m.end() for m in pattern.finditer(text) if m.start() > LONGEST // 3]
        if ends:
            return ends[-1]
    return len(text)


class ClauseAggregator(BaseTextAggregator):
    """:class:`Clauses` as a Pipecat text aggregator."""

    def __init__(self, *, first_short: bool = True) -> None:
        super().__init__(aggregation_type=TextType.SENTENCE)
        self._clauses = Clauses(first_short=first_short)
        self._began: float | None = None  # when this reply's text began to come

    @property
    def text(self) -> Aggregation:
        """What is held back."""
        return Aggregation(self._clauses.pending.strip(), TextType.SENTENCE)

    async def aggregate(self, text: str) -> AsyncIterator[Aggregation]:
        """Add text; yields the pieces complete now."""
        now = time.monotonic()
        self._began = self._began or now
        for piece in self._clauses.push(text, slow=now - self._began > SLOW):
            yield Aggregation(piece, TextType.SENTENCE)

    async def flush(self) -> Aggregation | None:
        """The rest, at the end of a reply."""
        self._began = None
        rest = self._clauses.flush()
        return Aggregation(rest, TextType.SENTENCE) if rest else None

    async def handle_interruption(self) -> None:
        """Forget the reply that was cut off."""
        await self.reset()

    async def reset(self) -> None:
        """Forget everything."""
        self._began = None
        self._clauses.clear()
