"""Draw states into an MP4 file, as fast as the machine allows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from visavis.animation.face_state import FaceState
from visavis.rendering.contract import FacePainter, SegmentEnd, SegmentFinished, TimedFrame
from visavis.rendering.schedule import Schedule


class FileWriter:
    """An MP4 with H.264 video and, if there is sound, AAC audio. Use as a context manager.

    Args:
        path: Where to write.
        size: Width and height, even numbers.
        fps: Whole frames per second.
        sample_rate: Of the audio; None for a silent file.
        crf: x264 quality, lower is better.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: int,
        sample_rate: int | None = None,
        crf: int = 18,
    ) -> None:
        if size[0] % 2 or size[1] % 2:
            raise ValueError(f"H.264 needs even width and height, got {size[0]} x {size[1]}")
        self._container: Any = av.open(str(path), "w")
        video = self._container.add_stream("libx264", rate=fps)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.options = {"crf": str(crf), "preset": "veryfast"}
        video.codec_context.time_base = Fraction(1, fps)
        self._video = video
        self._audio = None
        if sample_rate is not None:
            self._audio = self._container.add_stream("aac", rate=sample_rate)
            self._audio.layout = "mono"
        self._rate = sample_rate
        self._frames = 0
        self._samples = 0

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def write_frame(self, image: NDArray[np.uint8]) -> None:
        """Append a picture, uint8 RGB."""
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts = self._frames
        self._frames += 1
        self._container.mux(self._video.encode(frame))

    def write_audio(self, samples: NDArray[np.int16]) -> None:
        """Append mono samples."""
        if self._audio is None or self._rate is None:
            raise ValueError("this file was opened without a sample rate")
        for start in range(0, len(samples), 1024):
            part = np.ascontiguousarray(samples[start : start + 1024])[None]
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            frame.sample_rate = self._rate
            frame.pts = self._samples
            self._samples += part.shape[1]
            self._container.mux(self._audio.encode(frame))

    def close(self) -> None:
        """Finish the file. Calling it again does nothing."""
        if self._container is None:
            return
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            self._container.mux(self._audio.encode(None))
        self._container.close()
        self._container = None


class FileRenderer:
    """A :class:`visavis.rendering.contract.Renderer` without a clock: time is what is drawn.

    Push everything, then iterate: frames from time 0 to the last state pushed, one after the
    other. States pushed while iterating extend it.

    Args:
        painter: Draws one state.
        fps: Frames per second.
        writer: Gets every frame, if given.
    """

    def __init__(
        self, painter: FacePainter, fps: int = 25, writer: FileWriter | None = None
    ) -> None:
        self._painter = painter
        self._fps = fps
        self._writer = writer
        self._schedule = Schedule(1_000_000)
        self._end = 0.0
        self._index = 0

    def push(self, item: FaceState | SegmentEnd, *, segment: str | None = None) -> None:
        """Add the next state, in order of ``t``, or end a segment. Never blocks."""
        self._schedule.push(item, segment)
        if isinstance(item, FaceState):
            self._end = max(self._end, item.t)

    def clear(self) -> float:
        """Drop everything not yet drawn; answer with the time of the last state drawn."""
        position = self._schedule.clear(self._index / self._fps)
        self._end = self._index / self._fps
        return position

    async def __aiter__(self) -> AsyncIterator[TimedFrame | SegmentFinished]:
        """Frames up to the last state pushed."""
        while True:
            for done in self._schedule.finished():
                yield done
            t = self._index / self._fps
            # one frame past the last state, so that it is shown
            if t > self._end + 1 / self._fps and len(self._schedule) == 0:
                return
            epoch = self._schedule.epoch
            image = self._painter.paint(self._schedule.at(t))
            if epoch != self._schedule.epoch:
                continue
            self._index += 1
            if self._writer is not None:
                self._writer.write_frame(image)
            yield TimedFrame(t, image)


def render_states(
    painter: FacePainter,
    states: Iterable[FaceState],
    path: Path,
    *,
    fps: int = 25,
    audio: NDArray[np.int16] | None = None,
    sample_rate: int | None = None,
) -> int:
    """Write states, and the sound they belong to, to an MP4; returns the number of frames.

    Args:
        painter: Draws one state.
        states: In order of time, the first near 0.
        path: Of the file.
        fps: Frames per second.
        audio: int16 mono samples from time 0.
        sample_rate: Of ``audio``.
    """
    if (audio is None) != (sample_rate is None):
        raise ValueError("give audio and sample_rate together")
    schedule = Schedule(1_000_000)
    end = 0.0
    for state in states:
        schedule.push(state)
        end = state.t
    if audio is not None and sample_rate is not None:
        end = max(end, len(audio) / sample_rate)
    count = max(1, round(end * fps))
    with FileWriter(path, painter.size, fps, sample_rate) as writer:
        written = 0
        for i in range(count):
            writer.write_frame(painter.paint(schedule.at(i / fps)))
            if audio is not None and sample_rate is not None:
                upto = min(len(audio), round((i + 1) / fps * sample_rate))
                writer.write_audio(audio[written:upto])
                written = upto
        if audio is not None:
            writer.write_audio(audio[written:])
    return count
