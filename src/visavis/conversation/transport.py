"""The WebRTC transport of a call: Pipecat's, with tracks of ours on the audio clock.

Pipecat's own video track queues without bound and stamps frames by the wall clock at a fixed
30 fps. Here the picture follows the sound: one :class:`PlayoutTrack` is the clock, the video
track takes its time stamps from it, and an interruption empties sound and face at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import fractions

import cv2
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.jitterbuffer import JitterBuffer
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InterruptionFrame,
    OutputAudioRawFrame,
    TTSAudioRawFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.base_transport import TransportParams
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pipecat.transports.smallwebrtc.transport import (
    SmallWebRTCClient,
    SmallWebRTCOutputTransport,
    SmallWebRTCTransport,
)

from visavis.conversation.face import Face
from visavis.conversation.listening import UserPausedFrame
from visavis.conversation.state_channel import StateChannel

VIDEO_CLOCK = 90_000


def hear_at_once(peer: RTCPeerConnection) -> None:
    """Take sound from the jitter buffer as soon as its packets are in order.

    aiortc holds four packets (80 ms) back, so that playing them does not stutter. Nothing is
    played here: late sound only delays the answer and the stop at an interruption.
    """
    for receiver in peer.getReceivers():
        if receiver.track is not None and receiver.track.kind == "audio":
            # There is no public setting.
            receiver._RTCRtpReceiver__jitter_buffer = JitterBuffer(capacity=16, prefetch=1)  # type: ignore[attr-defined]


class FaceVideoTrack(MediaStreamTrack):
    """The face as a video track; time stamps come from the audio clock."""

    kind = "video"

    def __init__(self, face: Face) -> None:
        super().__init__()
        self._face = face

    async def recv(self) -> VideoFrame:
        """The next picture, when it is due."""
        shown = await self._face.next_frame()
        if shown is None:
            raise MediaStreamError
        # OpenCV converts five times faster than the encoder would.
        planes = np.asarray(cv2.cvtColor(shown.image, cv2.COLOR_RGB2YUV_I420), np.uint8)
        frame = VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = round(shown.t * VIDEO_CLOCK)
        frame.time_base = fractions.Fraction(1, VIDEO_CLOCK)
        return frame


class _CallOutput(SmallWebRTCOutputTransport):
    """Shows the face what is said, and stops it when it is interrupted."""

    def __init__(self, client: SmallWebRTCClient, params: TransportParams, face: Face) -> None:
        super().__init__(client, params)
        self._face = face

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Queue speech for the network; returns once there is room for more."""
        if not self._client.is_connected or self._client.is_closing:
            return False
        await self._face.playout.write(frame.audio)
        return True

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Follow the state of the conversation."""
        if isinstance(frame, UserStartedSpeakingFrame):
            self._face.user_started()
        elif isinstance(frame, UserStoppedSpeakingFrame):
            self._face.user_stopped()
        elif isinstance(frame, UserPausedFrame):
            self._face.user_paused()
        await super().process_frame(frame, direction)

    async def push_frame(
        self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        """Follow the face's own speech, which this transport announces."""
        if isinstance(frame, BotStartedSpeakingFrame):
            self._face.speech_started()
        elif isinstance(frame, BotStoppedSpeakingFrame):
            self._face.speech_stopped()
        await super().push_frame(frame, direction)

    async def _handle_frame(self, frame: Frame) -> None:
        if isinstance(frame, TTSAudioRawFrame):
            self._face.hear(frame)
        await super()._handle_frame(frame)
        if isinstance(frame, InterruptionFrame):
            self._face.interrupt()


class CallTransport(SmallWebRTCTransport):
    """One person's connection: microphone and camera in, the face out.

    Args:
        connection: The peer connection, answered already.
        params: Pipecat's transport parameters; the output rate must be the playout's.
        face: What is shown and heard.
        in_browser: Whether the browser draws the face; pictures are not sent then.
    """

    def __init__(
        self,
        connection: SmallWebRTCConnection,
        params: TransportParams,
        face: Face,
        *,
        in_browser: bool = False,
    ) -> None:
        super().__init__(
            connection, params.model_copy(update={"video_out_enabled": not in_browser})
        )
        self._connection = connection
        self._face = face
        self._in_browser = in_browser
        self._states: asyncio.Task[None] | None = None

    def output(self) -> SmallWebRTCOutputTransport:
        """The output side of the pipeline."""
        if self._output is None:
            self._output = _CallOutput(self._client, self._params, self._face)
        return self._output

    async def _on_client_connected(self, webrtc_connection: SmallWebRTCConnection) -> None:
        hear_at_once(webrtc_connection.pc)
        # In place of the tracks that Pipecat has just put there.
        webrtc_connection.replace_audio_track(self._face.playout)
        if not self._in_browser:
            webrtc_connection.replace_video_track(FaceVideoTrack(self._face))
        elif self._states is None:
            states = StateChannel(self._face, webrtc_connection.pc)
            self._states = asyncio.create_task(states.run(), name="face-states")
        await super()._on_client_connected(webrtc_connection)  # type: ignore[no-untyped-call]

    async def draw_here(self) -> None:
        """The browser cannot draw the face any longer: send pictures from now on."""
        if not self._in_browser:
            return
        self._in_browser = False
        await self.stop_states()
        self._connection.replace_video_track(FaceVideoTrack(self._face))

    async def stop_states(self) -> None:
        """Send no more states."""
        states, self._states = self._states, None
        if states is not None:
            states.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await states
