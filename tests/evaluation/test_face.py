"""The measures of a talking face see what was put into it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from typer.testing import CliRunner

from visavis.cli import app
from visavis.evaluation.face import measures as m
from visavis.evaluation.face.performance import Performance, Picture, of_file, of_replica
from visavis.evaluation.face.report import render
from visavis.evaluation.face.scorecard import SHIFTS, Scorecard, _controls, _named, _ranks, judge
from visavis.evaluation.face.track import Track, follow
from visavis.evaluation.lipsync import lag
from visavis.media.spoken import Phone
from visavis.media.video import AUDIO_RATE, VideoError
from visavis.rendering.file import FileWriter
from visavis.replicas.catalog import load_stock
from visavis.speech import open_synthesizer

rendered = pytest.mark.weights
SIZE = (640, 360)


@pytest.fixture(scope="module")
def performance() -> Performance:
    voice = open_synthesizer("piper:joe")
    try:
        return of_replica(load_stock(), voice, seconds=10, size=SIZE, fps=25)
    finally:
        voice.close()


@pytest.fixture(scope="module")
def card(performance: Performance) -> Scorecard:
    return judge(performance)


def value(card: Scorecard, name: str) -> float:
    return next(r.value for r in card.rows if r.name.startswith(name))


@rendered
def test_our_own_face_is_in_step(card: Scorecard) -> None:
    assert value(card, "closure of /p b m/") >= 0.9
    assert value(card, "/f v/ sealed like /p b m/") <= 0.25
    assert value(card, "mouth closed in silence") >= 0.98
    assert abs(value(card, "mouth behind sound")) <= 25
    assert value(card, "identity, mean") >= 0.95
    assert value(card, "jumps of the head") == 0
    assert value(card, "flicker") < 0.5
    assert card.ranks["correlation"]


@rendered
@pytest.mark.parametrize("late", [-0.2, -0.12, -0.08, 0.08, 0.12, 0.2])
def test_a_shifted_sound_is_found_out(card: Scorecard, late: float) -> None:
    own = lag(card.track.t, card.track.opening, card.sound, AUDIO_RATE, 0.0)
    shifted = lag(card.track.t, card.track.opening, card.sound, AUDIO_RATE, late)
    assert own is not None
    assert shifted is not None
    assert own.seconds - shifted.seconds == pytest.approx(late, abs=0.01)
    assert m.agreement(card.track, card.sound) > m.agreement(card.track, card.sound, late) + 0.05


@rendered
def test_a_frozen_mouth_agrees_with_nothing_and_a_gaping_one_never_closes(card: Scorecard) -> None:
    rng = np.random.default_rng(0)
    still = replace_track(card.track, opening=0.01 + rng.normal(0, 0.002, len(card.track.t)))
    assert abs(m.agreement(still, card.sound)) < 0.2
    # a mouth that closes in silence only
    speaking = ~m.silence(card.track, card.sound)
    gaping = replace_track(card.track, opening=card.track.opening + 0.06 * speaking)
    assert m.closures(gaping, card.phones).share < 0.3
    babbling = replace_track(card.track, opening=card.track.opening + 0.06 * ~speaking)
    assert m.closed_in_silence(babbling, card.sound) < 0.1


@rendered
def test_a_mouth_that_never_opens_passes_for_nothing(card: Scorecard) -> None:
    shut = replace_track(card.track, opening=np.full(len(card.track.t), 0.005))
    assert m.closures(shut, card.phones).share == 1.0
    assert m.openings(shut, card.phones).share == 0.0
    assert m.sealed_labiodentals(shut, card.phones) == 1.0
    _, ranks = _controls(shut, card.sound, card.sound[::-1], card.phones)
    assert not any(ranks[name] for name in ranks if name != "narrowing for /u o w/")
    assert value(card, "lips apart for open vowels") >= 0.6


@rendered
def test_every_measure_of_phonemes_has_its_controls(card: Scorecard) -> None:
    assert len(card.controls) == 7
    for name, row in card.controls.items():
        assert len(row) == len(SHIFTS) + 2, name
        assert name == "lag" or row["own sound"] > row["another sound"], name
    for name in ("closure of /p b m/", "mouth closed in silence", "lag", "correlation"):
        assert card.ranks[name], name


@rendered
def test_a_picture_that_jumps_and_flickers_is_noticed(performance: Performance) -> None:
    def broken() -> Iterator[tuple[float, Picture]]:
        for i, (t, picture) in enumerate(performance.frames()):
            if i >= 60:
                return
            shifted = np.roll(picture, 14, axis=1) if i >= 30 else picture
            yield t, np.clip(shifted.astype(int) + 4 * (i % 2), 0, 255).astype(np.uint8)

    track = follow(replace(performance, frames=broken))
    (at,) = m.jumps(track)
    assert at == pytest.approx(30 / 25, abs=0.05)
    assert track.flicker > 3


@rendered
def test_the_report_says_it_all_and_stands_alone(card: Scorecard) -> None:
    page = render(card, real=card)
    for row in card.rows:
        assert row.name.split(",")[0] in page
    assert "ranks its controls" in page
    assert page.count("data:image/jpeg;base64,") > 20
    assert "http" not in page
    json.dumps(card.as_dict(), allow_nan=False)


@rendered
def test_a_film_from_the_command_line(performance: Performance, tmp_path: Path) -> None:
    film, figures = tmp_path / "film.mp4", tmp_path / "figures.json"
    with FileWriter(film, SIZE, 25, AUDIO_RATE) as out:
        for t, picture in performance.frames():
            if t >= 7:
                break
            out.write_frame(picture)
        out.write_audio(performance.sound[: 7 * AUDIO_RATE])
    report = tmp_path / "report.html"
    result = CliRunner().invoke(
        app, ["eval", "face", str(film), "--report", str(report), "--json", str(figures)]
    )
    assert result.exit_code == 0, result.output
    assert "film.mp4" in report.read_text()
    found = {r["name"]: r for r in json.loads(figures.read_text())["measures"]}
    assert abs(found["mouth behind sound at best agreement, ms"]["value"]) < 60
    assert found["closure of /p b m/ within ±40 ms, share"]["value"] is None


def test_what_cannot_be_judged_says_why(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no file"):
        of_file(tmp_path / "nothing.mp4")
    text = tmp_path / "text.mp4"
    text.write_text("not a film")
    with pytest.raises(VideoError, match="cannot be read"):
        of_file(text)
    for name, seconds, sound, message in (
        ("short.mp4", 1, True, "need 3 s"),
        ("mute.mp4", 4, False, "no sound"),
    ):
        with FileWriter(tmp_path / name, (64, 64), 25, AUDIO_RATE if sound else None) as out:
            for _ in range(25 * seconds):
                out.write_frame(np.zeros((64, 64, 3), np.uint8))
            if sound:
                out.write_audio(np.zeros(AUDIO_RATE * seconds, np.int16))
        with pytest.raises(VideoError, match=message):
            of_file(tmp_path / name)


def test_a_silent_sound_track_is_refused(tmp_path: Path) -> None:
    with FileWriter(tmp_path / "quiet.mp4", (64, 64), 25, AUDIO_RATE) as out:
        for _ in range(100):
            out.write_frame(np.zeros((64, 64, 3), np.uint8))
        out.write_audio(np.zeros(AUDIO_RATE * 4, np.int16))
    with pytest.raises(VideoError, match="silent sound track"):
        of_file(tmp_path / "quiet.mp4")


def test_a_film_without_a_face_is_refused() -> None:
    def grey() -> Iterator[tuple[float, Picture]]:
        for i in range(10):
            yield i / 25, np.full((240, 320, 3), 128, np.uint8)

    nobody = Performance("wall.mp4", 25, 0.4, grey, np.zeros(6400, np.int16))
    with pytest.raises(VideoError, match="face was found in 0 %"):
        follow(nobody)


def replace_track(track: Track, **changes: object) -> Track:
    return replace(track, **changes)  # type: ignore[arg-type]


def made_up(t: NDArray[np.float64], opening: NDArray[np.float64]) -> Track:
    n = len(t)
    who = np.zeros((max(2, n // 12), 4))
    who[:, 0] = 1
    return Track(
        t, opening, np.ones(n), np.full(n, 0.3), np.zeros((n, 7, 2)),
        np.linspace(0, t[-1], len(who)), who, 0.0, 1.0, [b""] * n,
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.8, 8.5), min_size=1, max_size=8, unique=True), st.integers(0, 99))
def test_exactly_the_missed_closures_are_missed(times: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = np.arange(0, 9, 1 / 30)
    opening = np.where(t < 0.6, 0.01, 0.2)
    phones, kept = [], 0
    for at in sorted(times):
        if phones and at - phones[-1].end < 0.2:
            continue
        phones.append(Phone("p", at, at + 0.06))
        if rng.random() < 0.5:
            kept += 1
            opening[(t > at - 0.02) & (t < at + 0.08)] = 0.01
    recall = m.closures(made_up(t, opening), tuple(phones))
    assert (recall.wanted, recall.got) == (len(phones), kept)
    assert len(recall.missed) == len(phones) - kept


@settings(max_examples=20, deadline=None)
@given(st.floats(0.0, 0.6))
def test_somebody_who_becomes_somebody_else_has_a_slope(turn: float) -> None:
    track = made_up(np.arange(0, 60, 1 / 30), np.zeros(1800))
    angle = np.linspace(0, turn, len(track.identity))
    track.identity = np.c_[np.cos(angle), np.sin(angle), np.zeros((len(angle), 2))]
    who = m.identity(track)
    assert who.slope <= 1e-9
    assert who.lowest == pytest.approx(np.cos(turn * 11 / 12), abs=0.03)
    if turn > 0.3:
        assert who.slope < -0.03


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 20))
def test_blinks_are_counted(count: int) -> None:
    t = np.arange(0, 60, 1 / 30)
    track = made_up(t, np.zeros(len(t)))
    for k in range(count):
        track.eyes[(t > 2 + 2.5 * k) & (t < 2.15 + 2.5 * k)] = 0.05
    found = m.blinks(track)
    assert found.per_minute == pytest.approx(count, rel=0.01)
    assert found.duration == pytest.approx(0.15, abs=0.04)
    assert len(found.times) == count
    if count > 1:
        assert found.interval == pytest.approx(2.5, abs=0.04)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 0.4), st.integers(1, 250))
def test_a_leap_of_the_lips_is_their_greatest_speed(leap: float, at: int) -> None:
    t = np.arange(0, 9, 1 / 30)
    smooth = 0.05 + 0.02 * np.sin(4 * t)
    usual, most = m.lip_speeds(made_up(t, smooth + leap * (np.arange(len(t)) >= at)))
    assert most == pytest.approx(leap * 30, abs=0.1)
    assert usual < 0.1


def test_a_sound_drawn_into_silence_asks_for_nothing() -> None:
    t = np.arange(0, 4, 1 / 30)
    sound = np.zeros(4 * AUDIO_RATE, np.int16)
    sound[: 2 * AUDIO_RATE] = np.random.default_rng(0).normal(0, 3000, 2 * AUDIO_RATE)
    said = tuple(Phone("m", a, b, 0) for a, b in ((0.5, 0.6), (1.9, 1.99), (1.95, 3.5)))
    assert m.heard(made_up(t, np.zeros(len(t))), sound, said) == said[:2]


def controls_of(own: float, other: float, shifted: Callable[[float], float]) -> dict[str, float]:
    row = {"own sound": own} | {_named(s): shifted(s) for s in SHIFTS}
    return row | {"another sound": other}


@given(st.floats(0, 1))
def test_a_measure_that_gives_everybody_the_same_does_not_rank(same: float) -> None:
    assert not _ranks(controls_of(same, same, lambda s: same))


@given(st.floats(0.3, 1), st.floats(-0.1, 0.15), st.floats(-0.03, 0.03))
def test_a_measure_that_falls_with_the_shift_ranks(own: float, other: float, early: float) -> None:
    def bell(s: float) -> float:
        return other + (own - other) * float(np.exp(-(((s - early) / 0.06) ** 2)))

    assert _ranks(controls_of(bell(0.0), other, bell)) == (bell(0.0) >= other + 0.1)
    assert not _ranks(controls_of(bell(0.0), bell(0.0) - 0.05, bell))
    # one that likes a shift of 120 ms best is no measure, however good its figure
    assert not _ranks(controls_of(own, other, lambda s: own if abs(s) == 0.12 else other))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99))
def test_a_short_film_tells_no_slope(seed: int) -> None:
    """The same person with noise: ten minutes say so, half a minute does not."""
    rng = np.random.default_rng(seed)

    def film(seconds: float) -> m.Identity:
        track = made_up(np.arange(0, seconds, 1 / 30), np.zeros(round(30 * seconds)))
        noise = rng.normal(0, 0.2, (len(track.identity), 8))
        track.identity = np.c_[np.ones(len(noise)), noise]
        track.identity /= np.linalg.norm(track.identity, axis=1, keepdims=True)
        return m.identity(track)

    short, long = film(30), film(600)
    assert long.slope_error < 0.005
    assert abs(long.slope) < 0.01
    assert short.slope_error > 3 * long.slope_error
