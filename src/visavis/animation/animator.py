"""The live face: what it says and how it behaves, as FaceStates."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.animation.behaviour import Behaviour, look
from visavis.animation.emotion import NEUTRAL, Emotion, check
from visavis.animation.face_state import ARKIT_INDEX as AT
from visavis.animation.face_state import STATE_RATE, FaceState
from visavis.animation.from_audio import AudioMotion
from visavis.animation.gestures import SIZE as GESTURES
from visavis.animation.gestures import plan_gestures
from visavis.animation.smoothing import Offset, Vector, ease
from visavis.animation.style import Mode, expand, load_style
from visavis.animation.track import Track
from visavis.animation.visemes import SpeechMotion, plan_speech
from visavis.media.spoken import SpokenAudio

#: Seconds within which a mouth that is cut off has closed.
MOUTH_CLOSES = 0.10
#: Seconds within which a head that is cut off in a gesture has come to rest.
_HEAD_RESTS = 0.40
#: The speech clock may stray from the stream clock by this much between two states before it is
#: taken for a cut, seconds.
_STRAY = 0.012
#: Utterances that follow each other are blended from this long before the seam to this long after.
_SEAM = (0.06, 0.05)
#: Speech this old is forgotten, seconds.
_FORGET = 1.5
#: At most this many utterances wait to be said.
_WAITING = 512

_SMILE = [AT[n] for n in ("mouthSmileLeft", "mouthSmileRight")]
_GLOOM = [AT[n] for n in ("mouthFrownLeft", "browDownLeft", "noseSneerLeft", "mouthStretchLeft")]
_PRESS = [AT[n] for n in ("mouthPressLeft", "mouthPressRight")]
_ROUNDED = [AT[n] for n in ("mouthPucker", "mouthFunnel")]
#: Of a feeling: what opens the mouth, which lips that meet do not allow; what rounded lips forbid;
#: and what lids that close end.
_OPENS = [i for n, i in AT.items() if n.startswith(("jaw", "mouthUpperUp", "mouthLowerDown",
          "mouthFunnel", "mouthStretch", "mouthShrug"))]  # fmt: skip
_SPREADS = [i for n, i in AT.items() if n.startswith(("mouthSmile", "mouthDimple", "mouthStretch",
            "mouthFrown", "mouthPress"))]  # fmt: skip
_LIDS = [(AT[f"eye{n}{s}"], AT[f"eyeBlink{s}"]) for n in ("Wide", "Squint")
         for s in ("Left", "Right")]  # fmt: skip
#: A feeling begins this long before the words that carry it: faces announce them.
_FEEL_AHEAD = 0.2
_BROWS = expand({"browInnerUp": 0.8, "browOuterUp": 1.0})


@dataclass(slots=True)
class _Said:
    """One utterance on the speech clock."""

    at: float
    motion: SpeechMotion
    gestures: Track
    emotion: tuple[str, float] | None = None  # to be felt when it begins
    ended: bool = False  # its last sound has been heard


class Animator:
    """Makes the states of one face, live.

    Two clocks: the *stream* clock counts all audio sent, silence included; the *speech* clock
    counts speech only, and stands still in silence. Utterances are placed on the speech clock
    before they are heard. Not thread-safe; nothing here blocks for more than some milliseconds.

    Args:
        seed: The same seed and calls give the same states.
        style: Manner of behaving; see ``behaviour.toml``.
    """

    def __init__(self, seed: int = 0, style: str = "natural") -> None:
        self._seed, self._style_name = seed, style
        self._style = load_style(style)
        self._behaviour = Behaviour(seed, self._style)
        self._rng = np.random.default_rng([seed, 1])
        self._backchannel_rng = np.random.default_rng([seed, 3])
        self._last_backchannel = -np.inf
        self._emotion = Emotion(np.random.default_rng([seed, 2]))
        self._said: deque[_Said] = deque(maxlen=_WAITING)
        self._heard: AudioMotion | None = None
        self._mouth = _Cut(53, MOUTH_CLOSES)
        self._gesture = _Cut(GESTURES, _HEAD_RESTS)
        self._t: float | None = None
        self._speech_t: float | None = None
        self._cut = False

    # -- what happens ---------------------------------------------------------------------------

    def set_mode(self, mode: Mode) -> None:
        """The conversation's state, seen from the face: idle, listening, thinking or speaking.

        Raises:
            ValueError: there is no such state.
        """
        self._behaviour.set_mode(mode)

    def set_emotion(self, label: str, intensity: float = 1.0) -> None:
        """Feel this from now on, until it fades or something else is felt.

        Args:
            label: One of :func:`visavis.animation.emotion.labels`.
            intensity: 0..1.

        Raises:
            ValueError: there is no such emotion, or the intensity is out of range.
        """
        self._emotion.set(label, intensity)

    def say(self, spoken: SpokenAudio, at: float, emotion: tuple[str, float] | None = None) -> None:
        """The utterance's first sample is at `at` on the speech clock (s).

        Utterances come in order. One without phoneme times moves the lips by its sound. `emotion`
        (label, intensity) is felt as the utterance begins.

        Raises:
            ValueError: there is no such emotion, or the intensity is out of range.
        """
        if emotion is not None:
            check(*emotion)
        if not spoken.phones:
            if emotion is not None:
                self.set_emotion(*emotion)
            self.say_audio(spoken.audio, spoken.sample_rate, at)
            return
        gestures = plan_gestures(spoken, self._rng, self._style)
        said = _Said(at, plan_speech(spoken), gestures, emotion)
        self._said.append(said)
        self._mark_late(at)

    def say_audio(self, samples: NDArray[np.int16], sample_rate: int, at: float) -> None:
        """Speech without phoneme times, whole or in pieces: its first sample is at `at`."""
        heard = self._heard
        if heard is None or heard.sample_rate != sample_rate or abs(heard.end - at) > 0.01:
            heard = self._heard = AudioMotion(sample_rate, at)
            self._mark_late(at)
        heard.feed(samples)

    def _mark_late(self, at: float) -> None:
        """A motion that begins in the past or present would jump: treat it as a cut."""
        if self._speech_t is not None and at < self._speech_t + 0.3:
            self._cut = True

    def clear(self) -> None:
        """Forget all speech; the mouth closes within :data:`MOUTH_CLOSES`, without a jump."""
        self._said.clear()
        self._heard = None
        self._cut = True

    def nod(self, strength: float = 1.0) -> None:
        """Nod (a visual backchannel)."""
        self._behaviour.nod(strength)

    def user_paused(self) -> None:
        """The user has made a short pause: perhaps a nod, perhaps a smile, mostly nothing."""
        table, now = self._style.backchannel, self._t or 0.0
        if self._behaviour.mode != "listening" or now - self._last_backchannel < table.apart:
            return
        chance = self._backchannel_rng.random()
        if chance < table.nod:
            self._behaviour.nod(float(self._backchannel_rng.uniform(0.5, 0.9)))
        elif chance < table.nod + table.smile and self._emotion.label == NEUTRAL:
            self._emotion.set("content", table.smile_intensity)
        else:
            return
        self._last_backchannel = now

    def blink(self) -> None:
        """Blink."""
        self._behaviour.blink()

    # -- states ---------------------------------------------------------------------------------

    def state(self, t: float, speech_t: float | None) -> FaceState:
        """The face at stream time `t` (s, not decreasing), when `speech_t` is audible.

        Args:
            t: Stream clock, seconds. Steps of any length are fine.
            speech_t: Speech clock, seconds; None while no speech is audible.
        """
        dt = 0.0 if self._t is None else max(t - self._t, 0.0)
        cut = self._cut or self._strayed(dt, speech_t)
        mouth, gesture = self._speech(speech_t)
        mouth = self._mouth.smooth(t, dt, mouth, cut)
        gesture = self._gesture.smooth(t, dt, gesture, cut)
        self._t, self._speech_t, self._cut = t, speech_t, False

        arkit, head, gaze = self._behaviour.at(t)
        feeling = self._emotion.at(t)
        speech, contact = mouth[:52], min(max(float(mouth[52]), 0.0), 1.0)
        # Rounded lips leave little room for a smile, lips in contact less than parted ones.
        rounded = min(max(float(speech[_ROUNDED].sum()), 0.0) * 1.6, 1.0)
        arkit[_SMILE] *= (1 - 0.8 * rounded) * (1 - 0.5 * contact)
        # A deep feeling leaves no room for the everyday smile, and asks the mouth's leave to show.
        arkit[_SMILE] *= 1 - min(float(feeling[_GLOOM].max()), 1.0)
        felt = feeling[:52].copy()
        felt[_SPREADS] *= (1 - 0.7 * rounded) * (1 - 0.4 * contact)
        felt[_OPENS] *= (1 - contact) * (1 - 0.5 * rounded)
        for lid, blink in _LIDS:
            felt[lid] *= 1 - arkit[blink]
        arkit += felt
        arkit[_PRESS] *= 1 - min(max(float(speech[AT["jawOpen"]]) * 12, 0.0), 1.0)
        arkit += speech
        arkit += max(float(gesture[3]), 0.0) * _BROWS
        head[:3] += gesture[:3] + feeling[52:]
        gaze -= head[:2]  # eyes stay on their target while the head moves
        look(arkit, gaze)
        np.clip(arkit, 0.0, 1.0, out=arkit)
        return FaceState(
            t,
            arkit.astype(np.float32),
            head.astype(np.float32),
            gaze.astype(np.float32),
            self._emotion.label,
            self._emotion.intensity,
        )

    def motion(
        self, spoken: SpokenAudio, *, lead: float = 0.0, tail: float = 0.0
    ) -> list[FaceState]:
        """States at 60 Hz for a film of one utterance, from a face like this one, fresh.

        Args:
            spoken: The utterance; its sound begins `lead` seconds into the film.
            lead: Seconds of idling before it.
            tail: Seconds of idling after it.
        """
        face = Animator(self._seed, self._style_name)
        face.set_mode("speaking")
        face.say(spoken, at=lead)
        count = int(np.ceil((lead + spoken.duration + tail) * STATE_RATE)) + 1
        return [face.state(i / STATE_RATE, i / STATE_RATE) for i in range(count)]

    # -- speech ---------------------------------------------------------------------------------

    def _strayed(self, dt: float, speech_t: float | None) -> bool:
        """Whether the speech audible now does not follow on what was audible before."""
        if speech_t is None or self._speech_t is None:
            return speech_t is not self._speech_t
        return abs(speech_t - self._speech_t - dt) > _STRAY

    def _speech(self, speech_t: float | None) -> tuple[Vector, Vector]:
        """The mouth ``(53,)`` and the gestures at a time of the speech clock."""
        mouth, gesture = np.zeros(53), np.zeros(GESTURES)
        if speech_t is None:
            return mouth, gesture
        while self._said and self._said[0].at + self._said[0].motion.duration < speech_t - _FORGET:
            self._said.popleft()
        for i, said in enumerate(self._said):
            if said.at > speech_t + 1.0:
                break
            share = self._share(i, speech_t)
            if share > 0.0:
                mouth += share * said.motion.track.at(speech_t - said.at)
            gesture += said.gestures.at(speech_t - said.at)
            if said.emotion is not None and speech_t >= said.at - _FEEL_AHEAD:
                self._emotion.set(*said.emotion)
                said.emotion = None
            if not said.ended and speech_t >= said.at + said.motion.voice_end:
                said.ended = True
                if self._rng.random() < 0.5:  # blinks gather at the ends of utterances
                    self._behaviour.blink()
        if self._heard is not None:
            heard = self._heard.at(speech_t)
            mouth = np.maximum(mouth, heard)
        return mouth, gesture

    def _share(self, i: int, speech_t: float) -> float:
        """How much of the mouth belongs to the i-th utterance: all, but around its seams."""
        said, share = self._said[i], 1.0
        before, after = _SEAM
        if i > 0 and self._said[i - 1].at + self._said[i - 1].motion.duration > said.at - 1.0:
            share *= ease((speech_t - said.at + before) / (before + after))
        if i + 1 < len(self._said):
            following = self._said[i + 1].at
            share *= 1 - ease((speech_t - following + before) / (before + after))
        return share


class _Cut:
    """A motion whose cuts are smoothed away."""

    def __init__(self, size: int, time: float) -> None:
        self._begun = False
        self._offset = Offset(size, time)
        self._shown = np.zeros(size)
        self._speed = np.zeros(size)

    def smooth(self, t: float, dt: float, now: Vector, cut: bool) -> Vector:
        """`now`, or something between what was shown before and `now` if there was a cut."""
        if cut and self._begun:
            # The moment of the cut lies between the two states; begin at the earlier one.
            self._offset.cut(t - min(dt, 0.04), self._shown, self._speed, now)
        self._begun = True
        add = self._offset.at(t)
        shown = now if add is None else now + add
        if dt > 0.0:
            self._speed = (shown - self._shown) / dt
        self._shown = shown
        return shown
