"""Cut bodies (hair, neck, clothes) out of portraits, without their faces.

    python scripts/make_bodies.py PORTRAITS src/visavis/identity/data/bodies

Which portraits, by the first 12 hex digits of their SHA-256, and what they are called stands in
``bodies_chosen.json``. Each keeps its framing. The backdrop
is smooth, so that it can be fitted and the matte becomes a known-background problem. Skin, hair and
cloth are told apart by Gaussian mixtures over colour, each learned where it is sure to be. The face
is filled with the skin around it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from compose_portrait import find_files, known_background_matte
from train_face_space import steady_landmarks

from visavis.faces import FaceTracker, matte
from visavis.faces import topology as topo
from visavis.identity import frame
from visavis.identity.bodies import SIZE

Array = np.ndarray


class Colours:
    """A Gaussian mixture over colours."""

    def __init__(self, samples: Array, count: int) -> None:
        chosen = np.random.default_rng(0).permutation(len(samples))[:6000]
        em = cv2.ml.EM_create()
        em.setClustersNumber(count)
        em.setCovarianceMatrixType(cv2.ml.EM_COV_MAT_GENERIC)
        em.trainEM(samples[chosen].astype(np.float32))
        self.means, self.weights = em.getMeans(), em.getWeights()[0]
        self.covariances = [c + 4 * np.eye(3) for c in em.getCovs()]

    def __call__(self, lab: Array) -> Array:
        """Log likelihood of every pixel."""
        parts = []
        for mean, c, weight in zip(self.means, self.covariances, self.weights, strict=True):
            d = lab - mean
            q = (d @ np.linalg.inv(c) * d).sum(-1)
            parts.append(np.log(weight + 1e-6) - (q + np.log(np.linalg.det(c))) / 2)
        return np.logaddexp.reduce(parts, axis=0)


def cut_out(path: Path, tracker: FaceTracker) -> tuple[Array, Array, Array]:
    """Colours (RGB), matte and landmarks of a portrait of SIZE pixels."""
    image = np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])
    if image.shape != (SIZE, SIZE, 3):
        raise ValueError(f"{path} is not {SIZE} pixels wide and high")
    points = steady_landmarks(tracker, image)
    if points is None:
        raise ValueError(f"no face in {path}")
    alpha, own = known_background_matte(np.ascontiguousarray(image[:, :, ::-1]), matte(image))
    return own[:, :, ::-1], np.clip(alpha, 0, 1), points


def tell_apart(colours: Array, alpha: Array, points: Array, card: dict[str, Any]) -> Array:
    """How much each pixel is skin, hair and cloth, (h, w, 3).

    The card says whether hair hangs below the ears (long), is dark all over, or is missing (bald).
    """
    lab = frame.blur(frame.to_lab(colours), 1.5)
    size = (SIZE, SIZE)
    oval = frame.filled(points, topo.FACE_OVAL, size)
    y = np.repeat(np.arange(SIZE, dtype=np.float32)[:, None], SIZE, 1)
    brows = points[[105, 334], 1].mean()
    eyes, mouth, chin = (points[list(k), 1].mean() for k in ((33, 263), (13, 14), (152,)))

    feature = frame.grow(frame.features(points, size), 10)
    core = (frame.grow(oval, -26) * (1 - feature) > 0.5) & (y > brows - 10)
    skin = Colours(lab[core], 3)(lab)
    not_skin = (alpha > 0.95) & (skin < np.quantile(skin[core], 0.03))
    outside = frame.grow(oval, 14) < 0.5
    # Not the rim, where light from behind and the backdrop shine through.
    ring = (
        not_skin & outside & (y < eyes) & (frame.grow((alpha > 0.95).astype(np.float32), -8) > 0.5)
    )
    nothing = np.full(size, -60.0)
    hair = Colours(lab[ring], 3)(lab) if ring.sum() > 2000 else nothing
    if card.get("dark"):  # highlights on skin are no dark hair
        hair = np.where(lab[..., 0] > np.median(lab[core, 0]) - 6, -60.0, hair)
    if card.get("bald"):
        hair = np.full(size, -60.0)
    cloth = Colours(lab[not_skin & (y > SIZE - 90)], 4)(lab)

    long = card["long"]
    ends = chin if long else eyes + 0.5 * (mouth - eyes)
    fades, floor = (140.0, 1e-3) if long else (12.0, 1e-12)

    neck = np.zeros(size, np.float32)
    jaw = points[[172, 397], 0]
    low = chin + 170
    outline = [
        [jaw[0] - 10, eyes],
        [jaw[1] + 10, eyes],
        [jaw[1] + 30, low],
        [512, SIZE],
        [jaw[0] - 30, low],
    ]
    cv2.fillPoly(neck, [np.array(outline, np.int32)], 1.0)
    neck = frame.blur(np.maximum(frame.grow(neck, 40), frame.grow(oval, 30)), 20)
    inside = frame.blur(frame.grow(oval, -18), 6)
    throat = (
        neck
        * frame.smoothstep(y, chin - 20, chin + 20)
        * (1 - frame.smoothstep(y, chin + 60, chin + 160))
    )
    if not long:
        hair = np.where(y > ends + 3 * fades, -60.0, hair)
        # What is neither skin nor hair above the collar is skin in shadow.
        skin = np.where((y > ends) & (y < chin + 10), np.maximum(skin, -12.0), skin)
    likely = np.stack(
        [
            np.maximum(skin, -40 + 28 * throat) + np.log(0.02 + 0.9 * neck + 20 * inside),
            np.maximum(hair, -40)
            + np.log(np.where(y < ends, 1.0, np.exp(-np.maximum(y - ends, 0) / fades)) + floor)
            - 2.5 * inside * (y > brows),
            np.maximum(cloth, -40) + np.log(1e-5 + 1 / (1 + np.exp(-(y - chin - 30) / 14))),
        ]
    )
    calm = [cv2.bilateralFilter(frame.blur(x.astype(np.float32), 2), 9, 4, 5) for x in likely]
    share = np.exp((np.array(calm) - np.max(calm, axis=0)) * 0.8)
    share /= share.sum(0)
    return np.stack([frame.blur(x.astype(np.float32), 1.2) for x in share], -1)


def without_face(colours: Array, labels: Array, points: Array) -> Array:
    """The face filled with the skin around it."""
    size = (SIZE, SIZE)
    oval = frame.filled(points, topo.FACE_OVAL, size)
    inside = frame.grow(oval, -10) * (
        1
        - frame.smoothstep(labels[..., 1], 0.5, 0.8)
        * (1 - frame.grow(frame.features(points, size), 20))
    )
    inside = frame.grow(frame.grow(inside, -3), 3)
    known = (
        frame.smoothstep(labels[..., 0], 0.7, 0.95)
        * (1 - frame.grow(inside, 6))
        * frame.grow(oval, 40)
    )
    fill, weight = np.zeros_like(colours), np.zeros(size, np.float32)
    for sigma in (8, 24, 70, 160):
        reach = frame.blur(known, sigma)
        part = frame.blur(colours * known[..., None], sigma) / (reach[..., None] + 1e-6)
        more = np.clip(reach * 40, 0, 1) * (1 - weight)
        fill += part * more[..., None]
        weight += more
    fill /= np.maximum(weight, 1e-3)[..., None]
    soft = frame.blur(inside, 3)[..., None]
    return colours * (1 - soft) + fill * soft


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    chosen = json.loads((Path(__file__).parent / "bodies_chosen.json").read_text())
    files, tracker = find_files(options.portraits), FaceTracker(static=True)
    options.out.mkdir(parents=True, exist_ok=True)
    index, points_of = {}, {}
    for name, card in chosen.items():
        colours, alpha, points = cut_out(files[card["portrait"]], tracker)
        labels = tell_apart(colours, alpha, points, card)
        sure = (labels[..., 1] > 0.9) & (alpha > 0.95)
        bald = bool(card.get("bald", False))
        hair = (
            np.median(frame.to_lab(colours)[sure], axis=0)
            if sure.sum() > 500
            else np.array([25.0, 3, 4])
        )
        bare = without_face(colours, labels, points)
        rgba = np.dstack([bare[:, :, ::-1], alpha * 255]).round().clip(0, 255).astype(np.uint8)
        rgba[alpha < 0.004] = 0
        cv2.imwrite(str(options.out / f"{name}.webp"), rgba, [cv2.IMWRITE_WEBP_QUALITY, 90])
        drawn = (labels[:, :, ::-1] * 255).round().astype(np.uint8)
        cv2.imwrite(str(options.out / f"{name}_labels.webp"), drawn, [cv2.IMWRITE_WEBP_QUALITY, 80])
        points_of[name] = points.astype(np.float16)
        index[name] = {
            "masculine": card["masculine"],
            "bald": bald,
            "hair": [round(float(v), 1) for v in hair],
            "skin": round(
                float(np.median(frame.to_lab(bare)[(labels[..., 0] > 0.9) & (alpha > 0.95)][:, 0])),
                1,
            ),
        }
    (options.out / "bodies.json").write_text(json.dumps(index, indent=1) + "\n")
    np.savez_compressed(options.out / "points.npz", **points_of)


if __name__ == "__main__":
    main()
