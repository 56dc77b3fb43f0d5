"""The measure of drawing: what it reports, and what it leaves behind."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from visavis.cli import app
from visavis.evaluation.render_bench import run, talking, watched
from visavis.rendering.painter import PortraitPainter
from visavis.replicas.catalog import load_stock


def test_every_measure_is_there_and_nothing_is_left_behind() -> None:
    if hasattr(os, "sched_getaffinity"):
        allowed, threads = os.sched_getaffinity(0), cv2.getNumThreads()
    result = run(sizes=[(160, 90)], frames=15)
    assert {x["head"] for x in result["results"]} == {"moving", "still"}
    for x in result["results"]:
        assert x["kind"] == "portrait"
        assert len(x["stages_ms"]) >= 3
        assert min(x["stages_ms"].values()) >= 0
        assert x["p50_ms"] <= x["p95_ms"]
    if hasattr(os, "sched_getaffinity"):
        assert result["pinned_to_core"] in allowed
        assert os.sched_getaffinity(0) == allowed
        assert cv2.getNumThreads() == threads


def test_a_watched_painter_paints_the_same() -> None:
    plain, seen = (PortraitPainter(load_stock(), (160, 90)) for _ in range(2))
    stages: dict[str, list[float]] = {}
    with watched(seen, stages):
        for i in range(5):
            for values in stages.values():
                values.append(0.0)
            np.testing.assert_array_equal(
                plain.paint(talking(i, False)), seen.paint(talking(i, False))
            )
    assert all(len(v) == 5 for v in stages.values())
    assert any(sum(v) > 0 for v in stages.values())
    assert not [name for name in vars(seen) if name.startswith("_draw")]  # unwrapped again


def test_the_command_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    path = tmp_path / "render.json"
    size = ["--size", "160x90", "--frames", "5", "--json", str(path)]
    done = CliRunner().invoke(app, ["bench", "render", "clara", *size])
    assert done.exit_code == 0, done.output
    assert "pictures per second" in done.output
    assert json.loads(path.read_text())["results"][0]["size"] == [160, 90]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--size", "big"], "1280x720"),
        (["--size", "8x8"], "64 x 64"),
        (["nobody"], "clara"),
    ],
)
def test_bad_input_is_explained(args: list[str], says: str) -> None:
    done = CliRunner().invoke(app, ["bench", "render", *args])
    assert done.exit_code != 0
    assert says in done.output
