"""How fast the voice speaks: the published Kokoro graph and ours, side by side in one run.

python benchmarks/voices.py [--threads 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import onnxruntime

from visavis import models
from visavis.evaluation.machine import machine_facts
from visavis.speech.g2p import read_aloud
from visavis.speech.kokoro import Kokoro

TEXTS = (
    "You can drive again,",
    "Keep the wound dry for two days.",
    "You may eat light meals today and normal food from tomorrow.",
)
ROUNDS = 5


class Published:
    """The graph as it is published, run on the tokens that ours runs on."""

    def __init__(self, ours: Kokoro, threads: int) -> None:
        self._ours = ours
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        file = models.path("tts-kokoro") / "kokoro-v1.0.int8.onnx"
        self._session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )

    def synthesize(self, text: str) -> None:
        """Run the graph; what comes out is not used."""
        said = self._ours._english.pronounce_words(read_aloud(text))
        ids = [self._ours._vocab[c] for c in said.phonemes if c in self._ours._vocab]
        self._session.run(
            None,
            {
                "tokens": np.array([[0, *ids, 0]], np.int64),
                "style": self._ours._style[len(ids)],
                "speed": np.ones(1, np.float32),
            },
        )


def main() -> None:
    """Time both in turn, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    ours = Kokoro(threads=args.threads)
    published = Published(ours, args.threads)
    result = []
    print(f"{'text':62}{'sound s':>8}{'published s':>12}{'ours s':>8}{'ratio':>7}")
    for text in TEXTS:
        seconds = ours.synthesize(text).duration
        published.synthesize(text)
        times: dict[str, list[float]] = {"published": [], "ours": []}
        for _ in range(ROUNDS):
            for name, voice in (("published", published), ("ours", ours)):
                begin = time.perf_counter()
                voice.synthesize(text)
                times[name].append(time.perf_counter() - begin)
        before, now = (float(np.median(times[n])) for n in ("published", "ours"))
        result.append({"text": text, "sound_s": seconds, "published_s": before, "ours_s": now})
        print(f"{text:62}{seconds:8.2f}{before:12.3f}{now:8.3f}{before / now:7.2f}")
    if args.json:
        facts = {"machine": machine_facts(), "threads": args.threads, "texts": result}
        args.json.write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
