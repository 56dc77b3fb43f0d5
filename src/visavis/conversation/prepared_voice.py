"""A voice that has its fixed lines ready: greeting and apology are known before anyone calls."""

from __future__ import annotations

from visavis.media.spoken import SpokenAudio
from visavis.speech import Stop, Synthesizer


class PreparedVoice:
    """Passes on to another synthesizer, except for texts prepared beforehand.

    Args:
        voice: Does the speaking.
    """

    def __init__(self, voice: Synthesizer) -> None:
        self._voice = voice
        self._ready: dict[tuple[str, float], SpokenAudio] = {}

    @property
    def sample_rate(self) -> int:
        """Samples per second of what it says."""
        return self._voice.sample_rate

    def prepare(self, text: str, *, speed: float = 1.0) -> None:
        """Say the text now, silently, to have it at once later."""
        self._ready[text.strip(), speed] = self._voice.synthesize(text, speed)

    def synthesize(self, text: str, speed: float = 1.0, *, stop: Stop | None = None) -> SpokenAudio:
        """Say the text; see :class:`visavis.speech.synthesizer.Synthesizer`."""
        ready = self._ready.get((text.strip(), speed))
        return ready or self._voice.synthesize(text, speed, stop=stop)

    def close(self) -> None:
        """Release the voice."""
        self._voice.close()
