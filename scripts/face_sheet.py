"""Draw contact sheets of a replica's shapes, to look at.

    python scripts/face_sheet.py REPLICA OUT_DIR [--size 1280x720] [--voice kokoro]

Writes ``faces.png`` (whole frames), ``mouth.png`` and ``eyes.png`` (twice enlarged), and
``emotions.png`` (each at full intensity, nine tenths of a second after it was set). With a voice,
also ``sounds.png``: the mouth in the middle of sounds as that voice speaks them, without head
motion; the figure is the time in seconds within the sentences of the evaluation.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from visavis.animation.animator import Animator
from visavis.animation.emotion import labels
from visavis.animation.face_state import ARKIT_INDEX, FaceState
from visavis.animation.visemes import plan_speech
from visavis.evaluation.face.performance import SCRIPT
from visavis.rendering.painter import PortraitPainter
from visavis.replicas.bundle import load
from visavis.speech import open_synthesizer

Weights = dict[str, float]

SHAPES: dict[str, Weights] = {
    "rest": {},
    "aa": {"jawOpen": 0.5, "mouthUpperUp": 0.1, "mouthLowerDown": 0.15},
    "AA": {"jawOpen": 0.8, "mouthUpperUp": 0.15, "mouthLowerDown": 0.15},
    "eh": {"jawOpen": 0.28, "mouthStretch": 0.2, "mouthUpperUp": 0.15, "mouthLowerDown": 0.3},
    "ee": {"jawOpen": 0.12, "mouthSmile": 0.4, "mouthStretch": 0.3, "mouthUpperUp": 0.25,
           "mouthLowerDown": 0.4},
    "oo": {"jawOpen": 0.12, "mouthPucker": 0.7, "mouthFunnel": 0.3},
    "oh": {"jawOpen": 0.35, "mouthFunnel": 0.55, "mouthPucker": 0.25},
    "m": {"jawOpen": 0.1, "mouthClose": 0.1, "mouthPress": 0.25, "mouthRollLower": 0.15,
          "mouthRollUpper": 0.15},
    "f": {"jawOpen": 0.07, "mouthClose": 0.035, "mouthRollLower": 0.4, "mouthUpperUp": 0.5},
    "l": {"jawOpen": 0.25, "tongueOut": 0.6, "mouthUpperUp": 0.12, "mouthLowerDown": 0.25},
    "s": {"jawOpen": 0.06, "mouthSmile": 0.15, "mouthStretch": 0.3, "mouthUpperUp": 0.2,
          "mouthLowerDown": 0.4},
    "smile": {"mouthSmile": 0.7, "cheekSquint": 0.5, "eyeSquint": 0.3},
    "laugh": {"mouthSmile": 0.9, "jawOpen": 0.25, "cheekSquint": 0.8, "mouthUpperUp": 0.4},
    "frown": {"mouthFrown": 0.7, "browDown": 0.6},
    "blink": {"eyeBlink": 1.0},
    "half": {"eyeBlink": 0.5},
    "squint": {"eyeSquint": 1.0},
    "wide": {"eyeWide": 0.8, "browInnerUp": 0.4},
    "brows": {"browInnerUp": 0.8, "browOuterUp": 0.8},
    "sneer": {"noseSneer": 0.7, "browDown": 0.7},
}  # fmt: skip

#: Sounds of the last sheet, and how to write them in ASCII.
SOUNDS = {"p": "p", "b": "b", "m": "m", "f": "f", "v": "v", "w": "w", "uː": "u:", "æ": "ae",
          "aɪ": "ai"}  # fmt: skip
#: How many of each.
TAKES = 5


def spoken_sounds(voice: str) -> list[tuple[str, FaceState]]:
    """Labels and states of the first :data:`TAKES` of each of :data:`SOUNDS`, sorted by sound."""
    speaker = open_synthesizer(voice)
    found: dict[str, list[tuple[str, FaceState]]] = {s: [] for s in SOUNDS}
    begin = 0.0
    try:
        for sentence in SCRIPT:
            spoken = speaker.synthesize(sentence)
            motion = plan_speech(spoken)
            for phone in spoken.phones:
                if phone.ipa in found:
                    middle = (phone.start + phone.end) / 2
                    mouth = np.asarray(motion.evaluate(middle)[:52], np.float32)
                    text = f"{SOUNDS[phone.ipa]} {begin + middle:.2f}"
                    found[phone.ipa].append((text, FaceState(middle, mouth)))
            begin += spoken.duration
    finally:
        speaker.close()
    return [take for takes in found.values() for take in takes[:TAKES]]


def state(weights: Weights, **pose: float) -> FaceState:
    """A state from weights (names without side mean both) and pose in degrees."""
    s = FaceState(0.0)
    for name, value in weights.items():
        names = [name] if name in ARKIT_INDEX else [f"{name}Left", f"{name}Right"]
        for n in names:
            s.arkit[ARKIT_INDEX[n]] = value
    for i, axis in enumerate(("pitch", "yaw", "roll")):
        s.head[i] = np.radians(pose.get(axis, 0.0))
    s.gaze[:] = np.radians([pose.get("gaze_pitch", 0.0), pose.get("gaze_yaw", 0.0)])
    return s


def label(image: np.ndarray, text: str) -> np.ndarray:
    out = image.copy()
    cv2.putText(out, text, (6, 20), 0, 0.55, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(out, text, (6, 20), 0, 0.55, (255, 255, 90), 1, cv2.LINE_AA)
    return out


def grid(tiles: list[np.ndarray], columns: int) -> np.ndarray:
    while len(tiles) % columns:
        tiles.append(np.zeros_like(tiles[0]))
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("replica", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--voice", help="also draw the sounds of this voice")
    args = parser.parse_args()
    width, height = (int(v) for v in args.size.split("x"))
    replica = load(args.replica)
    rig = replica.rig()
    painter = PortraitPainter(replica, (width, height))
    zoom = max(width / rig.camera.width, height / rig.camera.height)
    unit = rig.camera.scale * zoom
    hidden = np.array([rig.camera.width * zoom - width, rig.camera.height * zoom - height])
    eyes = np.array(rig.camera.origin) * zoom - hidden * (0.5, 0.4)
    middle = eyes + np.array([0, 0.45 * unit])
    face = rig.layers["face"].positions
    lip = face[rig.rows["lip_upper"][len(rig.rows["lip_upper"]) // 2]]
    mouth = eyes + np.array([lip[0], -lip[1]]) * unit

    def crop(image: np.ndarray, centre: np.ndarray, w: float, h: float, scale: int) -> np.ndarray:
        x0, y0 = int(centre[0] - w * unit / 2), int(centre[1] - h * unit / 2)
        x0, y0 = max(x0, 0), max(y0, 0)
        part = image[y0 : y0 + int(h * unit), x0 : x0 + int(w * unit)]
        return cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)

    args.out.mkdir(parents=True, exist_ok=True)
    faces, mouths = [], []
    for name, weights in SHAPES.items():
        image = painter.paint(state(weights)).copy()
        faces.append(label(crop(image, middle, 2.9, 3.4, 1), name))
        if name not in ("blink", "half", "squint", "wide", "brows"):
            mouths.append(
                label(crop(image, mouth + np.array([0, 0.1 * unit]), 1.35, 1.15, 2), name)
            )
    poses = [
        dict(yaw=8.0), dict(yaw=-8.0), dict(pitch=6.0), dict(pitch=-6.0), dict(roll=8.0),
    ]  # fmt: skip
    for pose in poses:
        image = painter.paint(state({}, **pose)).copy()
        text = " ".join(f"{a} {v:+.0f}" for a, v in pose.items())
        faces.append(label(crop(image, middle, 2.9, 3.4, 1), text))
    zooms = []
    for name, weights, pose in [
        ("rest", {}, {}), ("half", SHAPES["half"], {}), ("blink", SHAPES["blink"], {}),
        ("0.75", {"eyeBlink": 0.75}, {}), ("squint", SHAPES["squint"], {}),
        ("wide", SHAPES["wide"], {}), ("left", {}, {"gaze_yaw": 12.0}),
        ("right", {}, {"gaze_yaw": -12.0}), ("up", {}, {"gaze_pitch": -8.0}),
        ("down", {}, {"gaze_pitch": 10.0}),
    ]:  # fmt: skip
        image = painter.paint(state(weights, **pose)).copy()
        zooms.append(label(crop(image, eyes, 1.75, 0.75, 2), name))
    felt = []
    for name in labels():
        face_ = Animator(seed=2)
        face_.set_mode("listening")
        for i in range(60):
            face_.state(i / 60, None)
        face_.set_emotion(name)
        shown = [face_.state(1 + i / 60, None) for i in range(54)][-1]
        for side in ("Left", "Right"):
            shown.arkit[ARKIT_INDEX[f"eyeBlink{side}"]] = 0
        felt.append(label(crop(painter.paint(shown).copy(), middle, 2.9, 3.4, 1), name))
    sheets = [("faces", faces, 7), ("mouth", mouths, 5), ("eyes", zooms, 3), ("emotions", felt, 7)]
    if args.voice:
        said = [
            label(crop(painter.paint(s).copy(), mouth, 1.35, 0.85, 2), text)
            for text, s in spoken_sounds(args.voice)
        ]
        sheets.append(("sounds", said, TAKES))
    for file, tiles, columns in sheets:
        cv2.imwrite(str(args.out / f"{file}.png"), grid(tiles, columns)[..., ::-1])


if __name__ == "__main__":
    main()
