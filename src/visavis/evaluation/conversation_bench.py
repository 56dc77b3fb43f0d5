"""``visavis bench conversation``: a caller asks recorded questions and measures what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import httpx
import numpy as np
import psutil
import soxr
from av import VideoFrame
from numpy.typing import NDArray

from visavis.animation.animator import Animator
from visavis.config import LocalTTS, Settings
from visavis.conversation.llm_server import free_port
from visavis.evaluation.call_client import MIC_RATE, Call, CallError, Seen, call
from visavis.evaluation.lipsync import Lag, common_clock, lag
from visavis.evaluation.machine import machine_facts
from visavis.faces import FaceTracker, mouth_opening
from visavis.media.spoken import SpokenAudio
from visavis.rendering.painters import open_painter
from visavis.replicas.catalog import load_replica
from visavis.speech import Synthesizer, open_synthesizer

#: Questions to the discharge guide, and what the answer must contain.
QUESTIONS: tuple[tuple[str, str], ...] = (
    ("When can I drive again after the sedation?", r"24|twenty.?four"),
    ("At what temperature should I call you?", r"38\.5|thirty.?eight point five"),
    ("How often may I take the ibuprofen?", r"(8|eight) hours"),
    ("How long must I keep the wound dry?", r"48|forty.?eight"),
    ("What number can I call at night?", r"555|five five five"),
    ("When are the stitches taken out?", r"10|ten"),
    ("How many tablets can I take in a day?", r"three|3"),
    ("What may I eat today?", r"light"),
    ("How long should I rest?", r"(two|2) days"),
    ("When is my follow up visit?", r"(two|2) weeks"),
)
#: Asks for the longest answer, to be cut off.
LONG_QUESTION = "Please tell me everything about how to care for the wound."
INTERRUPTION = "Wait, wait, one moment please."
#: Pictures are kept at this width, enough to track a mouth on.
KEEP_WIDTH = 640


@dataclass(slots=True)
class Turn:
    """One question and what came of it; times are monotonic seconds."""

    question: str
    spoke_until: float
    heard_from: float
    heard_until: float
    pause: float  # the longest inside the answer, s
    correct: bool | None
    split: dict[str, float] = field(default_factory=dict)

    @property
    def latency(self) -> float:
        """End of the question → first audible sound of the answer."""
        return self.heard_from - self.spoke_until


@dataclass(slots=True)
class BargeIn:
    """One interruption: how long sound and mouth went on, s."""

    sound: float
    mouth: float | None


@dataclass(slots=True)
class Load:
    """What the server used while it held the call."""

    cpu_percent: float  # 100 is one core
    rss_bytes: int


def _voice_for_questions(avoid: str) -> Synthesizer:
    """A voice that is not the face's own."""
    names = ["piper:joe", "kokoro:jm_kumo"]
    for name in names:
        if name != avoid:
            with contextlib.suppress(Exception):
                return open_synthesizer(name)
    return open_synthesizer(avoid)


def _keep(frame: VideoFrame) -> NDArray[np.uint8]:
    """A small JPEG of the picture; raw pictures of a long call would fill the memory."""
    height = round(KEEP_WIDTH * frame.height / frame.width / 2) * 2
    rgb = frame.reformat(width=KEEP_WIDTH, height=height, format="bgr24").to_ndarray()
    encoded: NDArray[np.uint8] = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    return encoded


def _mouths(seen: Sequence[Seen]) -> NDArray[np.float64]:
    """Inner-lip opening in each kept picture, in inter-ocular distances; NaN where no face is."""
    tracker = FaceTracker(static=False)
    openings = []
    for s in seen:
        bgr = cv2.imdecode(s.picture, cv2.IMREAD_COLOR)
        assert bgr is not None
        faces = tracker.detect(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8))
        openings.append(mouth_opening(faces[0].points) if faces else np.nan)
    return np.asarray(openings, np.float64)


@contextlib.asynccontextmanager
async def own_server(verbose: bool) -> AsyncIterator[tuple[str, psutil.Process]]:
    """A server of our own on a free port, with the settings in force."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "visavis.cli", "up", "--port", str(port)),
        stdout=None if verbose else asyncio.subprocess.DEVNULL,
        stderr=None if verbose else asyncio.subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(240), httpx.AsyncClient() as client:
            while True:
                if process.returncode is not None:
                    raise CallError("The server did not start; `visavis up` says why.")
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(f"{url}/api/status")).json()["ready"]:
                        break
                await asyncio.sleep(0.3)
        yield url, psutil.Process(process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 30)
        except TimeoutError:
            process.kill()


def _tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu_seconds(process: psutil.Process) -> float:
    total = 0.0
    for p in _tree(process):
        with contextlib.suppress(psutil.Error):
            t = p.cpu_times()
            total += t.user + t.system
    return total


def _rss(process: psutil.Process) -> int:
    total = 0
    for p in _tree(process):
        with contextlib.suppress(psutil.Error):
            total += p.memory_info().rss
    return total


async def run(
    settings: Settings,
    *,
    turns: int,
    url: str | None,
    barge_ins: int,
    verbose: bool,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Hold the call and return everything measured, ready for JSON.

    Args:
        settings: In force here, used for the reference rendering.
        turns: Questions to ask.
        url: A running server; None starts one.
        barge_ins: Interruptions to make.
        verbose: Let the server's log through.
        progress: Told what is going on.

    Raises:
        CallError: the call could not be made.
    """
    face_voice = _face_voice(settings)
    voice = _voice_for_questions(face_voice)
    loop = asyncio.get_running_loop()

    async def spoken(text: str) -> NDArray[np.int16]:
        speech = await loop.run_in_executor(None, voice.synthesize, text)
        wide = soxr.resample(speech.audio, speech.sample_rate, MIC_RATE)
        return np.concatenate([np.asarray(wide, np.int16), np.zeros(MIC_RATE // 5, np.int16)])

    texts = {q for q, _ in QUESTIONS[:turns]} | {LONG_QUESTION, INTERRUPTION}
    recordings = {text: await spoken(text) for text in texts}
    async with contextlib.AsyncExitStack() as stack:
        process = None
        address = url or ""
        if url is None:
            progress("starting a server …")
            address, process = await stack.enter_async_context(own_server(verbose))
        async with call(address, keep=_keep) as running:
            began = time.monotonic()
            greeting = await running.wait_sound(began, 30)
            await running.wait_silent(1.0, 30)
            cpu, since = (_cpu_seconds(process) if process else 0.0), time.monotonic()
            asked = []
            for i in range(turns):
                question, fact = QUESTIONS[i % len(QUESTIONS)]
                asked.append(await _ask(running, question, fact, recordings[question]))
                progress(f"{i + 1}/{turns}  {asked[-1].latency:.2f} s  {question}")
            cut = []
            for i in range(barge_ins):
                cut.append(await _barge_in(running, recordings))
                progress(f"interruption {i + 1}/{barge_ins}  {cut[-1][1] - cut[-1][0]:.2f} s")
            ended = time.monotonic()
            load = None
            if process is not None:
                used = 100 * (_cpu_seconds(process) - cpu) / (ended - since)
                load = Load(used, _rss(process))
    progress("tracking the mouth in the received pictures …")
    mouths = await asyncio.to_thread(_mouths, running.seen)
    progress("rendering the reference …")
    offsets = await asyncio.to_thread(_offsets, settings, running, mouths, asked)
    interruptions = [_describe_barge_in(running, mouths, *c) for c in cut]
    return _report(running, asked, interruptions, offsets, load, began, ended, greeting)


def _face_voice(settings: Settings) -> str:
    if isinstance(settings.tts, LocalTTS):
        return settings.tts.voice or settings.persona.voice
    return settings.persona.voice


async def _ask(running: Call, question: str, fact: str, recording: NDArray[np.int16]) -> Turn:
    before = len(running.server_messages("latency"))
    asked_at = time.monotonic()
    _, until = await running.microphone.say(recording)
    first = await running.wait_sound(until, 30)
    await running.wait_answered(first, 60)
    last = running.last_sound_between(first, time.monotonic()) or first
    splits = running.server_messages("latency")[before:]
    said = _said_since(running, asked_at)
    correct = bool(re.search(fact, said, re.IGNORECASE))
    split = {k: v for k, v in splits[-1].items() if k != "type"} if splits else {}
    pause = running.longest_silence(first, last)
    return Turn(question, until, first, last, pause, correct, split)


def _said_since(running: Call, moment: float) -> str:
    words = []
    for at, message in running.messages:
        if at >= moment and message.get("type") == "bot-tts-text":
            words.append(str(message.get("data", {}).get("text", "")))
    return " ".join(words)


async def _barge_in(running: Call, recordings: dict[str, NDArray[np.int16]]) -> tuple[float, float]:
    """Cut a long answer short; the times of the interruption and of the last sound after it."""
    _, until = await running.microphone.say(recordings[LONG_QUESTION])
    first = await running.wait_sound(until, 30)
    await asyncio.sleep(max(0.0, first + 1.2 - time.monotonic()))
    begin, _ = await running.microphone.say(recordings[INTERRUPTION])
    # The answer to the interruption comes later; a gap of 0.3 s separates the two.
    last = begin
    for frame in running.heard:
        if frame.at < begin:
            continue
        if frame.rms > 0.0025:
            if frame.at - last > 0.3:
                break
            last = frame.at + len(frame.samples) / frame.rate
    await running.wait_answered(begin + 1.0, 60)
    return begin, last


def _describe_barge_in(
    running: Call, mouths: NDArray[np.float64], begin: float, last_sound: float
) -> BargeIn:
    times = np.array([s.at for s in running.seen])
    resting = float(np.nanquantile(mouths, 0.1))
    closed = (times >= begin) & (mouths <= resting + 0.02)
    # Closed, and closed for the next 200 ms too: not merely between two syllables.
    for i in np.flatnonzero(closed):
        near = (times >= times[i]) & (times <= times[i] + 0.2)
        if np.nanmax(mouths[near]) <= resting + 0.03:
            return BargeIn(last_sound - begin, float(times[i] - begin))
    return BargeIn(last_sound - begin, None)


def _offsets(
    settings: Settings, running: Call, mouths: NDArray[np.float64], asked: list[Turn]
) -> list[tuple[float, float]]:
    """(time, picture behind sound in s) for every answer long enough to tell."""
    reference = _reference_lag(settings)
    if reference is None:
        return []
    heard, seen = running.heard, running.seen
    sound_clock = common_clock(
        np.array([h.arrived for h in heard]), np.array([h.pts for h in heard])
    )
    picture_clock = common_clock(
        np.array([s.arrived for s in seen]), np.array([s.pts for s in seen])
    )
    good = np.isfinite(mouths)
    found = []
    for turn in asked:
        begin, end = turn.heard_from - 1.0, turn.heard_until + 1.0
        s = [i for i, h in enumerate(heard) if begin <= h.at <= end]
        v = np.array([i for i, p in enumerate(seen) if begin <= p.at <= end and good[i]])
        if not s or len(v) < 25:
            continue
        samples = np.concatenate([heard[i].samples for i in s])
        live = lag(picture_clock[v], mouths[v], samples, heard[s[0]].rate, sound_clock[s[0]])
        if live is not None and live.correlation > 0.4:
            found.append((turn.heard_from, live.seconds - reference.seconds))
    return found


def _reference_lag(settings: Settings) -> Lag | None:
    """The natural lag of this face and voice, from picture and sound aligned by construction."""
    voice = open_synthesizer(_face_voice(settings))
    replica = load_replica(settings.face.replica or settings.persona.replica)
    painter = open_painter(replica, size=(settings.face.width, settings.face.height))
    tracker = FaceTracker(static=False)
    animator = Animator(seed=1)
    texts = (
        "You can take one tablet every eight hours with food, at most three tablets a day.",
        "Please call the clinic if your temperature is above thirty eight point five degrees.",
        "Keep the wound dry for two days; after that you may have a shower again.",
    )
    sounds, times, mouths, at = [], [], [], 0.0
    for text in texts:
        speech: SpokenAudio = voice.synthesize(text)
        pad = np.zeros(speech.sample_rate // 2, np.int16)
        sounds.append(np.concatenate([speech.audio, pad]))
        for state in animator.motion(speech)[::2]:
            picture = painter.paint(state)
            height = KEEP_WIDTH * picture.shape[0] // picture.shape[1]
            small = cv2.resize(picture, (KEEP_WIDTH, height))
            faces = tracker.detect(np.asarray(small, np.uint8))
            if faces:
                times.append(at + state.t)
                mouths.append(mouth_opening(faces[0].points))
        at += len(sounds[-1]) / speech.sample_rate
    return lag(np.array(times), np.array(mouths), np.concatenate(sounds), speech.sample_rate, 0.0)


def _quantiles(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    p50, p95 = np.quantile(values, [0.5, 0.95])
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3), "n": len(values)}


def _report(
    running: Call,
    asked: list[Turn],
    interruptions: list[BargeIn],
    offsets: list[tuple[float, float]],
    load: Load | None,
    began: float,
    ended: float,
    greeting: float,
) -> dict[str, Any]:
    parts = {
        name: _quantiles([t.split[name] for t in asked if name in t.split])
        for name in ("endpointing", "llm", "tts", "output")
    }
    parts["transport"] = _quantiles(
        [t.latency - t.split["total"] for t in asked if "total" in t.split]
    )
    seen = [s.at for s in running.seen if began + 2 <= s.at <= ended]
    gaps = np.diff(seen)
    drift = None
    if len(offsets) >= 4:
        times, values = np.array(offsets).T
        drift = float(np.polyfit(times / 60, values * 1000, 1)[0])
    return {
        "machine": machine_facts(),
        "turns": len(asked),
        "latency_s": _quantiles([t.latency for t in asked]),
        "split_s": parts,
        "pause_in_answer_s": _quantiles([t.pause for t in asked]),
        "correct_answers": sum(t.correct is True for t in asked),
        "greeting_s": round(greeting - began, 3),
        "barge_in_sound_s": _quantiles([b.sound for b in interruptions]),
        "barge_in_mouth_s": _quantiles([b.mouth for b in interruptions if b.mouth is not None]),
        "av_offset_ms": (
            None
            if not offsets
            else {
                "median": round(1000 * float(np.median([o for _, o in offsets])), 1),
                "worst": round(1000 * max((o for _, o in offsets), key=abs), 1),
                "n": len(offsets),
            }
        ),
        "av_drift_ms_per_min": None if drift is None else round(drift, 2),
        "fps": {
            "mean": round((len(seen) - 1) / (seen[-1] - seen[0]), 2) if len(seen) > 1 else 0.0,
            "gap_p95_ms": round(1000 * float(np.quantile(gaps, 0.95)), 1) if len(gaps) else None,
        },
        "server_cpu_percent": None if load is None else round(load.cpu_percent, 1),
        "server_rss_gib": None if load is None else round(load.rss_bytes / 2**30, 2),
        "each_turn": [
            {
                "question": t.question,
                "latency_s": round(t.latency, 3),
                "pause_s": round(t.pause, 3),
                "correct": t.correct,
                "split_s": t.split,
            }
            for t in asked
        ],
    }
