"""What animation costs: planning an utterance, and making one state.

python benchmarks/animation.py
"""

from __future__ import annotations

import time

import numpy as np

from visavis.animation.animator import Animator
from visavis.animation.face_state import STATE_RATE
from visavis.animation.visemes import plan_speech
from visavis.animation.wire import encode
from visavis.media.spoken import Phone, SpokenAudio

RATE = 24_000
SYMBOLS = [*"həl", "oʊ", "m", "aɪ", "n", "eɪ", *"mɪzklɛɹəpbf", "uː", *"stʃ"]


def utterance(seconds: float) -> SpokenAudio:
    """Running speech at 12 phones a second."""
    count = int(seconds * 12)
    phones = [
        Phone(SYMBOLS[i % len(SYMBOLS)], 0.1 + i / 12, 0.1 + (i + 1) / 12, i % 3 == 0)
        for i in range(count)
    ]
    audio = np.random.default_rng(0).normal(0, 2000, int((seconds + 0.3) * RATE)).astype(np.int16)
    return SpokenAudio(audio, RATE, tuple(phones))


def median_ms(times: list[float]) -> str:
    return f"median {np.median(times) * 1e3:.3f} ms, p95 {np.percentile(times, 95) * 1e3:.3f} ms"


def main() -> None:
    spoken = utterance(10)
    plan_speech(spoken)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        plan_speech(spoken)
        times.append(time.perf_counter() - start)
    print(f"plan 10 s of speech: {median_ms(times)}")

    face = Animator(seed=1)
    face.set_mode("speaking")
    for i in range(6):
        face.say(spoken, at=i * spoken.duration)
    times, sent = [], []
    for i in range(60 * STATE_RATE):
        start = time.perf_counter()
        state = face.state(i / STATE_RATE, i / STATE_RATE)
        times.append(time.perf_counter() - start)
        start = time.perf_counter()
        encode(state)
        sent.append(time.perf_counter() - start)
    share = 100 * STATE_RATE * float(np.median(times))
    print(f"one state: {median_ms(times)}; {share:.1f} % of a core at {STATE_RATE} a second")
    print(f"one message: {median_ms(sent)}")


if __name__ == "__main__":
    main()
