"""Blinks, looks, sway and mood, by state of the conversation."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.animation.animator import Animator
from visavis.animation.behaviour import look
from visavis.animation.blinking import CLOSED, CLOSING, OPENING, lid
from visavis.animation.face_state import ARKIT_INDEX as AT
from visavis.animation.face_state import FaceState
from visavis.animation.smoothing import Noise, Offset, Spring
from visavis.animation.style import MODES, Mode, expand, style_names

#: Blinks a minute: Doughty 2001, primary gaze and conversation.
RATES: dict[Mode, tuple[float, float]] = {
    "idle": (8, 21),
    "listening": (10, 24),
    "thinking": (8, 24),
    "speaking": (15, 32.5),
}


def run(mode: Mode, seconds: float, seed: int = 0, rate: int = 60, style: str = "natural"):
    face = Animator(seed, style)
    face.set_mode(mode)
    return [face.state(i / rate, None) for i in range(round(seconds * rate))]


def column(states: list[FaceState], name: str) -> np.ndarray:
    return np.array([s[name] for s in states])


def blinks(states: list[FaceState]) -> int:
    shut = column(states, "eyeBlinkLeft") > 0.6
    return int((shut[1:] & ~shut[:-1]).sum())


@pytest.mark.parametrize("mode", MODES)
def test_blink_rates_are_those_of_people(mode: Mode) -> None:
    minutes = 6
    low, high = RATES[mode]
    count = blinks(run(mode, 60 * minutes, seed=4, rate=25))
    assert low <= count / minutes <= high


def test_blinks_are_irregular() -> None:
    states = run("listening", 300, rate=30)
    shut = column(states, "eyeBlinkLeft") > 0.6
    starts = np.flatnonzero(shut[1:] & ~shut[:-1]) / 30
    intervals = np.diff(starts)
    assert intervals.std() > 0.35 * intervals.mean()
    assert intervals.min() < 2.0 < 5.0 < intervals.max()


def test_lid_closes_fast_and_opens_slowly() -> None:
    t = np.arange(-0.05, 0.4, 0.001)
    closed = np.array([lid(x) for x in t])
    assert closed.max() == 1.0 and closed[0] == closed[-1] == 0.0
    assert 0.08 <= CLOSING <= 0.12 and 0.15 <= OPENING <= 0.20 and CLOSED > 0
    speed = np.diff(closed)
    assert speed.max() > 1.3 * -speed.min()
    assert np.abs(np.diff(speed)).max() < 0.002  # no corner


def test_behaviour_depends_on_the_seed_alone() -> None:
    a, b, c = run("speaking", 20, 1), run("speaking", 20, 1), run("speaking", 20, 2)
    same = all(
        np.array_equal(x.arkit, y.arkit)
        and np.array_equal(x.head, y.head)
        and np.array_equal(x.gaze, y.gaze)
        for x, y in zip(a, b, strict=True)
    )
    assert same
    assert not np.allclose(column(a, "eyeBlinkLeft"), column(c, "eyeBlinkLeft"))


def test_frame_rate_does_not_change_what_happens() -> None:
    fast, slow = run("listening", 40, 3, 60), run("listening", 40, 3, 30)
    head = np.array([s.head for s in fast])[::2] - np.array([s.head for s in slow])
    assert np.abs(head).max() < 2e-3
    assert blinks(fast) == blinks(slow)


def test_states_follow_each_other_without_a_jump() -> None:
    face = Animator(7)
    rng = np.random.default_rng(0)
    states = []
    for i in range(60 * 120):
        if i % 97 == 0:
            face.set_mode(MODES[rng.integers(4)])
        if i % 211 == 0:
            face.nod()
        if i % 307 == 0:
            face.blink()
        states.append(face.state(i / 60, None))
    arkit = np.array([s.arkit for s in states])
    head = np.array([s.head for s in states])
    assert arkit.min() >= 0 and arkit.max() <= 1
    still = [i for n, i in AT.items() if not n.startswith("eye")]
    assert np.abs(np.diff(arkit[:, still], axis=0)).max() < 0.02
    assert np.abs(np.diff(arkit[:, AT["eyeBlinkLeft"]])).max() < 0.35
    assert np.degrees(np.abs(np.diff(head[:, :3], axis=0))).max() < 1.0
    # speed is continuous too: no kink in the head's path
    assert np.degrees(np.abs(np.diff(head[:, :3], 2, axis=0))).max() < 0.25


def test_head_moves_by_the_degrees_people_do() -> None:
    def sway(mode: Mode, style: str = "natural") -> float:
        head = np.array([s.head for s in run(mode, 180, 5, 20, style)])
        return float(np.degrees(head[:, :3].std(axis=0).mean()))

    assert 0.4 < sway("idle") < 1.3
    assert sway("idle") < sway("speaking") < 2.2
    assert sway("speaking", "calm") < sway("speaking") < sway("speaking", "lively")


def test_head_motion_is_not_a_sinusoid() -> None:
    x = np.array([Noise(1, np.random.default_rng(2)).at(i / 20)[0] for i in range(20 * 400)])
    power = np.abs(np.fft.rfft((x - x.mean()) * np.hanning(len(x)))) ** 2
    hz = np.fft.rfftfreq(len(x), 1 / 20)
    assert power.max() / power.sum() < 0.15  # no line stands out
    bands = [power[(hz > a) & (hz < 2 * a)].mean() for a in (0.05, 0.2, 0.8)]
    assert bands[0] > bands[1] > bands[2]
    assert 0.6 < x.std() < 1.5


def test_thinking_looks_away_and_listening_looks_at_you() -> None:
    def away(mode: Mode) -> float:
        states = run(mode, 240, 6, 20)
        world = np.array([s.gaze + s.head[:2] for s in states])
        return float((np.hypot(*world.T) > np.radians(5)).mean())

    assert away("listening") < 0.10 < away("speaking") < 0.40 < away("thinking") < 0.95


def test_thinking_looks_up_or_aside_soon() -> None:
    for seed in range(20):
        face = Animator(seed)
        face.set_mode("listening")
        for i in range(120):
            face.state(i / 60, None)
        face.set_mode("thinking")
        states = [face.state(i / 60, None) for i in range(120, 156)]
        world = np.degrees([s.gaze + s.head[:2] for s in states])
        assert np.hypot(*world.T).max() > 5
        assert world[:, 0].min() < -3


def test_eyes_stay_on_target_while_the_head_nods() -> None:
    face = Animator(0)
    states = []
    for i in range(240):
        if i == 60:
            face.nod()
        states.append(face.state(i / 60, None))
    head = np.degrees([s.head[0] for s in states])
    assert head[60:110].max() - head[60] > 3.0
    world = np.degrees([s.gaze[0] + s.head[0] for s in states[60:110]])
    assert np.abs(np.diff(world)).max() < 2.5 and np.ptp(world) < 4.0


def test_eye_coefficients_say_the_same_as_the_gaze() -> None:
    def looking(pitch: float, yaw: float) -> dict[str, float]:
        arkit = np.zeros(52)
        look(arkit, np.array([pitch, yaw]))
        return {n: round(float(arkit[i]), 2) for n, i in AT.items() if arkit[i]}

    assert looking(0.2445, 0) == {"eyeLookDownLeft": 0.5, "eyeLookDownRight": 0.5}
    assert looking(-0.2445, 0) == {"eyeLookUpLeft": 0.5, "eyeLookUpRight": 0.5}
    assert looking(0, 0.2445) == {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}
    assert looking(0, -0.2445) == {"eyeLookInLeft": 0.5, "eyeLookOutRight": 0.5}


def test_a_friendly_face_is_not_even() -> None:
    states = run("listening", 10, 1)
    left, right = column(states, "mouthSmileLeft")[120:], column(states, "mouthSmileRight")[120:]
    assert 0.04 < left.mean() < 0.25 and (np.abs(left - right) > 1e-4).all()


def test_spring_is_exact_for_any_step() -> None:
    one, many = Spring(np.zeros(2), 0.5), Spring(np.zeros(2), 0.5)
    target = np.array([1.0, -2.0])
    for _ in range(50):
        many.step(target, 0.01)
    assert np.allclose(one.step(target, 0.5), many.value)
    assert np.allclose(one.value, target, atol=0.25)
    assert np.allclose(one.step(target, 1e6), target)


def test_offset_runs_out_in_time() -> None:
    offset = Offset(1, 0.1)
    assert offset.at(0.0) is None
    offset.cut(1.0, np.array([0.5]), np.array([2.0]), np.array([0.1]))
    path = [float(offset.at(1.0 + x)[0]) for x in np.linspace(0, 0.0999, 200)]
    assert path[0] == pytest.approx(0.4) and path[-1] == pytest.approx(0.0, abs=1e-3)
    assert path[1] > path[0]  # goes on as it was moving
    assert offset.at(1.1) is None


def test_manners() -> None:
    assert {"calm", "natural", "lively"} <= set(style_names())
    with pytest.raises(ValueError, match="no manner"):
        Animator(style="rude")
    with pytest.raises(ValueError, match="no mode"):
        Animator().set_mode("sleeping")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not an ARKit"):
        expand({"mouthWobble": 1.0})
