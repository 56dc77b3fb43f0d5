"""The playout is the clock: order, gaps, clearing, and where the speech is."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from visavis.conversation.playout import PTIME, QUEUE, PlayoutTrack

RATE = 24_000
CHUNK = RATE // 25  # 40 ms


def tone(index: int, samples: int = CHUNK) -> bytes:
    """A chunk that can be told from every other."""
    return np.full(samples, 1000 + index, np.int16).tobytes()


async def pull(track: PlayoutTrack, frames: int) -> np.ndarray:
    return np.concatenate([(await track.recv()).to_ndarray()[0] for _ in range(frames)])


async def test_silence_goes_out_when_there_is_nothing_to_say() -> None:
    track = PlayoutTrack(RATE)
    assert not (await pull(track, 5)).any()
    assert track.spoken == 0.0
    assert track.speech_at(track.clock()) is None


async def test_speech_goes_out_whole_and_in_order() -> None:
    track = PlayoutTrack(RATE)

    async def feed() -> None:
        for i in range(10):
            await track.write(tone(i))

    feeder = asyncio.create_task(feed())
    heard = await pull(track, 30)
    await feeder
    values = heard[heard > 0]
    assert len(values) == 10 * CHUNK
    assert (np.diff(values) >= 0).all()
    assert track.spoken == pytest.approx(0.4)


async def test_frames_are_stamped_on_one_even_clock() -> None:
    track = PlayoutTrack(RATE)
    frames = [await track.recv() for _ in range(20)]
    stamps = [float(f.pts * f.time_base) for f in frames]
    assert np.allclose(np.diff(stamps), PTIME)
    assert track.clock() == pytest.approx(stamps[-1], abs=2 * PTIME)


async def test_writing_waits_while_the_queue_is_full() -> None:
    track = PlayoutTrack(RATE)
    written = 0

    async def feed() -> None:
        nonlocal written
        for i in range(50):
            await track.write(tone(i))
            written += 1

    feeder = asyncio.create_task(feed())
    await asyncio.sleep(0.05)
    assert written * 0.04 <= QUEUE + 0.04
    feeder.cancel()


async def test_clear_leaves_silence_at_once() -> None:
    track = PlayoutTrack(RATE)
    for i in range(3):
        await track.write(tone(i))
    await pull(track, 2)
    before = track.spoken
    track.clear()
    assert not (await pull(track, 3)).any()
    assert track.spoken == before
    assert not track.speaking


async def test_speech_position_follows_the_sound() -> None:
    track = PlayoutTrack(RATE)
    await pull(track, 5)  # 100 ms of silence first
    for i in range(3):
        await track.write(tone(i))
    await pull(track, 4)  # 80 ms of speech
    start = 5 * PTIME
    assert track.speech_at(start - 0.01) is None
    for offset in (0.0, 0.013, 0.05, 0.079):
        assert track.speech_at(start + offset) == pytest.approx(offset, abs=1e-6)
    # And a little into what is queued but not sent yet.
    assert track.speech_at(start + 0.09) == pytest.approx(0.09, abs=1e-6)


async def test_a_stall_is_skipped_not_caught_up() -> None:
    track = PlayoutTrack(RATE)
    await pull(track, 2)
    assert track._start is not None
    track._start -= 2.0  # as if nobody had asked for two seconds
    loop = asyncio.get_running_loop()
    began = loop.time()
    await pull(track, 10)
    assert loop.time() - began > 8 * PTIME
    assert track.stalls == 1
