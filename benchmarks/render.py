"""Milliseconds per frame of the CPU renderer, by stage.

    taskset -c 0 python benchmarks/render.py [REPLICA] [--size 1280x720] [--json FILE]

The head sways and the mouth talks through every frame, so everything that can move does.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from visavis.animation.face_state import ARKIT_INDEX, FaceState
from visavis.rendering.painter import PortraitPainter
from visavis.replicas.bundle import load
from visavis.replicas.catalog import load_stock


def talking(i: int, still: bool) -> FaceState:
    """Frame ``i`` of a made-up talk with every part moving; or with the head held still."""
    t = i / 30
    s = FaceState(t)
    s.arkit[ARKIT_INDEX["jawOpen"]] = 0.25 + 0.2 * np.sin(t * 17)
    s.arkit[ARKIT_INDEX["mouthFunnel"]] = 0.3 + 0.3 * np.sin(t * 7)
    for side in ("Left", "Right"):
        s.arkit[ARKIT_INDEX[f"mouthSmile{side}"]] = 0.2 + 0.1 * np.sin(t * 3)
        s.arkit[ARKIT_INDEX[f"mouthUpperUp{side}"]] = 0.2
        s.arkit[ARKIT_INDEX[f"mouthLowerDown{side}"]] = 0.3
        s.arkit[ARKIT_INDEX[f"eyeBlink{side}"]] = max(0.0, float(np.sin(t * 5)))
    s.arkit[ARKIT_INDEX["browInnerUp"]] = 0.3 + 0.3 * np.sin(t * 2)
    if not still:
        s.head[:] = [0.04 * np.sin(t * 1.3), 0.07 * np.sin(t), 0.03 * np.sin(t * 0.7), 0, 0.01, 0]
    s.gaze[:] = [0.05 * np.sin(t * 1.7), 0.1 * np.sin(t * 1.1)]
    return s


def instrument(painter: PortraitPainter, into: dict[str, list[float]]) -> None:
    """Wrap the painter's stages with timers."""
    for name, stage in (
        ("_pose_skin", "pose the skin"),
        ("_draw_smooth", "smooth warp"),
        ("_draw_patch", "mouth and eyes"),
    ):
        original = getattr(painter, name)

        def timed(*args: Any, _f: Any = original, _s: str = stage, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return _f(*args, **kwargs)
            finally:
                into[_s][-1] += time.perf_counter() - start

        setattr(painter, name, timed)
        into[stage] = []


def measure(painter: PortraitPainter, frames: int, still: bool) -> dict[str, float]:
    for i in range(20):
        painter.paint(talking(i, still))
    stages: dict[str, list[float]] = {}
    instrument(painter, stages)
    total = []
    for i in range(frames):
        for values in stages.values():
            values.append(0.0)
        state = talking(i + 20, still)
        start = time.perf_counter()
        painter.paint(state)
        total.append(time.perf_counter() - start)
    out = {name: float(np.median(v)) * 1e3 for name, v in stages.items()}
    out["whole frame"] = float(np.median(total)) * 1e3
    out["whole frame, p95"] = float(np.percentile(total, 95)) * 1e3
    return out


def machine() -> dict[str, Any]:
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        model = names[0].split(":")[1].strip() if names else model
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "cores_allowed": affinity,
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("replica", type=Path, nargs="?", help="default: a stock replica")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    width, height = (int(v) for v in args.size.split("x"))
    replica = load(args.replica) if args.replica else load_stock()
    result: dict[str, Any] = {"machine": machine(), "size": [width, height], "frames": args.frames}
    for still, name in ((False, "head moving"), (True, "head still")):
        result[name] = measure(PortraitPainter(replica, (width, height)), args.frames, still)
    facts = result["machine"]
    print(f"{facts['cpu']}, {facts['cores_allowed']} core(s), load {facts['load']:.1f}")
    print(f"{width} x {height}, medians over {args.frames} frames, ms")
    for stage in result["head moving"]:
        print(f"{stage:34s} {result['head moving'][stage]:7.2f} {result['head still'][stage]:7.2f}")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
