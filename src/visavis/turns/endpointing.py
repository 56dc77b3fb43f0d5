"""Endpointing: from voice probabilities to the starts, pauses and ends of a user's turn.

Pure logic on audio time, fed window by window; it holds no models and no clock. The caller
answers a :class:`Paused` by asking how finished the turn sounds (:meth:`Endpointer.judge`) and by
transcribing what was said so far; the machine decides when silence becomes the turn's end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The user has begun to speak; `at` is when the speech began (s)."""

    at: float


@dataclass(frozen=True, slots=True)
class Paused:
    """The user fell silent inside the turn; `at` is when the speech ended (s)."""

    at: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """The user goes on after a pause; `at` is when the speech went on (s)."""

    at: float


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn is over; `speech_end` is when the user's last word ended (s)."""

    at: float
    speech_end: float


TurnEvent = TurnStarted | Paused | Resumed | TurnEnded


class Phase(Enum):
    """Where the user's turn stands."""

    QUIET = "quiet"
    SPEAKING = "speaking"
    PAUSING = "pausing"


@dataclass(frozen=True, slots=True)
class EndpointerParams:
    """Durations in seconds of audio, probabilities 0..1.

    Attributes:
        start: Speech that starts a turn.
        barge_in: Speech that starts a turn while the face talks.
        pause: Silence that makes a pause.
        end: Silence that ends a turn that sounds finished.
        patience: Silence that ends a turn that sounds unfinished.
        voiced: Probability at which a window counts as speech.
        unvoiced: Probability under which a window counts as silence; between the two, the window
            counts as what came before (hysteresis).
        finished: Completeness from which a turn sounds finished.
    """

    start: float = 0.10
    barge_in: float = 0.16
    pause: float = 0.09
    end: float = 0.25
    patience: float = 1.8
    voiced: float = 0.55
    unvoiced: float = 0.35
    finished: float = 0.5


class Endpointer:
    """Turns a stream of voice probabilities into turn events."""

    def __init__(self, params: EndpointerParams | None = None) -> None:
        self.params = params or EndpointerParams()
        self._phase = Phase.QUIET
        self._now = 0.0
        self._voice = False
        self._run_start = 0.0  # when the present run of speech or silence began
        self._speech_end = 0.0
        self._completeness: float | None = None

    @property
    def phase(self) -> Phase:
        """Where the user's turn stands."""
        return self._phase

    @property
    def now(self) -> float:
        """Seconds of audio heard."""
        return self._now

    def push(
        self, probability: float, duration: float, *, face_speaking: bool = False
    ) -> list[TurnEvent]:
        """Take the voice probability of the next `duration` seconds of audio."""
        begin, self._now = self._now, self._now + duration
        p = self.params
        voice = probability >= (p.unvoiced if self._voice else p.voiced)
        if voice != self._voice:
            self._voice, self._run_start = voice, begin
        run = self._now - self._run_start
        if voice:
            return self._on_voice(run, face_speaking)
        return self._on_silence(run)

    def judge(self, completeness: float) -> list[TurnEvent]:
        """How finished (0..1) the words before the present pause sounded."""
        if self._phase is not Phase.PAUSING:
            return []
        self._completeness = completeness
        return self._maybe_end()

    def _on_voice(self, run: float, face_speaking: bool) -> list[TurnEvent]:
        p = self.params
        if self._phase is Phase.QUIET:
            needed = p.barge_in if face_speaking else p.start
            if run + 1e-9 >= needed:
                self._phase = Phase.SPEAKING
                return [TurnStarted(self._run_start)]
        elif self._phase is Phase.PAUSING and run + 1e-9 >= p.start / 2:
            # Half the starting length: inside a turn, going on needs less proof than starting.
            self._phase = Phase.SPEAKING
            self._completeness = None
            return [Resumed(self._run_start)]
        return []

    def _on_silence(self, run: float) -> list[TurnEvent]:
        if self._phase is Phase.SPEAKING and run + 1e-9 >= self.params.pause:
            self._phase = Phase.PAUSING
            self._speech_end = self._run_start
            self._completeness = None
            return [Paused(self._speech_end)]
        if self._phase is Phase.PAUSING:
            return self._maybe_end()
        return []

    def _maybe_end(self) -> list[TurnEvent]:
        if self._voice:
            return []
        silence = self._now - self._speech_end
        p = self.params
        finished = self._completeness is not None and self._completeness >= p.finished
        if silence + 1e-9 < (p.end if finished else p.patience):
            return []
        self._phase = Phase.QUIET
        return [TurnEnded(self._now, self._speech_end)]
