"""``visavis bench render``: milliseconds per picture by stage, size and replica, on one core."""

from __future__ import annotations

import contextlib
import inspect
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from visavis.animation.face_state import ARKIT_INDEX, FaceState
from visavis.evaluation.machine import machine_facts
from visavis.rendering.contract import FacePainter
from visavis.rendering.painters import open_painter
from visavis.replicas.bundle import Replica
from visavis.replicas.catalog import DEFAULT, load_replica

SIZES = ((640, 360), (1280, 720), (1920, 1080))
#: Pictures drawn before the measure: code is compiled, caches fill.
WARM_UP = 20
#: Of the made-up talk, pictures per second.
_FPS = 30


def talking(i: int, still: bool) -> FaceState:
    """Picture `i` of a made-up talk with every part moving; or with the head held still."""
    t = i / _FPS
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


def run(
    replicas: Sequence[str] = (),
    sizes: Sequence[tuple[int, int]] = SIZES,
    *,
    frames: int = 200,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Measure each replica at each size, head moving and still.

    Args:
        replicas: Names of stock replicas or paths of bundles; none means all that ship.
        sizes: Width and height in pixels.
        frames: Pictures per measure.
        progress: Told what is being done.

    Raises:
        ReplicaError: There is no such replica, or it is not usable.
        ValueError: A size is too small.
    """
    result: dict[str, Any] = {"machine": machine_facts(), "frames": frames, "results": []}
    loaded = [(name, load_replica(name)) for name in (replicas or [DEFAULT])]
    with one_core() as core:
        result["pinned_to_core"] = core
        result["load"] = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
        for name, replica in loaded:
            for size in sizes:
                for still in (False, True):
                    progress(
                        f"{name}, {size[0]} x {size[1]}, head {'still' if still else 'moving'}"
                    )
                    result["results"].append(_measure(name, replica, size, still, frames))
    return result


@contextlib.contextmanager
def one_core() -> Iterator[int | None]:
    """Hold this thread and those it starts on one core; its number, or None if not possible."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    if not hasattr(os, "sched_setaffinity"):
        allowed = core = None
    else:
        allowed = os.sched_getaffinity(0)
        core = max(allowed)
        os.sched_setaffinity(0, {core})
    try:
        yield core
    finally:
        cv2.setNumThreads(threads)
        if allowed is not None:
            os.sched_setaffinity(0, allowed)


def _measure(
    name: str, replica: Replica, size: tuple[int, int], still: bool, frames: int
) -> dict[str, Any]:
    painter = open_painter(replica, size)
    for i in range(WARM_UP):
        painter.paint(talking(i, still))
    whole = _time(painter, still, frames)
    # A second time for the stages, so that looking at them slows nothing above.
    stages: dict[str, list[float]] = {}
    with watched(painter, stages):
        again = _time(painter, still, frames, stages)
    medians = {stage: float(np.median(v)) * 1e3 for stage, v in stages.items()}
    rest = float(np.median(again - sum(np.array(v) for v in stages.values()))) * 1e3
    return {
        "replica": name,
        "kind": replica.manifest.kind,
        "size": list(size),
        "head": "still" if still else "moving",
        "p50_ms": round(float(np.median(whole)) * 1e3, 3),
        "p95_ms": round(float(np.percentile(whole, 95)) * 1e3, 3),
        "fps": round(1 / float(np.median(whole)), 1),
        "stages_ms": {k: round(v, 3) for k, v in {**medians, "the rest": rest}.items()},
    }


def _time(
    painter: FacePainter, still: bool, frames: int, stages: dict[str, list[float]] | None = None
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Seconds that each picture took ``(frames,)``."""
    taken = np.zeros(frames)
    for i in range(frames):
        for values in (stages or {}).values():
            values.append(0.0)
        state = talking(i + WARM_UP, still)
        start = time.perf_counter()
        painter.paint(state)
        taken[i] = time.perf_counter() - start
    return taken


@contextlib.contextmanager
def watched(painter: FacePainter, into: dict[str, list[float]]) -> Iterator[None]:
    """Time the steps a painter takes: its private methods, where ``paint`` calls them itself.

    Args:
        painter: Any; one without private methods has no steps.
        into: Gets the name of each step and adds its seconds to the last of its values.
    """
    inside = False

    def timed(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal inside
            if inside:
                return method(*args, **kwargs)
            inside = True
            start = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                into[name][-1] += time.perf_counter() - start
                inside = False

        return call

    source = inspect.getsource(type(painter).paint)
    steps = {
        name: getattr(painter, name)
        for name, member in vars(type(painter)).items()
        if name.startswith("_") and inspect.isfunction(member) and f"self.{name}(" in source
    }
    for name, method in steps.items():
        label = name.strip("_").replace("_", " ")
        into[label] = []
        # on the object, before the class's own
        setattr(painter, name, timed(label, method))
    try:
        yield
    finally:
        for name in steps:
            delattr(painter, name)
