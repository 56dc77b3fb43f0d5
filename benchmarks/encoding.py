"""What it costs to encode the face for WebRTC, and how true the picture stays.

Compares aiortc's VP8 settings with ours on the same rendered frames, in turn, in one run.

    python benchmarks/encoding.py [--json FILE]
"""

from __future__ import annotations

import argparse
import fractions
import json
import time
from pathlib import Path

import av
import cv2
import numpy as np
from aiortc.codecs import vpx
from numpy.typing import NDArray

from visavis.animation.animator import Animator
from visavis.conversation.video_encoder import FaceVp8Encoder
from visavis.evaluation.machine import machine_facts
from visavis.rendering.painter import PortraitPainter
from visavis.replicas.catalog import load_stock

FRAMES, FPS, RATE = 100, 25, 2_500_000
FACE = (slice(150, 600), slice(400, 880))  # where the truth of the picture matters


def frames() -> list[NDArray[np.uint8]]:
    """A listening face at 1280×720."""
    painter = PortraitPainter(load_stock(), size=(1280, 720))
    animator = Animator(seed=3)
    animator.set_mode("listening")
    return [painter.paint(animator.state(i / FPS, None)).copy() for i in range(FRAMES)]


def measure(
    encoder: vpx.Vp8Encoder, pictures: list[NDArray[np.uint8]], fast: bool
) -> dict[str, float]:
    """Milliseconds, kbit/s and PSNR (dB, face region) of one encoder."""
    encoder.target_bitrate = RATE
    decoder = av.CodecContext.create("vp8", "r")
    spent, size, truth = [], 0, []
    for i, picture in enumerate(pictures):
        begin = time.perf_counter()
        if fast:
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        else:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.time_base = fractions.Fraction(1, 90_000)
        frame.pts = i * 90_000 // FPS
        payloads, _ = encoder.encode(frame)
        spent.append(time.perf_counter() - begin)
        data = b"".join(vpx.vp8_depayload(p) for p in payloads)
        size += len(data)
        for decoded in decoder.decode(av.Packet(data)):
            if i % 10 == 9:
                error = decoded.to_ndarray(format="rgb24")[FACE].astype(float) - picture[FACE]
                truth.append(10 * np.log10(255**2 / (error**2).mean()))
    return {
        "ms": round(1000 * float(np.median(spent[5:])), 2),
        "kbit_s": round(size * 8 / (FRAMES / FPS) / 1000),
        "psnr_db": round(float(np.mean(truth)), 1),
    }


def main() -> None:
    """Measure both, three times in turn, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    vpx.MAX_BITRATE = RATE
    pictures = frames()
    runs: dict[str, list[dict[str, float]]] = {"aiortc": [], "ours": []}
    for _ in range(3):
        runs["aiortc"].append(measure(vpx.Vp8Encoder(), pictures, fast=False))
        runs["ours"].append(measure(FaceVp8Encoder(), pictures, fast=True))
    result = {
        name: {key: float(np.median([r[key] for r in rs])) for key in rs[0]}
        for name, rs in runs.items()
    }
    print(f"{'encoder':10}{'ms/frame':>10}{'kbit/s':>10}{'PSNR dB':>10}")
    for name, r in result.items():
        print(f"{name:10}{r['ms']:>10.1f}{r['kbit_s']:>10.0f}{r['psnr_db']:>10.1f}")
    print(f"ratio of time: {result['aiortc']['ms'] / result['ours']['ms']:.1f}")
    if args.json:
        args.json.write_text(json.dumps({"machine": machine_facts(), **result}, indent=2) + "\n")


if __name__ == "__main__":
    main()
