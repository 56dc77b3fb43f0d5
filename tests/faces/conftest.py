"""The shipped portrait, and the shared folder of real pictures where there is one."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.faces import FaceLandmarks, FaceTracker

STOCK = files("visavis.replicas") / "stock" / "clara"
DATA = Path(__file__).parents[3] / "shared" / "data"


def read_rgb(name: str) -> NDArray[np.uint8]:
    with as_file(STOCK / name) as path:
        image = cv2.imread(str(path))
    return np.ascontiguousarray(image[:, :, ::-1])


@pytest.fixture(scope="session")
def portrait() -> NDArray[np.uint8]:
    return read_rgb("portrait.png")


@pytest.fixture(scope="session")
def tracker() -> FaceTracker:
    return FaceTracker(static=True)


@pytest.fixture(scope="session")
def face(portrait: NDArray[np.uint8], tracker: FaceTracker) -> FaceLandmarks:
    return tracker.detect(portrait)[0]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not (DATA / "portraits").is_dir():
        pytest.skip("the folder shared/data does not lie beside the checkout")
    return DATA
