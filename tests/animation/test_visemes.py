"""Lips against phoneme times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.animation.utterances import CONSONANTS, VOWELS, speech, utterance
from visavis.animation.face_state import ARKIT_INDEX as AT
from visavis.animation.phonemes import visemes
from visavis.animation.visemes import SpeechMotion, plan_speech
from visavis.media.spoken import Phone, SpokenAudio

#: The lips are closed when the jaw's opening is taken back to this and nothing else parts them.
CLOSED = 0.02
PARTING = ("mouthFunnel", "mouthLowerDownLeft", "mouthUpperUpLeft", "mouthShrugUpper")


def gap(values: np.ndarray) -> np.ndarray:
    """Opening of the lips in coefficients: jaw less mouthClose, plus what else parts them."""
    v = np.atleast_2d(values)
    jaw = v[:, AT["jawOpen"]] - v[:, AT["mouthClose"]]
    return jaw + 0.3 * v[:, [AT[n] for n in PARTING]].sum(1)


def sampled(motion: SpeechMotion, start: float, end: float, rate: float = 240) -> np.ndarray:
    times = np.arange(start, end, 1 / rate)
    return np.array([motion.evaluate(t) for t in times])


def value(phones: list[tuple[str, float]], at: int, name: str, where: float = 0.5) -> float:
    """The coefficient in the at-th phone of an utterance."""
    spoken = utterance(phones)
    p = spoken.phones[at]
    return float(plan_speech(spoken).evaluate(p.start + where * (p.end - p.start))[AT[name]])


@settings(max_examples=60, deadline=None)
@given(speech)
def test_in_range_and_continuous(phones: list[tuple[str, float, int]]) -> None:
    motion = plan_speech(utterance(phones))
    v = sampled(motion, -0.5, motion.duration + 0.6, 60)
    assert v.min() >= 0 and v.max() <= 1
    assert np.abs(np.diff(v, axis=0)).max() < 0.2
    assert not v[0].any() and not v[-1].any()


@settings(max_examples=60, deadline=None)
@given(speech)
def test_bilabials_close_within_40_ms(phones: list[tuple[str, float, int]]) -> None:
    spoken = utterance(phones)
    motion = plan_speech(spoken)
    for p in spoken.phones:
        if p.ipa in ("p", "b", "m"):
            # the closure is the stop's first part; its middle is a third into the segment
            middle = p.start + 0.35 * (p.end - p.start)
            # seen at 25 pictures a second at the worst phase, one picture must show it
            near = gap(sampled(motion, middle - 0.04, middle + 0.04))
            assert near.min() < CLOSED
            assert (near < CLOSED).sum() / 240 >= 0.03


@settings(max_examples=60, deadline=None)
@given(speech)
def test_silence_is_closed(phones: list[tuple[str, float, int]]) -> None:
    spoken = utterance(phones, lead=0.4, tail=0.5)
    motion = plan_speech(spoken)
    spans, quiet = [], 0.0
    for p in spoken.phones:
        if p.ipa:
            spans.append((quiet, p.start))
            quiet = p.end
    spans.append((quiet, spoken.duration))
    for start, end in spans:
        if end - start >= 0.2:
            # lips settle after the last sound and part before the next
            inner = gap(sampled(motion, start + 0.09, end - 0.10))
            assert (inner < CLOSED).mean() >= 0.98
        elif end - start >= 0.06:
            assert gap(sampled(motion, start, end)).min() < CLOSED


@given(st.lists(st.tuples(st.text(max_size=4), st.floats(0, 0.3)), max_size=12))
@settings(max_examples=100, deadline=None)
def test_any_symbol_is_taken(phones: list[tuple[str, float]]) -> None:
    motion = plan_speech(utterance(phones))
    assert np.isfinite(sampled(motion, -0.3, motion.duration + 0.3, 30)).all()


def test_every_ipa_letter_has_a_shape() -> None:
    # The letters of the IPA chart (2020), pulmonic and not, vowels, and misaki's own.
    chart = "pbtdʈɖcɟkɡqɢʔmɱnɳɲŋɴʙrʀⱱɾɽɸβfvθðszʃʒʂʐçʝxɣχʁħʕhɦɬɮʋɹɻjɰlɭʎʟʍwɥʜʢʡɕʑɺɧʘǀǃǂǁɓɗʄɠʛ"
    chart += "iyɨʉɯuɪʏʊeøɘɵɤoəɛœɜɞʌɔæɐaɶɑɒɚɝ" + "AIOWYQᵊᵻʤʧʣʦʥʨT"
    table = visemes()
    unknown = table.shapes["?"]
    for symbol in chart:
        sounds = table.sounds(symbol)
        assert sounds, symbol
        assert unknown not in [id(s) for s in sounds] and all(s is not unknown for s in sounds)


@pytest.mark.parametrize(
    ("one", "other"),
    [("A", "eɪ"), ("I", "aɪ"), ("ʧ", "tʃ"), ("iː", "i"), ("ˈɛ", "ɛ"), ("tʰ", "t"), ("ã", "a")],
)
def test_spellings_agree(one: str, other: str) -> None:
    table = visemes()
    a, b = table.sounds(one), table.sounds(other)
    assert a is not None and b is not None
    assert [id(x) for x in a] == [id(x) for x in b]


def test_silence_symbols() -> None:
    table = visemes()
    assert table.sounds("") is None and table.sounds(" , ") is None
    assert table.sounds("ˈ") == []  # a mark alone is neither sound nor silence


def test_labiodentals_meet_the_teeth() -> None:
    for f in ("f", "v"):
        phones = [("ɑ", 0.15), (f, 0.09), ("ɑ", 0.15)]
        assert value(phones, 1, "mouthRollLower") > 0.25
        assert value(phones, 1, "mouthUpperUpLeft") > 0.4  # or the lips look sealed
        assert value(phones, 1, "jawOpen") < 0.1
        assert value(phones, 0, "mouthRollLower", 0.2) < 0.05


@pytest.mark.parametrize("sound", ["u", "o", "w", "ʃ", "ʧ", "ɹ"])
def test_rounded_sounds(sound: str) -> None:
    phones = [("ɛ", 0.12), (sound, 0.11), ("ɛ", 0.12)]
    rounding = value(phones, 1, "mouthPucker", 0.6) + value(phones, 1, "mouthFunnel", 0.6)
    plain = [("ɛ", 0.12), ("k", 0.11), ("ɛ", 0.12)]
    assert rounding > 0.25 > 10 * value(plain, 1, "mouthPucker")


def test_vowels_open_in_the_order_of_the_chart() -> None:
    jaw = [value([("k", 0.07), (v, 0.18), ("k", 0.07)], 1, "jawOpen") for v in "iɪeɛæ"]
    assert jaw == sorted(jaw) and jaw[-1] > 2.5 * jaw[0]


def test_diphthongs_move() -> None:
    ai = [value([("h", 0.06), ("aɪ", 0.24), ("t", 0.06)], 1, "jawOpen", w) for w in (0.3, 0.85)]
    assert ai[0] > 1.4 * ai[1]
    ou = [value([("g", 0.06), ("oʊ", 0.24), ("t", 0.06)], 1, "mouthPucker", w) for w in (0.1, 0.7)]
    assert ou[1] > 1.1 * ou[0]


def test_lips_round_before_a_rounded_vowel() -> None:
    """Anticipation: the t of "too" is rounded, the t of "tea" is not; the lips lead the sound."""
    too = value([("t", 0.09), ("u", 0.15)], 0, "mouthPucker")
    tea = value([("t", 0.09), ("i", 0.15)], 0, "mouthPucker")
    assert too > 0.2 and tea < 0.05
    spoken = utterance([("w", 0.1), ("ɑ", 0.15)], lead=0.5)
    motion = plan_speech(spoken)
    begun = [t for t in np.arange(0, 0.5, 0.005) if motion.evaluate(t)[AT["mouthPucker"]] > 0.1]
    assert 0.08 <= 0.5 - begun[0] <= 0.25


def test_fast_speech_moves_less() -> None:
    def peak(duration: float) -> float:
        phones = [("t", duration), ("æ", duration), ("k", duration)] * 3
        return float(sampled(plan_speech(utterance(phones)), 0, 2)[:, AT["jawOpen"]].max())

    assert peak(0.05) < 0.75 * peak(0.10) < 0.75 * peak(0.16)


def test_stress_and_loudness_open_wider() -> None:
    def word(first: int, second: int) -> float:
        spoken = utterance([("t", 0.08), ("ɑ", 0.1, first), ("t", 0.08), ("ɑ", 0.1, second)])
        p = spoken.phones[1]
        return float(plan_speech(spoken).evaluate((p.start + p.end) / 2)[AT["jawOpen"]])

    assert word(1, 0) > 1.15 * word(0, 1)
    spoken = utterance([("t", 0.08), ("ɑ", 0.1), ("t", 0.08), ("ɑ", 0.1)])
    audio = spoken.audio.copy()
    audio[: len(audio) // 2] //= 3
    quiet = SpokenAudio(audio, spoken.sample_rate, spoken.phones)

    def openings(what: SpokenAudio) -> list[float]:
        motion = plan_speech(what)
        middles = [(p.start + p.end) / 2 for p in what.phones[1::2]]
        return [float(motion.evaluate(t)[AT["jawOpen"]]) for t in middles]

    plain, changed = openings(spoken), openings(quiet)
    assert changed[0] < 0.95 * plain[0] and changed[1] > 1.05 * plain[1]


def test_tongue_rises_for_dentals_and_laterals() -> None:
    for sound in "lθðtdn":
        assert 0.05 < value([("ɛ", 0.1), (sound, 0.09), ("ɛ", 0.1)], 1, "tongueOut") <= 0.3
    assert value([("ɛ", 0.1), ("m", 0.09), ("ɛ", 0.1)], 1, "tongueOut") < 0.02


def test_phones_out_of_order_are_refused() -> None:
    audio = np.zeros(16000, np.int16)
    for phones in ((Phone("a", 0.5, 0.4),), (Phone("a", 0.5, 0.6), Phone("b", 0.2, 0.3))):
        with pytest.raises(ValueError, match="in order"):
            plan_speech(SpokenAudio(audio, 16000, phones))


def test_inventory_moves_the_lips_naturally() -> None:
    """Over running speech the lips are parted about as far as people's are."""
    rng = np.random.default_rng(3)
    phones = []
    for _ in range(60):
        phones += [(str(rng.choice(CONSONANTS)), 0.075), (str(rng.choice(VOWELS)), 0.095)]
    motion = plan_speech(utterance(phones))
    opening = gap(sampled(motion, 0.2, motion.duration - 0.2, 60))
    assert 0.08 < opening.mean() < 0.25 and np.percentile(opening, 98) < 0.55


def test_silence_must_be_heard() -> None:
    """Voices give the space between words time in which the sound goes on: no closing there."""
    spoken = utterance([("ɑ", 0.2), ("", 0.12), ("ɑ", 0.2)])
    filled = spoken.audio.copy()
    quiet = filled == 0
    filled[quiet] = np.resize(spoken.audio[~quiet], quiet.sum())
    pause = spoken.phones[1]

    def narrowest(audio: np.ndarray) -> float:
        motion = plan_speech(SpokenAudio(audio, spoken.sample_rate, spoken.phones))
        return float(gap(sampled(motion, pause.start, pause.end)).min())

    assert narrowest(spoken.audio) < CLOSED < 0.15 < narrowest(filled)


def test_sounds_do_not_reach_into_pauses() -> None:
    """Some voices count the pause at a comma to the sound before it."""
    spoken = utterance([("t", 0.08), ("ɑ", 0.2), ("", 0.4), ("t", 0.08), ("ɑ", 0.2)])
    t, a, pause, *rest = spoken.phones
    stretched = (t, Phone("ɑ", a.start, pause.end), *rest)
    motion = plan_speech(SpokenAudio(spoken.audio, spoken.sample_rate, stretched))
    inner = gap(sampled(motion, pause.start + 0.1, pause.end - 0.1))
    assert (inner < CLOSED).all()
    assert gap(motion.evaluate((a.start + a.end) / 2))[0] > 0.25
