"""The mouth from sound alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.visemes import CLOSED, follow, gap, judge, listen, read
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.animation.utterances import speech, utterance
from visavis import models
from visavis.animation import from_audio
from visavis.animation.face_state import ARKIT_INDEX
from visavis.animation.from_audio import LOOK_AHEAD, AudioMotion, as_rows, from_rows
from visavis.animation.log_mel import LogMel
from visavis.animation.visemes import plan_speech

RATES = (8000, 11025, 16000, 22050, 24000, 44100, 48000)
DATA = Path(__file__).parents[1] / "data"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "speech"


def voice_like(seed: int, seconds: float, rate: int) -> NDArray[np.int16]:
    """Syllables of a buzz through changing formants, hisses and pauses: it moves the mouth."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)
    t = np.arange(n) / rate
    out = np.zeros(n)
    for begin in np.arange(0.1, seconds, 0.22):
        inside = (t >= begin) & (t < begin + rng.uniform(0.08, 0.2))
        s = t[inside] - begin
        if rng.random() < 0.3:
            out[inside] = rng.normal(0, 0.05, len(s))
        else:
            pitch, formants = rng.uniform(90, 220), rng.uniform([300, 900], [800, 2300])
            for k in range(1, 18):
                away = (k * pitch - formants) / 150
                out[inside] += np.exp(-(away**2) / 2).sum() * np.sin(2 * np.pi * k * pitch * s) / 8
    return np.clip(out * 8000, -32768, 32767).astype(np.int16)


def sampled(motion: AudioMotion, begin: float, end: float) -> NDArray[np.float64]:
    return np.array([motion.at(t) for t in np.arange(begin, end, 1 / 60)])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.sampled_from(RATES), st.lists(st.integers(0, 5000), max_size=40))
def test_pieces_of_any_size_give_the_same(seed: int, rate: int, sizes: list[int]) -> None:
    sound = voice_like(seed, 1.2, rate)
    whole, pieces = AudioMotion(rate, 3.0), AudioMotion(rate, 3.0)
    whole.feed(sound)
    for part in np.split(sound, np.minimum(np.cumsum(sizes), len(sound)).astype(int)):
        pieces.feed(part)
    assert pieces.end == whole.end == pytest.approx(4.2, abs=1e-3)
    np.testing.assert_allclose(
        sampled(pieces, 2.9, 4.5), sampled(whole, 2.9, 4.5), rtol=0, atol=1e-4
    )
    assert gap(sampled(whole, 2.9, 4.5)).max() > CLOSED  # there was something to be the same


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.sampled_from(RATES), st.floats(0.3, 1.0))
def test_it_looks_no_further_ahead_than_it_says(seed: int, rate: int, until: float) -> None:
    assert LOOK_AHEAD <= 0.040
    sound = voice_like(seed, 1.2, rate)
    other = sound.copy()
    other[round(until * rate) :] = voice_like(seed + 1, 1.2, rate)[round(until * rate) :] // 2
    a, b, late = AudioMotion(rate), AudioMotion(rate), AudioMotion(rate)
    a.feed(sound)
    b.feed(other)
    late.feed(sound[: round(until * rate)])
    for t in np.arange(0, until - LOOK_AHEAD - 1 / rate, 1 / 60):
        np.testing.assert_allclose(a.at(t), b.at(t), rtol=0, atol=1e-5)
        np.testing.assert_allclose(a.at(t), late.at(t), rtol=0, atol=1e-5)


@pytest.mark.parametrize("rate", RATES)
def test_frames_are_alike_at_every_rate(rate: int) -> None:
    t = np.arange(rate) / rate
    tone = 6000 * np.sin(2 * np.pi * 440 * t) + 2000 * np.sin(2 * np.pi * 2500 * t)
    usual = np.arange(48_000) / 48_000
    same = 6000 * np.sin(2 * np.pi * 440 * usual) + 2000 * np.sin(2 * np.pi * 2500 * usual)
    a = LogMel(rate).feed(tone.astype(np.int16))
    b = LogMel(48_000).feed(same.astype(np.int16))
    assert len(a) == len(b) == 100
    heard = b > -1.5  # within 30 dB of the loudest
    np.testing.assert_allclose(a[5:][heard[5:]], b[5:][heard[5:]], atol=0.12)


@pytest.mark.parametrize("level", [0.0, 1e-4, 1e-3, 0.01, 0.03])
@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_silence_and_noise_leave_the_mouth_closed(level: float, slope: float) -> None:
    rng = np.random.default_rng(4)
    spectrum = np.fft.rfft(rng.normal(size=96_000))
    hz = np.maximum(np.fft.rfftfreq(96_000, 1 / 16_000), 20.0)
    sound = np.fft.irfft(spectrum * hz**-slope)
    pcm = (sound / sound.std() * level * 32768).astype(np.int16)
    opening = gap(follow(AudioMotion, pcm, 16_000))
    assert (opening <= CLOSED).mean() > 0.97
    assert np.abs(np.diff(opening)).max() < 0.2


def test_it_closes_where_the_sound_ends_and_rests_before_it() -> None:
    motion = AudioMotion(16_000, 5.0)
    assert not motion.at(5.0).any()
    motion.feed(voice_like(1, 1.0, 16_000))
    assert not motion.at(4.9).any()
    assert not motion.at(6.2).any()
    values = sampled(motion, 4.9, 6.3)
    assert values.min() >= 0.0 and values.max() <= 1.0


def test_a_long_call_keeps_little() -> None:
    motion = AudioMotion(16_000)
    for i in range(60):
        motion.feed(voice_like(i, 1.0, 16_000))
        motion.at(i + 0.5)
    assert len(motion._rows) < 500
    assert motion.end == 60.0


@pytest.mark.parametrize("rate", [0, -16_000, 4000, 7999])
def test_too_few_samples_a_second_are_refused(rate: int) -> None:
    with pytest.raises(ValueError, match="at least 8000"):
        AudioMotion(rate)


@pytest.mark.parametrize("content", [None, b"", b"not a network", "half"])
def test_a_missing_or_damaged_network_is_named(
    content: bytes | str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (Path(from_audio.__file__).parent / from_audio._FILE).read_bytes()
    assert len(whole) < 5e6
    path = tmp_path / "network.onnx"
    if content is not None:
        path.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    monkeypatch.setattr(from_audio, "_FILE", str(path))
    from_audio._network.cache_clear()
    try:
        with pytest.raises(RuntimeError, match=r"missing or damaged.*install visavis again"):
            AudioMotion(16_000)
    finally:
        from_audio._network.cache_clear()


@settings(max_examples=20, deadline=None)
@given(speech)
def test_every_planned_mouth_can_be_answered(phones: list[tuple[str, float, int]]) -> None:
    rows = plan_speech(utterance(phones)).track.values
    again = as_rows(from_rows(rows))
    # Lips that come together are pressed a little sooner, and never part further.
    sealing = rows[:, ARKIT_INDEX["mouthPressLeft"]] > 0.02
    np.testing.assert_allclose(again[~sealing], rows[~sealing], atol=2e-3)
    assert (gap(again) <= gap(rows) + 2e-3).all()


@pytest.mark.weights
@pytest.mark.parametrize("voice", ["jm_kumo", "jf_tebukuro"])
def test_voices_it_has_not_learned_from(voice: str) -> None:
    from visavis.evaluation.face.performance import SCRIPT
    from visavis.speech.kokoro import Kokoro

    try:
        kokoro = Kokoro(voice)
    except models.MissingModelError as e:
        pytest.skip(str(e))
    found = judge(AudioMotion, [kokoro.synthesize(SCRIPT[i]) for i in (0, 3)])
    kokoro.close()
    assert found["closure of /p b m/ within 40 ms"] >= 0.75
    assert found["  by chance"] < 0.6
    assert found["opening: correlation with the plan"] > 0.7
    assert found["rounding: correlation with the plan"] > 0.5
    assert found["closed in silence, 50 ms from speech"] > 0.97
    assert abs(found["opening: behind the plan, ms"]) <= 20


def test_a_real_recording() -> None:
    found = listen(AudioMotion, *read(DATA / "ami_question.flac"))
    assert found["correlation with loudness"] > found["  0.4 s and more beside it"] + 0.2
    assert found["open while loud"] > 0.6


@pytest.mark.data
@pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data does not lie beside the checkout")
@pytest.mark.parametrize("name", ["RD_Radio31_000", "chinese_news", "deyu", "imagine", "japanese"])
def test_real_recordings_in_other_languages(name: str) -> None:
    audio, rate = read(SHARED / f"{name}.wav")
    found = listen(AudioMotion, audio[: 15 * rate], rate)
    assert found["correlation with loudness"] > found["  0.4 s and more beside it"] + 0.2
    assert found["open while loud"] > 0.6
