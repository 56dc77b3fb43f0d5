"""What is judged: pictures with their times, the sound, and what is known of the words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from visavis.animation.animator import Animator
from visavis.animation.face_state import STATE_RATE
from visavis.media.spoken import Phone
from visavis.media.video import AUDIO_RATE, VideoError, open_video
from visavis.rendering.painters import open_painter
from visavis.replicas.bundle import Replica
from visavis.speech import Synthesizer

Picture = NDArray[np.uint8]

#: Shorter films say too little, s.
MIN_SECONDS = 3.0
#: Below this lips cannot be judged: a closure lasts two pictures at most.
MIN_FPS = 20.0
#: Sound that never reaches this (of 32768, -60 dB) is none.
AUDIBLE = 33
#: Silence around and between the sentences of a replica's performance, s.
PAUSE = 0.9
#: Every closure, labiodental and rounding of English, and pauses between.
SCRIPT = (
    "Please bring both pills back before five, and phone me if the fever stays above forty.",
    "Many people move about too soon; move very slowly, and wait for a few more weeks.",
    "We would love to hear how you feel. Who will help you at home tomorrow?",
    "Bob may put a warm blue blanket over your feet, but never on the open wound.",
    "If you feel worse, stop, breathe, and push the button below the lamp.",
    "Both of you should know our number: five, five, five, zero, one, four, two.",
)


@dataclass(frozen=True, slots=True)
class Performance:
    """A face that talks.

    Attributes:
        name: Of the film or replica.
        fps: Pictures per second.
        seconds: Length.
        frames: Gives times (s) and RGB pictures, from the beginning each time it is called.
        sound: int16 mono at ``AUDIO_RATE`` from the first picture on.
        phones: What is said when; empty if that is not known.
    """

    name: str
    fps: float
    seconds: float
    frames: Callable[[], Iterator[tuple[float, Picture]]]
    sound: NDArray[np.int16]
    phones: tuple[Phone, ...] = ()


def of_file(path: Path, limit: float | None = None) -> Performance:
    """A film of a talking face, anybody's.

    Args:
        path: Of the film.
        limit: Judge only so many seconds.

    Raises:
        VideoError: It cannot be judged; the message says why.
    """
    film = open_video(path)
    if film.duration < MIN_SECONDS:
        raise VideoError(f"{path.name} lasts {film.duration:.1f} s; need {MIN_SECONDS:.0f} s.")
    if film.fps < MIN_FPS:
        raise VideoError(f"{path.name} has {film.fps:.0f} pictures a second; need {MIN_FPS:.0f}.")
    seconds = min(film.duration, limit or film.duration)

    def frames() -> Iterator[tuple[float, Picture]]:
        for at, picture in film.frames():
            if at >= seconds:
                return
            yield at, picture

    sound = film.sound()[: round(seconds * AUDIO_RATE)]
    if np.abs(sound.astype(np.int32)).max(initial=0) < AUDIBLE:
        raise VideoError(f"{path.name} has a silent sound track; lips cannot be judged without.")
    return Performance(path.name, film.fps, seconds, frames, sound)


def of_replica(
    replica: Replica,
    voice: Synthesizer,
    *,
    seconds: float = 40.0,
    size: tuple[int, int] = (1280, 720),
    fps: int = 30,
    seed: int = 1,
) -> Performance:
    """A replica that speaks :data:`SCRIPT`, again and again, for at least `seconds`.

    The same voice, animation and painter as in a call; picture and sound in step by construction.
    """
    rate = voice.sample_rate
    face = Animator(seed)
    pieces: list[NDArray[np.int16]] = [np.zeros(round(PAUSE * rate), np.int16)]
    phones: list[Phone] = []
    length, n = PAUSE, 0
    spans: list[tuple[float, float]] = []
    while length < seconds or n < 2:
        spoken = voice.synthesize(SCRIPT[n % len(SCRIPT)])
        face.say(spoken, at=length)
        phones += [replace(p, start=p.start + length, end=p.end + length) for p in spoken.phones]
        spans.append((length, length + spoken.duration))
        gap = PAUSE * (1 + n % 2)
        pieces += [spoken.audio, np.zeros(round(gap * rate), np.int16)]
        length = sum(map(len, pieces)) / rate
        n += 1
    states = []
    for i in range(int(length * STATE_RATE)):
        t = i / STATE_RATE
        if spans and t > spans[0][1]:
            spans.pop(0)
        face.set_mode("speaking" if spans and spans[0][0] - 0.1 <= t else "listening")
        states.append(face.state(t, t))
    painter = open_painter(replica, size)

    def frames() -> Iterator[tuple[float, Picture]]:
        for i in range(int(length * fps)):
            yield i / fps, painter.paint(states[min(round(i * STATE_RATE / fps), len(states) - 1)])

    audio = np.concatenate(pieces)
    sound = np.asarray(soxr.resample(audio, rate, AUDIO_RATE), np.int16)
    return Performance(replica.manifest.name, fps, length, frames, sound, tuple(phones))
