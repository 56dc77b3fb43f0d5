"""The coarse matte, and the fine one that ships with the portrait."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.faces.conftest import STOCK
from visavis.faces import FaceLandmarks, matte


def test_person_in_backdrop_out(portrait: NDArray[np.uint8], face: FaceLandmarks) -> None:
    alpha = matte(portrait)
    assert alpha.shape == portrait.shape[:2]
    assert alpha.dtype == np.float32
    x0, y0, x1, y1 = (int(v) for v in face.box)
    assert alpha[y0:y1, x0:x1].mean() > 0.97
    assert alpha[:80].mean() < 0.03


def test_coarse_and_shipped_mattes_agree(portrait: NDArray[np.uint8]) -> None:
    fine = cv2.imread(str(STOCK / "matte.png"), cv2.IMREAD_GRAYSCALE) / 255
    coarse = matte(portrait)
    overlap = ((fine > 0.5) & (coarse > 0.5)).sum() / ((fine > 0.5) | (coarse > 0.5)).sum()
    assert overlap > 0.97


def test_wrong_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8 RGB"):
        matte(np.zeros((8, 8, 3), np.float32))
