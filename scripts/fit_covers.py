"""Fit the discriminants of ``visavis.replicas.covers`` and say how good they are.

    python scripts/fit_covers.py PORTRAITS [--out src/visavis/replicas/data/covers.npz]

PORTRAITS is a folder of JPEGs of uncovered faces. Masks, hands, microphones, sheets and sunglasses
are drawn on them. Half of the people are fitted on, the other half is measured on; each kind of
cover is also measured by a fit that has never seen it. The stored fit uses every kind.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from visavis.faces import FaceTracker
from visavis.replicas import topology as topo
from visavis.replicas.covers import Region, align, features

Picture = np.ndarray
LIGHT = np.array([(235, 238, 240), (150, 190, 215), (200, 120, 130), (225, 220, 210)], float)
DARK = np.array([(30, 30, 34), (18, 18, 20), (35, 28, 22), (45, 40, 60)], float)
COMPONENTS = 30
#: Share of uncovered faces (not fitted on) that the threshold lets be refused.
FALSE_ALARMS = 0.005


def paint(image: Picture, mask: Picture, colour: Picture, rng: np.random.Generator, alpha=1.0):
    """Lay an unevenly lit, grainy colour over the masked part."""
    h, w = mask.shape
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2)[..., None] * alpha
    light = cv2.resize(rng.normal(0, 1, (6, 6)), (w, h), interpolation=cv2.INTER_CUBIC)[..., None]
    cloth = colour * (1 + 0.1 * light) + rng.normal(0, 4, (h, w, 1))
    return np.clip(image * (1 - soft) + cloth * soft, 0, 255).astype(np.uint8)


def mask_over(image: Picture, p: Picture, unit: float, rng: np.random.Generator) -> Picture:
    top = (195, 6, 4)[rng.integers(3)]
    ids = [132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361]
    m = np.zeros(image.shape[:2], np.uint8)
    hull = cv2.convexHull(p[[*ids, 323, 345, top, 116, 93]].astype(np.int32))
    cv2.fillPoly(m, [hull], 1)
    colours = np.concatenate([LIGHT, DARK])
    return paint(image, m, colours[rng.integers(len(colours))], rng)


def hand_over(image: Picture, p: Picture, unit: float, rng: np.random.Generator) -> Picture:
    centre = p[[13, 14]].mean(0) + rng.normal(0, 0.1, 2) * unit
    skin = np.median([image[round(p[i, 1]), round(p[i, 0])] for i in (50, 280, 151, 9)], axis=0)
    skin = skin * rng.uniform(0.85, 1.1)
    angle = rng.uniform(-0.6, 0.6) + (np.pi / 2 if rng.random() < 0.5 else 0)
    along = np.array([np.cos(angle), np.sin(angle)])
    for finger in range(4):
        o = centre + np.array([-along[1], along[0]]) * (finger - 1.5) * 0.27 * unit
        m = np.zeros(image.shape[:2], np.uint8)
        ends = (o - along * 1.5 * unit, o + along * rng.uniform(0.7, 1.1) * unit)
        cv2.line(m, *(tuple(e.astype(int).tolist()) for e in ends), 1, int(0.26 * unit))
        rim = cv2.dilate(m, np.ones((5, 5))) - m
        image = paint(image, m, skin * (1 - 0.04 * finger), rng)
        image = paint(image, rim, skin * 0.5, rng, 0.6)
    return image


def microphone_over(image: Picture, p: Picture, unit: float, rng: np.random.Generator) -> Picture:
    x, y = (p[[13, 14]].mean(0) + rng.normal(0, 0.08, 2) * unit).astype(int).tolist()
    m = np.zeros(image.shape[:2], np.uint8)
    cv2.circle(m, (x, y), int(rng.uniform(0.4, 0.6) * unit), 1, -1)
    cv2.line(m, (x, y), (x, image.shape[0]), 1, int(0.4 * unit))
    return paint(image, m, DARK[rng.integers(len(DARK))], rng)


def sheet_over(image: Picture, p: Picture, unit: float, rng: np.random.Generator) -> Picture:
    x, y = p[[13, 14]].mean(0)
    m = np.zeros(image.shape[:2], np.uint8)
    m[round(y - rng.uniform(0.2, 0.5) * unit) :, round(x - 1.2 * unit) : round(x + 1.2 * unit)] = 1
    colours = np.concatenate([LIGHT, DARK])
    return paint(image, m, colours[rng.integers(len(colours))], rng)


def sunglasses_over(image: Picture, p: Picture, unit: float, rng: np.random.Generator) -> Picture:
    return _lenses(image, p, unit, rng, -1, rng.uniform(0.82, 0.98))


def glasses_over(image: Picture, p: Picture, unit: float, rng: np.random.Generator) -> Picture:
    return _lenses(image, p, unit, rng, max(2, int(rng.uniform(0.03, 0.07) * unit)), 1.0)


def _lenses(image, p, unit, rng, thickness: int, alpha: float) -> Picture:
    m = np.zeros(image.shape[:2], np.uint8)
    tall = int(rng.uniform(0.27, 0.36) * unit)
    for iris in (topo.RIGHT_IRIS[0], topo.LEFT_IRIS[0]):
        x, y = (p[iris] + (0, 0.06 * unit)).astype(int).tolist()
        cv2.ellipse(m, (x, y), (int(0.42 * unit), tall), 0, 0, 360, 1, thickness)
    return paint(image, m, DARK[rng.integers(len(DARK))], rng, alpha)


COVERS = {
    "mouth": {"mask": mask_over, "hand": hand_over, "microphone": microphone_over,
              "sheet": sheet_over},
    "eyes": {"sunglasses": sunglasses_over},
}  # fmt: skip


def fit(open_: Picture, covered_: Picture) -> Picture:
    """Fisher's discriminant in the leading components, as weights over the features."""
    both = np.concatenate([open_, covered_])
    mean = open_.mean(0)
    basis = np.linalg.svd(both - mean, full_matrices=False)[2][:COMPONENTS]
    a, b = (open_ - mean) @ basis.T, (covered_ - mean) @ basis.T
    within = np.cov(a.T) + np.cov(b.T) + 1e-3 * np.eye(len(basis))
    return np.linalg.solve(within, b.mean(0) - a.mean(0)) @ basis


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("portraits", type=Path)
    default = Path(__file__).parents[1] / "src/visavis/replicas/data/covers.npz"
    parser.add_argument("--out", type=Path, default=default)
    args = parser.parse_args()
    tracker = FaceTracker(static=True)
    rng = np.random.default_rng(0)
    files = sorted(args.portraits.glob("*.jpg"))
    faces: dict[str, dict[int, list[Picture]]] = {}

    def see(kind: str, person: int, image: Picture) -> None:
        found = tracker.detect(image)
        if found:
            face = align(image, found[0].points)
            faces.setdefault(kind, {}).setdefault(person, []).extend([face, face[:, ::-1].copy()])

    for person, file in enumerate(files):
        image = cv2.imread(str(file))[..., ::-1].copy()
        found = tracker.detect(image)
        if not found:
            continue
        p = found[0].points[:, :2].astype(float)
        unit = float(np.linalg.norm(p[topo.RIGHT_IRIS[0]] - p[topo.LEFT_IRIS[0]]))
        see("open", person, image)
        kinds = [(n, f) for group in COVERS.values() for n, f in group.items()]
        # two kinds for each person, so that every kind meets the people of both halves
        for k in range(2):
            name, cover = kinds[(person // 2 + 2 * k) % len(kinds)]
            see(name, person, cover(image, p, unit, rng))
        if person % 4 < 2:
            see("glasses", person, glasses_over(image, p, unit, rng))

    def take(kind: str, region: Region, half: int) -> Picture:
        return np.array(
            [features(f, region) for n, fs in faces[kind].items() for f in fs
             if n % 2 == half]
        )  # fmt: skip

    out = {}
    regions: tuple[Region, ...] = ("mouth", "eyes")
    for region in regions:
        kinds = list(COVERS[region])
        plain = take("open", region, 0)
        if region == "eyes":  # clear glasses are no cover
            plain = np.concatenate([plain, take("glasses", region, 0)])
        for left_out in [*(kinds if len(kinds) > 1 else []), None]:
            used = [k for k in kinds if k != left_out]
            weights = fit(plain, np.concatenate([take(k, region, 0) for k in used]))
            held = take("open", region, 1) @ weights
            bias = float(np.quantile(held, 1 - FALSE_ALARMS))
            for kind in [left_out] if left_out else kinds:
                hit = float((take(kind, region, 1) @ weights > bias).mean())
                seen = "never seen" if left_out else "seen"
                print(f"{region}: {kind} found {hit:.1%} ({seen}), false alarms {FALSE_ALARMS:.1%}")
        if region == "eyes":
            alarm = float((take("glasses", region, 1) @ weights > bias).mean())
            print(f"eyes: drawn clear glasses refused {alarm:.1%}")
        out[f"{region}_weights"] = weights.astype(np.float32)
        out[f"{region}_bias"] = np.float32(bias)
    np.savez_compressed(args.out, **out)
    print(args.out, args.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
