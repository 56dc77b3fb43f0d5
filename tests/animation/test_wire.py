"""FaceState messages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from visavis.animation.face_state import FaceState
from visavis.animation.wire import EMOTIONS, SIZE, decode, encode

unit = hnp.arrays(np.float32, 52, elements=st.floats(0, 1, width=32))


def angles(n: int) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.float32, n, elements=st.floats(-3.0, 3.0, width=32))


@given(
    st.floats(0, 400_000),
    unit,
    angles(6),
    angles(2),
    st.sampled_from(EMOTIONS),
    st.floats(0, 1),
)
def test_round_trip(
    t: float,
    arkit: np.ndarray,
    head: np.ndarray,
    gaze: np.ndarray,
    emotion: str,
    intensity: float,
) -> None:
    message = encode(FaceState(t, arkit, head, gaze, emotion, intensity))
    assert len(message) == SIZE == 76
    out = decode(message)
    assert abs(out.t - t) <= 0.51e-4
    assert np.abs(out.arkit - arkit).max() <= 0.5 / 255 + 1e-6
    assert np.abs(out.head - head).max() <= 0.51e-4 and np.abs(out.gaze - gaze).max() <= 0.51e-4
    assert out.emotion == emotion and abs(out.emotion_intensity - intensity) <= 0.5 / 255 + 1e-9
    assert encode(out) == message


def test_clips_what_does_not_fit() -> None:
    state = FaceState(0.0, np.full(52, 1.7, np.float32), np.full(6, -9, np.float32))
    out = decode(encode(state))
    assert (out.arkit == 1).all() and np.allclose(out.head, -3.2767)


def test_layout_is_aligned_and_little_endian() -> None:
    state = FaceState(12.3456)
    state.arkit[:] = np.arange(52) / 255
    state.head[:] = (0.1, -0.1, 0.2, 0, 0, 0.03)
    state.gaze[:] = (-0.05, 0.05)
    m = encode(state)
    assert m[:4] == bytes([1, 0, 0, 0]) and int.from_bytes(m[4:8], "little") == 123456
    assert m[8:60] == bytes(range(52))
    assert np.frombuffer(m, "<i2", offset=60).tolist() == [1000, -1000, 2000, 0, 0, 300, -500, 500]


@pytest.mark.parametrize(
    "state",
    [
        FaceState(-1.0),
        FaceState(5e5),
        FaceState(float("nan")),
        FaceState(0.0, emotion="hungry"),
        FaceState(0.0, np.zeros(51, np.float32)),
        FaceState(0.0, np.full(52, np.nan, np.float32)),
        FaceState(0.0, head=np.full(6, np.inf, np.float32)),
    ],
)
def test_bad_states_are_refused(state: FaceState) -> None:
    with pytest.raises(ValueError):
        encode(state)


def test_bad_messages_are_refused() -> None:
    good = encode(FaceState(1.0))
    for bad in (good[:-1], b"\x02" + good[1:], good[:1] + b"\xff" + good[2:]):
        with pytest.raises(ValueError):
            decode(bad)
