"""Build the replica bundles of the stock faces from their portraits.

    python scripts/build_stock.py [NAME ...]

For each ``src/visavis/replicas/stock/NAME/`` with ``portrait_wide.webp``, ``landmarks.npy`` and
``matte.png`` (both of the square ``portrait.png`` in the middle of the wide picture), writes
``bundle/`` beside them. A ``matte_wide.png`` is used if there is one.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.replicas.bundle import ReplicaManifest
from visavis.replicas.plates import clean_backdrop
from visavis.replicas.portrait import build_portrait

STOCK = Path(__file__).parents[1] / "src/visavis/replicas/stock"


def wide_matte(image: NDArray[np.uint8], square: NDArray[np.float32]) -> NDArray[np.float32]:
    """The square's matte, continued over the rest of the wide picture.

    Beyond the square there are only shoulders before a plain studio backdrop: what differs in
    colour from the backdrop is the person.
    """
    h, w = image.shape[:2]
    left = (w - square.shape[1]) // 2
    right = left + square.shape[1]
    rough = np.zeros((h, w), np.float32)
    rough[:, left:right] = square
    # continue the square's edge columns outwards while estimating the backdrop
    rough[:, max(0, left - 200) : left] = square[:, :1]
    rough[:, right : right + 200] = square[:, -1:]
    backdrop = clean_backdrop(image, rough)
    far = np.abs(cv2.GaussianBlur(image, (0, 0), 0.8).astype(np.float32) - backdrop).max(2)
    person = np.clip((far - 9) / 22, 0, 1).astype(np.float32)
    person = cv2.morphologyEx(person, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    person = cv2.morphologyEx(person, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    out = rough * 0
    out[:, left:right] = square
    for part in (slice(0, left), slice(right, w)):
        out[:, part] = person[:, part]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="default: all")
    parser.add_argument("--voice", help="default voice to write into the bundle")
    args = parser.parse_args()
    names = args.names or sorted(p.parent.name for p in STOCK.glob("*/portrait_wide.webp"))
    for name in names:
        folder = STOCK / name
        start = time.perf_counter()
        image = cv2.imread(str(folder / "portrait_wide.webp"))[..., ::-1].copy()
        square = cv2.imread(str(folder / "matte.png"), cv2.IMREAD_GRAYSCALE).astype(np.float32)
        landmarks = np.load(folder / "landmarks.npy").astype(float)
        landmarks[:, 0] += (image.shape[1] - square.shape[1]) // 2
        if (folder / "matte_wide.png").exists():
            matte = cv2.imread(str(folder / "matte_wide.png"), cv2.IMREAD_GRAYSCALE) / 255.0
        else:
            matte = wide_matte(image, square / 255)
        source = json.loads((folder / "provenance.json").read_text())
        manifest = ReplicaManifest(
            id=name,
            name=name.capitalize(),
            licence=source["licence"],
            provenance=(
                f"{source['what']} {source['method']}; "
                f"{source['face_donors']} people mixed; {source['sources']}."
            ),
            default_voice=args.voice,
            capture_width=image.shape[1],
            capture_height=image.shape[0],
        )
        replica = build_portrait(image, landmarks, matte.astype(np.float32), manifest)
        replica.save(folder / "bundle")
        size = sum(map(len, replica.files.values())) / 2**20
        print(f"{name}: {size:.1f} MiB in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
