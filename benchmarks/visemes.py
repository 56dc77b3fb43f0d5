"""How well, and at what cost, the mouth moves from sound alone, beside the plan from phonemes.

    python benchmarks/visemes.py [RECORDING …]

Voices that the network has not learned from say English and made-up words in the sounds of other
languages. "Closed" is a gap of 0.05 coefficients or less: 0.025 inter-ocular distances, as in
``visavis eval face``. By chance: the same measure a fifth of a second beside the sound.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from numpy.typing import NDArray

from visavis.animation.face_state import ARKIT_INDEX
from visavis.animation.from_audio import LOOK_AHEAD, AudioMotion
from visavis.animation.visemes import plan_speech
from visavis.media.spoken import SpokenAudio

CLOSED = 0.05
FPS = 100
PARTING = ("mouthFunnel", "mouthLowerDownLeft", "mouthUpperUpLeft", "mouthShrugUpper")
VOWELS = frozenset("aeiouyøœɛɪɔʊʌəɑæɯɤɨɐɜ")
ROUND = frozenset("uoyøwʊɔɥœ")

Array = NDArray[np.float64]


class Motion(Protocol):
    """What moves the mouth from sound."""

    def feed(self, samples: NDArray[np.int16]) -> None: ...

    def at(self, t: float) -> Array: ...


Make = Callable[[int], Motion]


def gap(values: Array) -> Array:
    """Opening of the lips in coefficients: jaw less mouthClose, plus what else parts them."""
    jaw = values[:, ARKIT_INDEX["jawOpen"]] - values[:, ARKIT_INDEX["mouthClose"]]
    return np.asarray(jaw + 0.3 * values[:, [ARKIT_INDEX[n] for n in PARTING]].sum(1))


def rounding(values: Array) -> Array:
    return np.asarray(values[:, ARKIT_INDEX["mouthFunnel"]] + values[:, ARKIT_INDEX["mouthPucker"]])


def follow(make: Make, audio: NDArray[np.int16], rate: int) -> Array:
    """The mouth for a sound that arrives in pieces of 20 ms, ``(n, 53)`` at :data:`FPS`."""
    motion, size, rows = make(rate), rate // 50, []
    for i in range(0, len(audio), size):
        motion.feed(audio[i : i + size])
        end = min(i + size, len(audio)) / rate - LOOK_AHEAD - 0.011
        while len(rows) / FPS <= end:
            rows.append(motion.at(len(rows) / FPS))
    while len(rows) / FPS < len(audio) / rate:
        rows.append(motion.at(len(rows) / FPS))
    return np.array(rows)


def judge(make: Make, said: list[SpokenAudio]) -> dict[str, float]:
    """Measures against the plans of utterances with known phonemes."""
    found: dict[str, list[Array]] = {}

    def note(name: str, values: Array | list[float]) -> None:
        found.setdefault(name, []).append(np.asarray(values, float))

    for spoken in said:
        pause = np.zeros(spoken.sample_rate // 2, np.int16)
        rows = follow(make, np.concatenate([spoken.audio, pause]), spoken.sample_rate)
        track = plan_speech(spoken).track
        plan = np.array([track.at(i / FPS) for i in range(len(rows))])
        mine, theirs = gap(rows), gap(plan)
        shut = mine <= CLOSED

        def near(t: float, shut: NDArray[np.bool_] = shut) -> float:
            i = round(t * FPS)
            return float(shut[max(i - 4, 0) : i + 5].any())

        for p in spoken.phones:
            middle = p.start + 0.35 * (p.end - p.start)
            if p.ipa[:1] in ("p", "b", "m"):
                note("closure of /p b m/ within 40 ms", [near(middle)])
                note("  by chance", [near(middle - 0.2), near(middle + 0.2)])
            elif p.ipa[:1] in VOWELS and p.end - p.start > 0.06:
                i = round((p.start + p.end) / 2 * FPS)
                if theirs[i] > 0.15:
                    note("vowels shut by mistake", [float(shut[i])])
                kind = "rounded" if p.ipa[:1] in ROUND else "other"
                note(f"rounding in {kind} vowels", [rounding(rows)[i]])
        for name, measure in (("opening", gap), ("rounding", rounding)):
            note(f"{name}: mine", measure(rows))
            note(f"{name}: plan", measure(plan))
        rest = np.convolve(theirs > 0.005, np.ones(11), mode="same") == 0
        note("closed in silence, 50 ms from speech", shut[rest])
    out = {k: float(np.concatenate(v).mean()) for k, v in found.items() if ":" not in k}
    for name in ("opening", "rounding"):
        a, b = (np.concatenate(found[f"{name}: {who}"]) for who in ("mine", "plan"))
        out[f"{name}: correlation with the plan"] = float(np.corrcoef(a, b)[0, 1])
        out[f"{name}: mean, of the plan's"] = float(a.mean() / b.mean())
    shifts = range(-15, 16)
    a, b = (np.concatenate(found[f"opening: {who}"]) for who in ("mine", "plan"))
    best = max(shifts, key=lambda s: np.corrcoef(np.roll(a, -s), b)[0, 1])
    out["opening: behind the plan, ms"] = best * 1000 / FPS
    return out


def listen(make: Make, audio: NDArray[np.int16], rate: int) -> dict[str, float]:
    """Measures of a recording of which nothing is known but its sound."""
    rows = gap(follow(make, audio, rate))
    size = rate // FPS
    blocks = audio[: len(audio) // size * size].reshape(-1, size).astype(float)
    level = 10 * np.log10((blocks**2).mean(1) + 1.0)
    level = np.convolve(level, np.hanning(8)[1:-1] / np.hanning(8).sum(), mode="same")
    n = min(len(level), len(rows))
    level, rows = level[:n], rows[:n]
    loud = np.percentile(level, 95)
    quiet = level < max(loud - 30, np.percentile(level, 2) + 6)
    # a quarter of a second of quiet, without its first and last tenth
    steps = np.diff(np.concatenate([[0], quiet.astype(int), [0]]))
    runs = zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)
    silent = np.zeros(n, bool)
    for a, b in runs:
        if b - a >= 25:
            silent[a + 12 : b - 10] = True
    voiced = level > loud - 20
    heard = np.maximum(level, loud - 35)
    beside = [np.corrcoef(np.roll(rows, s), heard)[0, 1] for s in (-60, -40, 40, 60)]
    return {
        "seconds": n / FPS,
        "correlation with loudness": float(np.corrcoef(rows, heard)[0, 1]),
        "  0.4 s and more beside it": float(max(beside)),
        "closed in silence": float((rows[silent] <= CLOSED).mean()) if silent.any() else np.nan,
        "seconds of silence": silent.sum() / FPS,
        "open while loud": float((rows[voiced] > CLOSED).mean()),
        "closings a second of speech": float(
            (np.diff((rows <= CLOSED).astype(int)) == 1).sum() / max(voiced.sum() / FPS, 1)
        ),
    }


def read(path: Path) -> tuple[NDArray[np.int16], int]:
    """The sound of a file, mono."""
    with av.open(str(path)) as file:
        rate = file.streams.audio[0].rate
        mono = av.AudioResampler("s16", "mono", rate)
        parts = [f.to_ndarray()[0] for raw in file.decode(audio=0) for f in mono.resample(raw)]
    return np.concatenate(parts), int(rate)


def cost(seconds: float = 30.0, rate: int = 24_000) -> None:
    """A voice arriving in pieces of 20 ms, and all at once."""
    audio = np.random.default_rng(0).normal(0, 3000, int(seconds * rate)).astype(np.int16)
    for piece in (rate // 50, rate // 10, 10 * rate):
        motion = AudioMotion(rate)
        begun = time.thread_time()
        for i in range(0, len(audio), piece):
            motion.feed(audio[i : i + piece])
        share = (time.thread_time() - begun) / seconds
        print(f"in pieces of {piece / rate * 1000:.0f} ms: {share:.2%} of a core")


def held_out() -> dict[str, list[SpokenAudio]]:
    """What voices it has not learned from say, by language."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
    from audio_visemes_data import HELD_OUT, INVENTORIES, babble, merged

    from visavis.evaluation.face.performance import SCRIPT
    from visavis.speech.kokoro import Kokoro

    said: dict[str, list[SpokenAudio]] = {"english": []} | {k: [] for k in INVENTORIES}
    rng = np.random.default_rng(77)
    for name in HELD_OUT:
        voice = Kokoro(name, threads=1)
        said["english"] += [merged(voice.synthesize(text)) for text in SCRIPT]
        for language in INVENTORIES:
            said[language] += [merged(voice.say_phonemes(babble(rng, language))) for _ in range(2)]
        voice.close()
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", nargs="*", type=Path)
    args = parser.parse_args()
    cost()
    print(f"look-ahead: {LOOK_AHEAD * 1000:.0f} ms")
    said = held_out()
    foreign = [s for k, v in said.items() if k != "english" for s in v]
    report({"english": judge(AudioMotion, said["english"]), "others": judge(AudioMotion, foreign)})
    report({k: judge(AudioMotion, v) for k, v in said.items() if k != "english"})
    if args.recordings:
        report({p.name: listen(AudioMotion, *read(p)) for p in args.recordings})


def report(columns: dict[str, dict[str, float]]) -> None:
    """Side by side."""
    print("\n" + " " * 36 + "".join(f"{name[:16]:>17}" for name in columns))
    for row in next(iter(columns.values())):
        print(f"{row:36}" + "".join(f"{c.get(row, np.nan):17.3f}" for c in columns.values()))


if __name__ == "__main__":
    main()
