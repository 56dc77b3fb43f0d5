"""The examples run, as far as they go without a network."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import subprocess
import sys
import wave
from pathlib import Path
from types import ModuleType

import httpx
import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from visavis.conversation.llm_server import free_port

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.stem)
def test_each_is_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) < 100


@pytest.mark.weights
async def test_the_pipecat_example_shows_a_face_and_says_what_it_was_asked_to() -> None:
    port = free_port()
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, EXAMPLES / "pipecat_avatar.py", "--port", str(port)),
        *("--say", "Good morning."),
        stderr=asyncio.subprocess.DEVNULL,
    )
    peer = RTCPeerConnection()
    loud, sizes, spread = 0, set(), 0.0
    enough = asyncio.Event()

    async def hear(track) -> None:  # type: ignore[no-untyped-def]
        nonlocal loud
        with contextlib.suppress(MediaStreamError):
            while True:
                loud += int(np.abs((await track.recv()).to_ndarray().astype(int)).max() > 2000)
                if loud >= 20 and spread:
                    enough.set()

    async def see(track) -> None:  # type: ignore[no-untyped-def]
        nonlocal spread
        with contextlib.suppress(MediaStreamError):
            while True:
                picture = await track.recv()
                sizes.add((picture.width, picture.height))
                spread = float(picture.to_ndarray(format="gray").std())

    tasks = []
    peer.on(
        "track", lambda t: tasks.append(asyncio.ensure_future((hear, see)[t.kind == "video"](t)))
    )
    peer.addTransceiver("audio", direction="recvonly")
    peer.addTransceiver("video", direction="recvonly")
    channel = peer.createDataChannel("ping")  # Pipecat counts on signs of life
    try:
        await peer.setLocalDescription(await peer.createOffer())
        offer = {"sdp": peer.localDescription.sdp, "type": peer.localDescription.type}
        async with asyncio.timeout(60), httpx.AsyncClient() as client:
            while True:
                with contextlib.suppress(httpx.ConnectError):
                    assert "video" in (await client.get(f"http://127.0.0.1:{port}/")).text
                    break
                await asyncio.sleep(0.3)
            answer = (await client.post(f"http://127.0.0.1:{port}/offer", json=offer)).json()
        await peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
        async with asyncio.timeout(60):
            while not enough.is_set():
                if channel.readyState == "open":
                    channel.send("ping")
                await asyncio.sleep(0.5)
    finally:
        await peer.close()
        for task in tasks:
            task.cancel()
        server.terminate()
        await asyncio.wait_for(server.wait(), 30)
    assert (640, 360) in sizes
    assert spread > 20  # not one flat colour


def test_the_livekit_example_says_what_it_needs() -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIVEKIT")}
    done = subprocess.run(
        [sys.executable, EXAMPLES / "livekit_avatar.py", "--say", "x.wav"],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 1
    assert "LIVEKIT_URL" in done.stderr


async def test_the_livekit_example_speaks_once_it_is_in_a_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(
        "livekit.agents", reason="livekit-agents is not installed: make install-dev"
    )
    from livekit import rtc
    from livekit.agents.voice.avatar import AvatarRunner, QueueAudioOutput

    async def published(self: AvatarRunner) -> None:
        """Nobody is there to publish to."""
        self._video_publication = object()  # type: ignore[assignment]

    class Room(rtc.EventEmitter[str]):
        def isconnected(self) -> bool:
            return True

    monkeypatch.setattr(AvatarRunner, "_publish_track", published)
    monkeypatch.setenv("LIVEKIT_API_KEY", "devkey")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "secret" * 8)
    module = example("livekit_avatar")
    assert module.token("demo").count(".") == 2
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((2, 2, 44_100, 0, "NONE", ""))
        sound.writeframes(
            (np.random.default_rng(0).normal(0, 3000, 44_100)).astype("<i2").tobytes()
        )
    voice = QueueAudioOutput(sample_rate=24_000)
    finished = []
    voice.on("playback_finished", lambda e: finished.append(e))
    runner = await module.show(Room(), voice, "clara")
    async with asyncio.timeout(30):
        await module.say(str(path), voice)
    assert [e.interrupted for e in finished] == [False]
    assert finished[0].playback_position == pytest.approx(0.5, abs=0.02)
    await runner.aclose()
    await runner._video_gen.aclose()
