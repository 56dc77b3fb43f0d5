"""Reading video files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

#: Sample rate that sound is read at, Hz.
AUDIO_RATE = 16_000


class VideoError(Exception):
    """A video file cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A film on disk; pictures are decoded as they are asked for.

    Attributes:
        path: Where it is.
        fps: Mean pictures per second.
        duration: Seconds.
        size: Width and height in pixels.
    """

    path: Path
    fps: float
    duration: float
    size: tuple[int, int]

    def frames(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Time from the film's beginning (s) and picture, uint8 RGB."""
        with _open(self.path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            start = None
            for frame in container.decode(stream):
                at = float(frame.pts * frame.time_base) if frame.pts is not None else 0.0
                start = at if start is None else start
                yield at - start, frame.to_ndarray(format="rgb24")

    def sound(self) -> NDArray[np.int16]:
        """The sound from the film's first picture on, int16 mono at :data:`AUDIO_RATE`.

        Raises:
            VideoError: There is none.
        """
        with _open(self.path) as container:
            if not container.streams.audio:
                raise VideoError(f"{self.path.name} has no sound; lips cannot be judged without.")
            video, audio = container.streams.video[0], container.streams.audio[0]
            offset = float((audio.start_time or 0) * audio.time_base)
            offset -= float((video.start_time or 0) * video.time_base)
            resampler = av.AudioResampler("s16", "mono", AUDIO_RATE)
            pieces = [
                out.to_ndarray()[0]
                for frame in container.decode(audio)
                for out in resampler.resample(frame)
            ]
            pieces += [out.to_ndarray()[0] for out in resampler.resample(None)]
        samples = np.concatenate([*pieces, np.zeros(0, np.int16)]).astype(np.int16)
        shift = round(offset * AUDIO_RATE)
        return np.pad(samples, (shift, 0)) if shift > 0 else samples[-shift:]


def _open(path: Path) -> Any:
    try:
        return av.open(str(path))
    except (av.FFmpegError, OSError) as e:
        raise VideoError(f"{path} cannot be read as a video: {e}") from e


def open_video(path: Path) -> VideoFile:
    """Look at a film.

    Raises:
        VideoError: It is not there, no film, or damaged.
    """
    if not path.is_file():
        raise VideoError(f"There is no file {path}.")
    with _open(path) as container:
        if not container.streams.video:
            raise VideoError(f"{path.name} holds no pictures.")
        stream = container.streams.video[0]
        fps = float(stream.average_rate or 0)
        length = stream.duration * stream.time_base if stream.duration else None
        seconds = float(length) if length else float((container.duration or 0) / av.time_base)
        if fps <= 0 or seconds <= 0:
            raise VideoError(f"{path.name} does not say how fast or how long it is; remux it.")
        return VideoFile(path, fps, seconds, (stream.width, stream.height))
