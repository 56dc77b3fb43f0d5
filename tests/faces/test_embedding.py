"""The identity embedding, and the proof that the shipped face is nobody's."""

from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.faces.conftest import STOCK, read_rgb
from visavis.faces import FaceLandmarks, FaceTracker, appearance, embed
from visavis.faces.embedding import similarity

Image = NDArray[np.uint8]


def test_embedding_is_a_unit_vector(portrait: Image, face: FaceLandmarks) -> None:
    vector = embed(portrait, face)
    assert vector.shape == (1024,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_the_same_face_stays_itself(
    portrait: Image, face: FaceLandmarks, tracker: FaceTracker
) -> None:
    known = embed(portrait, face)
    small = np.asarray(cv2.resize(portrait, (400, 400), interpolation=cv2.INTER_AREA), np.uint8)
    dark = (portrait * 0.7).astype(np.uint8)
    mirrored = np.ascontiguousarray(portrait[:, ::-1])
    soft = np.asarray(cv2.GaussianBlur(portrait, (0, 0), 2), np.uint8)
    for variant in (small, dark, mirrored, soft):
        again = embed(variant, tracker.detect(variant)[0])
        assert float(known @ again) > 0.7


def test_apparent_age_and_gender(portrait: Image, face: FaceLandmarks) -> None:
    seen = appearance(portrait, face)
    assert seen.masculine < 0.2
    assert 30 < seen.age < 55


def test_similarity_recovers_a_known_map() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(7, 2)) * 40
    c, s = 1.7 * np.cos(0.4), 1.7 * np.sin(0.4)
    truth = np.array([[c, -s, 12.0], [s, c, -30.0]])
    found = similarity(points, points @ truth[:, :2].T + truth[:, 2])
    np.testing.assert_allclose(found, truth, atol=1e-9)


def test_provenance_says_what_the_portrait_is() -> None:
    provenance = json.loads((STOCK / "provenance.json").read_text())
    assert provenance["face_donors"] >= 9
    assert provenance["likeness"]["passed"]
    assert provenance["likeness"]["nearest"][0]["cosine"] < provenance["likeness"]["limit"]


@pytest.mark.slow
@pytest.mark.data
def test_nobody_in_the_portraits_is_the_shipped_face(
    shared_data: Path, portrait: Image, face: FaceLandmarks, tracker: FaceTracker
) -> None:
    """The nearest of all portraits is farther than the nearest 0.1 % of different people."""
    vectors = []
    for path in sorted((shared_data / "portraits").glob("*.jpg")):
        rgb = np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])
        vectors.append(embed(rgb, tracker.detect(rgb)[0]))
    people = np.array(vectors)
    strangers = (people @ people.T)[np.triu_indices(len(people), 1)]
    limit = np.quantile(strangers, 0.999)
    for name in ("portrait.png", "portrait_wide.webp"):
        rgb = read_rgb(name)
        assert (people @ embed(rgb, tracker.detect(rgb)[0])).max() < limit


@pytest.mark.data
def test_people_in_clips_are_told_apart(shared_data: Path, tracker: FaceTracker) -> None:
    """Frames of one clip are nearer to each other than frames of different clips."""
    clips = []
    for path in sorted((shared_data / "clips").glob("*.mp4")):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            step = max(1, (stream.frames or 100) // 3)
            frames = [
                f.to_ndarray(format="rgb24")
                for k, f in enumerate(container.decode(stream))
                if k % step == 0
            ]
        faces = [(f, tracker.detect(f)) for f in frames]
        clips.append(np.array([embed(f, found[0]) for f, found in faces if found]))
    same = [np.min(c @ c.T) for c in clips]
    different = [np.max(a @ b.T) for i, a in enumerate(clips) for b in clips[:i]]
    assert min(same) > 0.4
    assert np.median(same) > max(different)
