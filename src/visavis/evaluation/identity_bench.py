"""``visavis bench identity``: how good generated faces are, generator by generator."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.machine import machine_facts
from visavis.faces import FaceTracker
from visavis.faces import topology as topo
from visavis.faces.embedding import appearance, similarity
from visavis.identity import frame
from visavis.identity.attributes import Attributes, lightness_to_monk
from visavis.identity.compose import STABLE, skin_lightness
from visavis.identity.edit import Changes, edit
from visavis.identity.generate import Face, GenerationError, generate
from visavis.identity.generators import generator, names
from visavis.identity.space import FaceSpace, default_space
from visavis.identity.traits import smile_of

Image = NDArray[np.uint8]

#: Cosine of two frames of the same person, as the embedding's module gives it.
SAME_PERSON = 0.8
#: Every so-manieth face is edited, and how.
EDIT_EVERY = 10
EDITS: dict[str, Callable[[Face], Changes]] = {
    "age +15": lambda f: Changes(age=min((f.attributes.age or 45) + 15, 85)),
    "age -15": lambda f: Changes(age=max((f.attributes.age or 45) - 15, 20)),
    "smile 0": lambda _: Changes(smile=0.0),
    "smile 0.7": lambda _: Changes(smile=0.7),
    "light": lambda _: Changes(light=0.7),
    "hair": lambda f: Changes(hair="brown" if f.attributes.hair == "black" else "black"),
    "gaze": lambda _: Changes(gaze=0.7),
}
#: Side of a picture on the sheet, pixels, and how many in a row.
TILE, ACROSS = 192, 10


def upright(image: Image, points: NDArray[np.floating], space: FaceSpace) -> NDArray[np.float32]:
    """The face at the canonical frame's size and place, L*a*b*; not warped."""
    m = similarity(points[list(STABLE), :2], space.canonical[list(STABLE), :2])
    placed = cv2.warpAffine(
        image, m, (frame.WIDTH, frame.HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(frame.to_lab(placed), np.float32)


def sharpness(lab: NDArray[np.float32], space: FaceSpace) -> float:
    """Energy of the lightness's Laplacian over the face, away from its outline."""
    size = (frame.HEIGHT, frame.WIDTH)
    inner = frame.grow(frame.filled(space.canonical, topo.FACE_OVAL, size), -40) > 0.5
    # Cameras' noise is not sharpness: a pixel's own neighbours are not compared.
    laplacian = cv2.Laplacian(frame.blur(lab[..., 0], 1.0), cv2.CV_32F)
    return float((laplacian[inner] ** 2).mean())


def run(
    methods: Sequence[str],
    count: int,
    portraits: Path | None,
    sheet: Path | None,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Generate and measure.

    Args:
        methods: Generators' names; empty takes all.
        count: Faces from each.
        portraits: Real portraits to compare sharpness with; without them it is not judged.
        sheet: Where to draw all faces, as JPEG.
        progress: Told what happens.

    Raises:
        LookupError: There is no such generator.
    """
    space, tracker = default_space(), FaceTracker(static=True)
    real = _real_sharpness(portraits, space, tracker, progress) if portraits else float("nan")
    spread = space.people @ space.people.T
    different = 1 - float(spread[np.triu_indices(len(spread), 1)].mean())
    result: dict[str, Any] = {"machine": machine_facts(), "count": count, "generators": {}}
    result["real"] = {"sharpness": real, "distance": different, "limit": space.limit}
    rows = []
    for method in methods or names():
        make = generator(method)
        progress(f"{method}: {count} faces")
        faces, seconds, failed = [], [], 0
        rng = np.random.default_rng(1)
        for seed in range(count):
            wish = Attributes(
                age=float(rng.uniform(25, 75)),
                gender=float(seed % 2),
                skin_tone=float(rng.uniform(1, 10)),
                smile=[0.0, 0.5, 1.0][seed % 3],
            )
            begin = time.perf_counter()
            try:
                faces.append(generate(make, space, seed, wish))
            except GenerationError:
                failed += 1
            seconds.append(time.perf_counter() - begin)
        measured = _measure(faces, space, tracker, real, different)
        measured["ms_per_face"] = round(1000 * float(np.median(seconds)))
        measured["failed"] = failed
        progress(f"{method}: edits")
        measured["edits"] = _edits(faces, space)
        result["generators"][method] = measured
        rows += [cv2.resize(f.portrait.image, (TILE, TILE), interpolation=cv2.INTER_AREA)
                 for f in faces]  # fmt: skip
        rows += [np.zeros((TILE, TILE, 3), np.uint8)] * (-len(rows) % ACROSS)
    if sheet and rows:
        lines = [np.hstack(rows[i : i + ACROSS]) for i in range(0, len(rows), ACROSS)]
        cv2.imwrite(str(sheet), np.vstack(lines)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return result


def _real_sharpness(
    folder: Path, space: FaceSpace, tracker: FaceTracker, progress: Callable[[str], None]
) -> float:
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    progress(f"{len(files)} real portraits")
    found = []
    for path in files[:: max(1, len(files) // 150)]:
        bgr = cv2.imread(str(path))
        if bgr is None:
            continue
        image = np.ascontiguousarray(np.asarray(bgr, np.uint8)[:, :, ::-1])
        faces = tracker.detect(image)
        if len(faces) == 1:
            found.append(sharpness(upright(image, faces[0].points, space), space))
    return float(np.median(found))


def _measure(
    faces: Sequence[Face], space: FaceSpace, tracker: FaceTracker, real: float, different: float
) -> dict[str, Any]:
    asked: dict[str, list[float]] = {k: [] for k in ("age", "gender", "tone", "smile")}
    seen: dict[str, list[float]] = {k: [] for k in asked}
    sharp = []
    for face in faces:
        image, a = face.portrait.image, face.attributes
        found = tracker.detect(image)[0]
        looks = appearance(image, found)
        lab = upright(image, found.points, space)
        sharp.append(sharpness(lab, space))
        asked["age"].append(a.age or 0.0)
        asked["gender"].append(a.gender or 0.0)
        asked["tone"].append(a.skin_tone or 0.0)
        asked["smile"].append(a.smile or 0.0)
        seen["age"].append(looks.age)
        seen["gender"].append(looks.masculine)
        seen["tone"].append(lightness_to_monk(skin_lightness(lab, space.canonical)))
        seen["smile"].append(smile_of(found.points))
    own = np.array([f.likeness.embedding for f in faces])
    distance = 1 - float((own @ own.T)[np.triu_indices(len(own), 1)].mean())
    nearest = np.array([f.likeness.nearest for f in faces])
    refused = sum(f.refused for f in faces)
    smile = np.array(asked["smile"])
    return {
        "sharpness_ratio": round(float(np.median(sharp)) / real, 3),
        "diversity_ratio": round(distance / different, 3),
        "nearest": {f"p{q}": round(float(np.percentile(nearest, q)), 3) for q in (50, 95, 100)},
        "refused_share": round(refused / (refused + len(faces)), 3),
        "accepted_beyond_limit": int((nearest >= space.limit).sum()),
        "age_correlation": round(float(np.corrcoef(asked["age"], seen["age"])[0, 1]), 3),
        "age_within_10_years": round(
            float((np.abs(np.subtract(asked["age"], seen["age"])) <= 10).mean()), 3
        ),
        "gender_accuracy": round(
            float(((np.array(seen["gender"]) > 0.5) == (np.array(asked["gender"]) > 0.5)).mean()), 3
        ),
        "tone_correlation": round(float(np.corrcoef(asked["tone"], seen["tone"])[0, 1]), 3),
        "smile_auc": round(_auc(np.array(seen["smile"]), smile == 0, smile == 1), 3),
    }


def _auc(score: NDArray[np.float64], no: NDArray[np.bool_], yes: NDArray[np.bool_]) -> float:
    """How often one of `yes` scores higher than one of `no`."""
    return float((score[yes][:, None] > score[no][None]).mean())


def _edits(faces: Sequence[Face], space: FaceSpace) -> dict[str, dict[str, float]]:
    out = {}
    for name, change in EDITS.items():
        same = [edit(space, f, change(f)).same for f in faces[::EDIT_EVERY]]
        out[name] = {
            "mean": round(float(np.mean(same)) / SAME_PERSON, 3),
            "least": round(float(np.min(same)) / SAME_PERSON, 3),
        }
    return out
