"""A face that the browser draws: its states, over a data channel of their own."""

from __future__ import annotations

import asyncio

from aiortc import RTCPeerConnection, RTCRtpSender

from visavis.animation import wire
from visavis.animation.face_state import STATE_RATE
from visavis.conversation.face import Face
from visavis.conversation.playout import PTIME

LABEL = "face"
#: Ticks of the Opus RTP clock in a second (RFC 7587).
RTP_RATE = 48_000
#: States in a message. Each packet costs as much as making a few states, so some go together, made
#: that much before their time: none comes later for it.
TOGETHER = 4
#: Bytes waiting for the network above which states are left out: late ones are of no use.
MAX_WAITING = 4 * TOGETHER * wire.SIZE
#: Seconds between looks for the first packet of sound.
LOOK = 0.02


def rtp_origin(sender: RTCRtpSender) -> int | None:
    """The RTP time stamp of the first sample of a sender's track; None before it was sent.

    aiortc begins at a random number that it tells nobody. Packets are of one length and none is
    left out, so the newest stamp and the count of packets lead back to it.
    """
    sent = int(sender._RTCRtpSender__packet_count)  # type: ignore[attr-defined]
    if sent == 0:
        return None
    newest = int(sender._RTCRtpSender__rtp_timestamp)  # type: ignore[attr-defined]
    return (newest - (sent - 1) * round(PTIME * RTP_RATE)) % (1 << 32)


class StateChannel:
    """Sends the states of a face as :mod:`visavis.animation.wire` messages, 60 states a second.

    Messages are neither ordered nor sent again. A state leaves with its sound, which then waits in
    the browser's jitter buffer: the browser has a state before its sound is audible. To know when
    that is it compares RTP time stamps; the one of time 0 is the channel's protocol, in decimal.

    Args:
        face: Whose states.
        peer: A connection whose first transceiver sends the face's sound.
    """

    def __init__(self, face: Face, peer: RTCPeerConnection) -> None:
        self._face = face
        self._peer = peer
        #: States sent, and states left out because the network was full.
        self.sent = 0
        self.dropped = 0

    async def run(self) -> None:
        """Send until the channel closes or the task is cancelled."""
        sender = self._peer.getTransceivers()[0].sender
        while (origin := rtp_origin(sender)) is None:
            await asyncio.sleep(LOOK)
        channel = self._peer.createDataChannel(
            LABEL, ordered=False, maxRetransmits=0, protocol=str(origin)
        )
        try:
            while channel.readyState in ("connecting", "open"):
                await asyncio.sleep(TOGETHER / STATE_RATE)
                states = self._face.due_states(TOGETHER / STATE_RATE)
                if channel.readyState != "open" or not states:
                    continue
                if channel.bufferedAmount > MAX_WAITING:
                    self.dropped += len(states)
                    continue
                channel.send(b"".join(wire.encode(state) for state in states))
                self.sent += len(states)
        finally:
            channel.close()
