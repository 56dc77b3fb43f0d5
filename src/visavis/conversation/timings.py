"""When the stages of one reply happened, for the latency split shown and measured."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(slots=True)
class ReplyTimings:
    """Seconds each stage of a reply took, after the user's last word.

    Attributes:
        total: Last word → first audible sample handed to the network.
        endpointing: Last word → turn known to be over and its words known.
        llm: → first speakable clause of the answer (0 when it was ready by speculation).
        tts: → first synthesised audio.
        output: → first audible sample handed to the network.
    """

    total: float
    endpointing: float
    llm: float
    tts: float
    output: float

    def as_dict(self) -> dict[str, float]:
        """Rounded to milliseconds, by name."""
        return {
            name: round(getattr(self, name), 3)
            for name in ("total", "endpointing", "llm", "tts", "output")
        }


class TurnTimings:
    """Collects the marks of the present turn; each mark counts once."""

    def __init__(self) -> None:
        self._marks: dict[str, float] = {}

    def _mark(self, name: str, at: float | None = None) -> None:
        if "speech_ended" in self._marks or name == "speech_ended":
            self._marks.setdefault(name, time.monotonic() if at is None else at)

    def turn_started(self) -> None:
        """The user began a turn: forget the one before."""
        self._marks.clear()

    def speech_ended(self, at: float) -> None:
        """The user's last word ended, on the monotonic clock."""
        self._mark("speech_ended", at)

    def transcribed(self) -> None:
        """The turn is over and its words are known."""
        self._mark("transcribed")

    def clause_ready(self) -> None:
        """The first speakable piece of the answer reached speech synthesis."""
        self._mark("clause_ready")

    def synthesised(self) -> None:
        """The first audio of the answer is there."""
        self._mark("synthesised")

    def audible(self) -> ReplyTimings | None:
        """The first sample of the answer goes out; the split, once per turn."""
        if "audible" in self._marks:
            return None
        self._mark("audible")
        names = ("speech_ended", "transcribed", "clause_ready", "synthesised", "audible")
        if not all(n in self._marks for n in names):
            return None
        t = [self._marks[n] for n in names]
        return ReplyTimings(
            total=t[4] - t[0],
            endpointing=t[1] - t[0],
            llm=max(0.0, t[2] - t[1]),
            tts=t[3] - max(t[2], t[1]),
            output=t[4] - t[3],
        )
