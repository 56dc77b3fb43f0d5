"""The people that come with the package."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from visavis.faces import FaceTracker
from visavis.identity.record import FaceRecord
from visavis.replicas.catalog import load_stock, stock_names

STOCK = Path(__file__).parents[2] / "src/visavis/replicas/stock"
GENERATED = sorted(p.parent.name for p in STOCK.glob("*/record.json"))


def test_there_is_somebody_for_everybody() -> None:
    assert len(GENERATED) >= 8
    assert set(GENERATED) < set(stock_names())
    people = [FaceRecord.model_validate_json((STOCK / n / "record.json").read_text()) for n in GENERATED]  # fmt: skip  # noqa: E501
    ages = [p.attributes.age or 0.0 for p in people]
    tones = [p.attributes.skin_tone or 0.0 for p in people]
    assert min(ages) < 30 < 60 < max(ages)
    assert min(tones) < 3 < 8 < max(tones)
    assert {round(p.attributes.gender or 0.0) for p in people} == {0, 1}
    for p in people:
        assert p.nearest < p.limit
        assert p.people >= 400


@pytest.mark.weights
@pytest.mark.parametrize("name", GENERATED)
def test_each_is_whole_and_nobody(name: str) -> None:
    replica = load_stock(name)
    assert replica.manifest.consent is None
    assert "does not exist" in replica.manifest.provenance
    portrait = cv2.imread(str(STOCK / name / "portrait.webp"))
    cutout = cv2.imread(str(STOCK / name / "cutout.webp"), cv2.IMREAD_UNCHANGED)
    assert portrait.shape == (1024, 1024, 3)
    assert cutout.shape == (1024, 1024, 4)
    assert cutout[0, :, 3].max() < 128 < cutout[-1, :, 3].max()
    faces = FaceTracker(static=True).detect(np.ascontiguousarray(portrait[:, :, ::-1]))
    assert len(faces) == 1


def test_records_are_json_that_says_what_they_are() -> None:
    for name in GENERATED:
        record = json.loads((STOCK / name / "record.json").read_text())
        assert "AI-generated" in record["what"]
