"""VP8 for a face on a busy CPU.

aiortc encodes at no more than 1.5 Mbit/s with libvpx's denoiser on, which costs a third of the
encoding time and smooths what has no noise. A rendered face is clean and mostly still: without the
denoiser, with blocks skipped that hardly change, encoding is both faster and truer
(``benchmarks/encoding.py`` compares the two).
"""

from __future__ import annotations

import multiprocessing

import aiortc.rtcrtpsender
import av
from aiortc.codecs import get_encoder, vpx
from aiortc.codecs.base import Encoder
from aiortc.mediastreams import VIDEO_TIME_BASE, convert_timebase
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from av import VideoFrame
from av.frame import Frame
from av.video.codeccontext import VideoCodecContext

#: libvpx options beside the rate; see its documentation of real-time settings.
OPTIONS = {
    "cpu-used": "-12",
    "deadline": "realtime",
    "lag-in-frames": "0",
    "noise-sensitivity": "0",
    "overshoot-pct": "15",
    "partitions": "0",
    "static-thresh": "200",
    "undershoot-pct": "100",
}


class FaceVp8Encoder(vpx.Vp8Encoder):
    """aiortc's encoder with settings for a rendered face."""

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """Encode a picture; answers with RTP payloads and their time stamp."""
        assert isinstance(frame, VideoFrame)
        if frame.format.name != "yuv420p":
            frame = frame.reformat(format="yuv420p")
        rate = self.target_bitrate
        if self.codec is None or (
            (frame.width, frame.height) != (self.codec.width, self.codec.height)
            or abs(rate / (self.codec.bit_rate or rate) - 1) > 0.1
        ):
            self.codec = self._open(frame.width, frame.height, rate)
        if force_keyframe:
            frame.pict_type = av.video.frame.PictureType.I
        data = b"".join(bytes(packet) for packet in self.codec.encode(frame))
        payloads = self._packetize(data, self.picture_id)
        assert frame.pts is not None
        assert frame.time_base is not None
        timestamp = convert_timebase(frame.pts, frame.time_base, VIDEO_TIME_BASE)
        self.picture_id = (self.picture_id + 1) % (1 << 15)
        return payloads, timestamp

    @staticmethod
    def _open(width: int, height: int, rate: int) -> VideoCodecContext:
        codec = av.CodecContext.create("libvpx", "w")
        assert isinstance(codec, VideoCodecContext)
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.bit_rate = rate
        codec.gop_size = 3000  # key frames come on request
        codec.qmin, codec.qmax = 2, 56
        codec.options = {
            **OPTIONS,
            "bufsize": str(rate),
            "minrate": str(rate),
            "maxrate": str(rate),
        }
        codec.thread_count = vpx.number_of_threads(width * height, multiprocessing.cpu_count())
        return codec


def install(bits_per_second: int) -> None:
    """Encode video that this process sends with :class:`FaceVp8Encoder`, at up to this rate.

    aiortc has no setting for either, so its limits (module constants) and its choice of encoder
    are replaced. The receiver's own bandwidth estimate still lowers the rate.
    """
    vpx.DEFAULT_BITRATE = bits_per_second
    vpx.MAX_BITRATE = max(vpx.MAX_BITRATE, bits_per_second)

    def choose(codec: RTCRtpCodecParameters) -> Encoder:
        if codec.mimeType.lower() == "video/vp8":
            return FaceVp8Encoder()
        return get_encoder(codec)

    setattr(aiortc.rtcrtpsender, "get_encoder", choose)  # noqa: B010 (not exported)
