"""A face in a LiveKit room, for an agent that sends it its voice.

    pip install "visavis[livekit]"
    livekit-server --dev     # or any other; its address and keys:
    export LIVEKIT_URL=ws://localhost:7880 LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=secret
    python examples/livekit_avatar.py --room demo --say speech.wav

Joins the room as a participant with a picture and a voice, and says a WAV file. With ``--agent
IDENTITY`` instead it says what the agent of that identity sends over LiveKit's data stream, as the
avatar services do (on the agent's side, ``DataStreamAudioOutput`` with ``face`` as destination).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import wave

from livekit import api, rtc
from livekit.agents.voice.avatar import (
    AudioReceiver,
    AvatarRunner,
    DataStreamAudioReceiver,
    QueueAudioOutput,
)

from visavis.integrations.livekit import VisavisVideoGenerator
from visavis.rendering.painters import open_painter
from visavis.replicas.catalog import load_replica


def token(room: str) -> str:
    """Leave to join, from the keys in the environment."""
    grants = api.VideoGrants(room_join=True, room=room)
    return api.AccessToken().with_identity("face").with_grants(grants).to_jwt()


async def say(path: str, to: QueueAudioOutput) -> None:
    """Send a WAV file as an agent's voice would be."""
    with wave.open(path) as sound:
        if sound.getsampwidth() != 2:
            raise ValueError(f"{path} is not 16-bit PCM")
        rate, channels = sound.getframerate(), sound.getnchannels()
        while data := sound.readframes(rate // 20):
            samples = len(data) // 2 // channels
            await to.capture_frame(rtc.AudioFrame(data, rate, channels, samples))
    to.flush()
    await to.wait_for_playout()


async def show(room: rtc.Room, voice: AudioReceiver, replica: str) -> AvatarRunner:
    """Put the face into the room."""
    painter = open_painter(load_replica(replica), (1280, 720))
    generator = VisavisVideoGenerator(painter, sample_rate=24_000, fps=25)
    runner = AvatarRunner(
        room, audio_recv=voice, video_gen=generator, options=generator.options, _lazy_publish=False
    )
    await runner.start()
    return runner


async def main(args: argparse.Namespace) -> None:
    """Join, show the face, speak."""
    room = rtc.Room()
    await room.connect(os.environ["LIVEKIT_URL"], token(args.room))
    try:
        if args.agent:
            await show(
                room, DataStreamAudioReceiver(room, sender_identity=args.agent), args.replica
            )
            await asyncio.Event().wait()
        voice = QueueAudioOutput(sample_rate=24_000)
        await show(room, voice, args.replica)
        await say(args.say, voice)
    finally:
        await room.disconnect()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--room", default="demo")
    parser.add_argument("--replica", default="clara", help="a name or a bundle")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--say", metavar="WAV", help="a 16-bit PCM file")
    what.add_argument("--agent", metavar="IDENTITY", help="whose voice to give a face")
    arguments = parser.parse_args()
    if "LIVEKIT_URL" not in os.environ:
        sys.exit("Set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET.")
    asyncio.run(main(arguments))
