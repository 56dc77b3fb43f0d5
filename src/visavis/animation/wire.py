"""FaceStates as small binary messages, for browsers that draw the face themselves.

A message is one state or a few, one behind the other. Little-endian, 76 bytes each; every field
is aligned, so that a browser can read it with typed arrays:

====== ========= ==============================================================
offset type      meaning
====== ========= ==============================================================
0      uint8     version, 1
1      uint8     emotion, index into :data:`EMOTIONS`
2      uint8     emotion intensity × 255
3      uint8     zero
4      uint32    time on the audio clock, units of 0.1 ms
8      uint8[52] ARKit coefficients × 255, in the order of ``ARKIT_NAMES``
60     int16[8]  head pitch, yaw, roll, x, y, z; gaze pitch, yaw; units of 0.0001
====== ========= ==============================================================
"""

from __future__ import annotations

import struct

import numpy as np

from visavis.animation.emotion import labels
from visavis.animation.face_state import FaceState

VERSION = 1
#: Bytes of a state.
SIZE = 76
#: Emotion labels that can be sent.
EMOTIONS = labels()
_HEADER = struct.Struct("<BBBBI")
_TIME, _POSE = 1e4, 1e4
_LONGEST = (2**32 - 1) / _TIME


def encode(state: FaceState) -> bytes:
    """The bytes of a state. Values outside a field's range are clipped to it.

    Raises:
        ValueError: the time is negative or beyond 119 hours, a value is not a number, an array
            has the wrong shape, or the emotion is not in :data:`EMOTIONS`.
    """
    if not 0.0 <= state.t <= _LONGEST:
        raise ValueError(f"time must be in 0..{_LONGEST:.0f} s, got {state.t}")
    if state.emotion not in EMOTIONS:
        raise ValueError(f"unknown emotion {state.emotion!r}; one of {', '.join(EMOTIONS)}")
    if state.arkit.shape != (52,) or state.head.shape != (6,) or state.gaze.shape != (2,):
        raise ValueError("a state has 52 coefficients, 6 of the head and 2 of gaze")
    pose = np.concatenate([state.head, state.gaze]).astype(np.float64)
    if not (np.isfinite(state.arkit).all() and np.isfinite(pose).all()):
        raise ValueError("a state's values must be finite numbers")
    header = _HEADER.pack(
        VERSION,
        EMOTIONS.index(state.emotion),
        round(min(max(state.emotion_intensity, 0.0), 1.0) * 255),
        0,
        round(state.t * _TIME),
    )
    arkit = np.rint(np.clip(state.arkit, 0.0, 1.0) * 255).astype(np.uint8)
    motion = np.rint(np.clip(pose * _POSE, -32767, 32767)).astype("<i2")
    return header + arkit.tobytes() + motion.tobytes()


def decode(message: bytes) -> FaceState:
    """The state in these bytes.

    Raises:
        ValueError: they are not one state of this version.
    """
    if len(message) != SIZE:
        raise ValueError(f"a FaceState has {SIZE} bytes, got {len(message)}")
    version, emotion, intensity, _, t = _HEADER.unpack_from(message)
    if version != VERSION:
        raise ValueError(f"FaceState message of version {version}; this is version {VERSION}")
    if emotion >= len(EMOTIONS):
        raise ValueError(f"FaceState message with unknown emotion {emotion}")
    arkit = np.frombuffer(message, np.uint8, 52, 8).astype(np.float32) / np.float32(255)
    pose = (np.frombuffer(message, "<i2", 8, 60) / _POSE).astype(np.float32)
    return FaceState(t / _TIME, arkit, pose[:6], pose[6:], EMOTIONS[emotion], intensity / 255)


def split(message: bytes) -> list[FaceState]:
    """The states of a message, in its order.

    Raises:
        ValueError: it is not made of states of this version.
    """
    return [decode(message[i : i + SIZE]) for i in range(0, len(message), SIZE)]
