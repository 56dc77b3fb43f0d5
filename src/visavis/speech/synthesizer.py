"""Voices: one protocol, and opening one by name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from visavis.media.spoken import SpokenAudio
from visavis.speech.errors import StoppedError, UnknownVoiceError


class Stop:
    """A way to tell a synthesis, from another thread, that nobody wants it any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = False
        self._end: Callable[[], None] | None = None

    @property
    def asked(self) -> bool:
        """Whether :meth:`ask` was called."""
        return self._asked

    def ask(self) -> None:
        """Let the synthesis end as soon as it can, with :class:`StoppedError`."""
        with self._lock:
            self._asked = True
            if self._end is not None:
                self._end()

    def check(self) -> None:
        """Raise StoppedError once asked."""
        if self._asked:
            raise StoppedError("The synthesis was stopped.")

    @contextmanager
    def ending_with(self, end: Callable[[], None]) -> Iterator[None]:
        """While inside, :meth:`ask` calls `end`, which must return at once."""
        self.check()
        with self._lock:
            self._end = end
            if self._asked:
                end()
        try:
            yield
        finally:
            with self._lock:
                self._end = None


@runtime_checkable
class Synthesizer(Protocol):
    """Turns text into speech with phoneme and word times; :meth:`synthesize` is thread-safe."""

    @property
    def sample_rate(self) -> int:
        """Of the audio, Hz."""
        ...

    def synthesize(self, text: str, speed: float = 1.0, *, stop: Stop | None = None) -> SpokenAudio:
        """Say `text`; blocks until all of it is there.

        Args:
            text: Any text; with nothing in it to say, the audio is empty.
            speed: 0.5 (slow) to 2 (fast).
            stop: Asked from another thread, it ends the synthesis early.

        Raises:
            StoppedError: `stop` was asked.
            ValueError: `speed` is out of range.
            SpeechError: the voice failed.
        """
        ...

    def close(self) -> None:
        """Release what the voice holds; it cannot speak afterwards."""
        ...


def open_synthesizer(voice: str, *, threads: int = 2) -> Synthesizer:
    """Load a voice.

    Args:
        voice: ``engine:name``: ``kokoro:clara`` (a woman; see ``visavis.speech.kokoro.VOICES``),
            a mixture of Kokoro styles such as ``kokoro:jf_alpha+jf_nezumi``, or ``piper:joe``
            (a man; needs the extra ``visavis[piper]``).
        threads: CPU threads for one synthesis.

    Raises:
        UnknownVoiceError: no such voice; lists those there are.
        MissingModelError: the weights are not here; says how to fetch them.
        MissingExtraError: the voice needs a package that is not installed.
    """
    if threads < 1:
        raise ValueError(f"threads is {threads}; give at least 1.")
    engine, _, name = voice.partition(":")
    if engine == "kokoro":
        from visavis.speech.kokoro import Kokoro

        return Kokoro(name or "clara", threads=threads)
    if engine == "piper":
        from visavis.speech.piper import Piper

        return Piper(name or "joe", threads=threads)
    from visavis.speech.kokoro import VOICES

    known = [f"kokoro:{name}" for name in VOICES] + ["piper:joe"]
    raise UnknownVoiceError(f"There is no voice {voice!r}. Known: {', '.join(known)}.")


def check_speed(speed: float) -> None:
    """Raise ValueError unless a voice can speak at this speed."""
    if not 0.5 <= speed <= 2.0:
        raise ValueError(f"speed is {speed}; give 0.5 (slow) to 2 (fast).")
