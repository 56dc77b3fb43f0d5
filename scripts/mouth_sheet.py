"""Draw the mouth at each sound of a sentence, planned from phonemes and heard from sound alone.

    python scripts/mouth_sheet.py OUT.jpg [--text …] [--voice jm_kumo] [--replica clara]

Upper rows are from phonemes, the lower ones beneath them from sound. The voice is a Kokoro style;
``jm_kumo`` is one that the network has not learned from.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from face_sheet import label

from visavis.animation.face_state import FaceState
from visavis.animation.from_audio import AudioMotion
from visavis.animation.visemes import plan_speech
from visavis.rendering.painter import PortraitPainter
from visavis.replicas.catalog import load_replica
from visavis.speech.kokoro import Kokoro

COLUMNS, TILE = 12, (150, 114)
SIZE = (1280, 720)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--text", default="Please bring both pills back before five, and phone me.")
    parser.add_argument("--voice", default="jm_kumo")
    parser.add_argument("--replica", default="clara")
    args = parser.parse_args()
    spoken = Kokoro(args.voice).synthesize(args.text)
    replica = load_replica(args.replica)
    painter = PortraitPainter(replica, SIZE)
    x, y, width, height = mouth(replica.rig())
    heard = AudioMotion(spoken.sample_rate)
    heard.feed(spoken.audio)
    planned = plan_speech(spoken).track

    def tile(values: np.ndarray, text: str) -> np.ndarray:
        state = FaceState(0.0)
        state.arkit[:] = values[:52]
        part = painter.paint(state)[y : y + height, x : x + width]
        return label(cv2.resize(part, TILE, interpolation=cv2.INTER_AREA), text)

    rows: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for p in spoken.phones:
        if p.ipa:
            t = p.start + (0.35 if p.ipa in "pbmfv" else 0.5) * (p.end - p.start)
            name = p.ipa if p.ipa.isascii() else ""
            rows[0].append(tile(planned.at(t), name))
            rows[1].append(tile(heard.at(t), ""))
    sheet = []
    for i in range(0, len(rows[0]), COLUMNS):
        for row in rows:
            tiles = row[i : i + COLUMNS]
            tiles += [np.zeros_like(tiles[0])] * (COLUMNS - len(tiles))
            sheet.append(np.hstack(tiles))
    cv2.imwrite(str(args.out), np.vstack(sheet)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


def mouth(rig: object) -> tuple[int, int, int, int]:
    """Left, top, width and height of the mouth in the picture, pixels."""
    camera = rig.camera
    zoom = max(SIZE[0] / camera.width, SIZE[1] / camera.height)
    unit = camera.scale * zoom
    hidden = np.array([camera.width, camera.height]) * zoom - SIZE
    face, row = rig.layers["face"].positions, rig.rows["lip_upper"]
    lip = face[row[len(row) // 2]]
    middle = np.array(camera.origin) * zoom - hidden * (0.5, 0.4)
    middle = middle + np.array([lip[0], -lip[1] + 0.1]) * unit
    size = np.array([1.25, 0.95]) * unit
    left, top = (middle - size / 2).astype(int)
    return int(left), int(top), int(size[0]), int(size[1])


if __name__ == "__main__":
    main()
