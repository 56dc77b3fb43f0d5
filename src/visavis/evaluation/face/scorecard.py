"""All measures of one talking face, beside their controls.

A measure of lip-sync that does not fall when the sound is shifted, or that likes a stranger's
sound as much as the face's own, measures nothing (SyncNet's confidence forgives 600 ms). So each is
taken again with the sound shifted and with another sound, and says whether it ranks them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.face import measures as m
from visavis.evaluation.face.performance import Performance
from visavis.evaluation.face.track import Track, follow
from visavis.evaluation.lipsync import lag
from visavis.media.spoken import Phone
from visavis.media.video import AUDIO_RATE

#: A measure is worth something if the own sound beats another by this much.
MARGIN = 0.1
#: Turns of the phonemes by this part of the film are another speech.
TURNS = tuple(k / 12 for k in range(1, 12))
#: What is shifted by this and more must do worse, s. Silences lie between margins and last longer
#: than most shifts: that the mouth closes is told, when it does is not.
FAR = {"mouth closed in silence": 0.4}
#: Sound later by this much, s.
SHIFTS = (-0.4, -0.2, -0.12, -0.08, -0.04, 0.04, 0.08, 0.12, 0.2, 0.4)


@dataclass(frozen=True, slots=True)
class Row:
    """One measure.

    Attributes:
        name: What is measured, with its unit.
        value: The figure; NaN if it could not be measured.
        target: What is asked for, in words; empty if nothing is.
        reached: Whether it is; None where there is no target or no figure.
        remark: Why there is no figure, or what to know about it.
    """

    name: str
    value: float
    target: str = ""
    reached: bool | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Scorecard:
    """What :func:`judge` found.

    Attributes:
        name: Of the film or replica.
        rows: The measures.
        controls: By measure, by control ("own", "shifted by 80 ms", …), the figure.
        ranks: By measure, whether it puts the face's own sound first and falls with the shift.
        track: What was seen.
        sound: What was heard, int16 mono at ``AUDIO_RATE``.
        closures, blinks: For the report.
        phones: What was said when, silent ones left out.
    """

    name: str
    rows: tuple[Row, ...]
    controls: dict[str, dict[str, float]]
    ranks: dict[str, bool]
    track: Track
    sound: NDArray[np.int16]
    closures: m.Recall
    blinks: tuple[float, ...]
    phones: tuple[Phone, ...]

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; NaN becomes null."""

        def plain(x: float) -> float | None:
            return round(float(x), 4) if math.isfinite(x) else None

        return {
            "name": self.name,
            "measures": [
                {"name": r.name, "value": plain(r.value), "target": r.target,
                 "reached": None if r.reached is None else bool(r.reached), "remark": r.remark}
                for r in self.rows
            ],
            "controls": {k: {n: plain(v) for n, v in c.items()} for k, c in self.controls.items()},
            "ranks": self.ranks,
        }  # fmt: skip


def judge(
    performance: Performance,
    *,
    other: NDArray[np.int16] | None = None,
    real: Scorecard | None = None,
) -> Scorecard:
    """Measure a talking face.

    Args:
        performance: The face.
        other: Another film's sound, int16 mono at ``AUDIO_RATE``; the own sound, beginning in its
            middle, if not given.
        real: Real footage judged before; its correlation is the target.

    Raises:
        VideoError: The face cannot be followed.
    """
    track = follow(performance)
    sound = performance.sound
    phones = m.heard(track, sound, performance.phones)
    stranger = np.roll(sound, len(sound) // 2) if other is None else _fitted(other, len(sound))
    controls, ranks = _controls(track, sound, stranger, phones)
    if real:
        controls["identity"], ranks["identity"] = _another_face(track, real.track)
    found = lag(track.t, track.opening, sound, AUDIO_RATE, 0.0)
    closures = m.closures(track, phones)
    who, eyes, speeds = m.identity(track), m.blinks(track), m.lip_speeds(track)
    r = m.agreement(track, sound)
    goal = m.agreement(real.track, real.sound) if real else float("nan")
    unknown = "" if phones else "needs phoneme times, which only our own rendering has"

    def by_chance(name: str) -> str:
        return f"{controls[name]['another sound']:.2f} with another sound"

    def least(
        name: str, value: float, target: float, text: str, remark: str = "", measure: str = ""
    ) -> Row:
        """Nothing is reached by a measure that likes its controls as well."""
        measured = math.isfinite(value) and math.isfinite(target)
        reached = value >= target if measured else None
        if reached and not ranks.get(measure, True):
            return Row(name, value, text, None, f"does not rank its controls; {remark}")
        return Row(name, value, text, reached, remark)

    quiet = m.closed_in_silence(track, sound)
    late = 1000 * found.seconds if found else float("nan")
    early = "mouths open before the voice: real footage is early, too"
    told = math.isfinite(late) and ranks["lag"]
    rows = (
        least("closure of /p b m/ within ±40 ms, share", closures.share, 0.95, "≥ 0.95",
              unknown or by_chance("closure of /p b m/"), "closure of /p b m/"),
        Row("lips apart for open vowels, share", m.openings(track, phones).share, "", None,
            unknown or by_chance("lips apart for open vowels")),
        Row("gap closed enough for /f v/, share", m.lip_on_teeth(track, phones).share, "", None,
            unknown or by_chance("gap for /f v/") + "; a closed mouth passes too"),
        Row("/f v/ sealed like /p b m/, share", m.sealed_labiodentals(track, phones), "", None,
            unknown or "teeth on a lip leave the lips apart: less is better"),
        Row("narrowed for /u o w/, share", m.rounding(track, phones).share, "", None,
            unknown or by_chance("narrowing for /u o w/")),
        least("mouth closed in silence, share", quiet, 0.98, "≥ 0.98",
              by_chance("mouth closed in silence") if math.isfinite(quiet)
              else "no silence long enough", "mouth closed in silence"),
        Row("mouth behind sound at best agreement, ms", late, "within ±20",
            abs(late) <= 20 if told else None,
            early if told else f"does not rank its controls; {early}"),
        least("correlation of opening and loudness, no lag", r, goal,
              f"≥ {goal:.2f} (real footage)" if real else "as real footage",
              "" if real else "give --control to compare with real footage", "correlation"),
        least("identity, mean cosine to its first 5 s", who.mean, 0.95, "≥ 0.95",
              f"{controls['identity']['another face']:.2f} with the face of {real.name}" if real
              else "give --control to compare with another face", "identity"),
        Row("identity, lowest 5 s", who.lowest),
        Row("identity, single pictures, 5th percentile", who.momentary, "", None,
            "expressions and blinks included"),
        Row("identity, change per minute", who.slope, "none (±0.01)",
            abs(who.slope) <= 0.01 if who.slope_error <= 0.005 else None,
            f"standard error {who.slope_error:.4f}"
            + ("" if who.slope_error <= 0.005 else ": too short a film to tell")),
        Row("jumps of the head", len(m.jumps(track)), "0", not m.jumps(track),
            "cuts and shaken heads count"),
        Row("speed of the lips, 99th percentile, inter-ocular distances/s", speeds[0]),
        Row("speed of the lips, most, inter-ocular distances/s", speeds[1]),
        Row("trembling of the head, inter-ocular distances", m.jitter(track)),
        Row("flicker where nothing moves, of 255", track.flicker),
        Row("blinks per minute", eyes.per_minute, "8 to 40", 8 <= eyes.per_minute <= 40),
        Row("length of a blink, s", eyes.duration, "0.08 to 0.45",
            0.08 <= eyes.duration <= 0.45 if math.isfinite(eyes.duration) else None),
        Row("between blinks, median, s", eyes.interval),
    )  # fmt: skip
    return Scorecard(
        performance.name, rows, controls, ranks, track, sound, closures, eyes.times, phones
    )


def _fitted(sound: NDArray[np.int16], length: int) -> NDArray[np.int16]:
    """A sound repeated or cut to a length."""
    return np.resize(sound, length) if len(sound) else np.zeros(length, np.int16)


def _turned(phones: tuple[Phone, ...], by: float, length: float) -> tuple[Phone, ...]:
    """Phonemes later by `by` (s), in a film that runs in a circle of `length`."""
    starts = [(p.start + by) % length for p in phones]
    return tuple(
        Phone(p.ipa, s, s + p.end - p.start, p.stress) for p, s in zip(phones, starts, strict=True)
    )


def _controls(
    track: Track,
    sound: NDArray[np.int16],
    stranger: NDArray[np.int16],
    phones: tuple[Phone, ...],
) -> tuple[dict[str, dict[str, float]], dict[str, bool]]:
    agree = {"own sound": m.agreement(track, sound)}
    agree |= {_named(s): m.agreement(track, sound, s) for s in SHIFTS}
    agree["another sound"] = m.agreement(track, stranger)
    quiet = {"own sound": m.closed_in_silence(track, sound)}
    quiet |= {
        _named(s): m.closed_in_silence(track, np.roll(sound, round(s * AUDIO_RATE))) for s in SHIFTS
    }
    turned = [m.closed_in_silence(track, np.roll(sound, round(len(sound) * p))) for p in TURNS]
    quiet["another sound"] = float(np.mean(turned))
    table = {"correlation": agree, "mouth closed in silence": quiet}
    if phones:
        length = len(sound) / AUDIO_RATE
        for name, measure in _OF_PHONES.items():
            times = {"own sound": 0.0} | {_named(s): s for s in SHIFTS}
            row = {k: measure(track, _turned(phones, s, length)).share for k, s in times.items()}
            others = [measure(track, _turned(phones, length * part, length)) for part in TURNS]
            row["another sound"] = float(np.mean([other.share for other in others]))
            table[name] = row
    ranks = {name: _ranks(row, FAR.get(name, 0.12)) for name, row in table.items()}
    table["lag"], ranks["lag"] = _lags(track, sound, stranger)
    return table, ranks


def _lags(
    track: Track, sound: NDArray[np.int16], stranger: NDArray[np.int16]
) -> tuple[dict[str, float], bool]:
    """The lag (ms) under each control, and whether it tells shifts by what they are.

    It is to follow a shift within 20 ms, and to agree with the own sound better than with
    another: there is a best lag to everything.
    """
    sounds = {"own sound": (sound, 0.0)} | {_named(s): (sound, s) for s in SHIFTS}
    sounds["another sound"] = (stranger, 0.0)
    found = {k: lag(track.t, track.opening, x, AUDIO_RATE, s) for k, (x, s) in sounds.items()}
    row = {k: 1000 * x.seconds if x else math.nan for k, x in found.items()}
    own, other = found["own sound"], found["another sound"]
    if own is None or other is None:
        return row, False
    near = [s for s in SHIFTS if abs(s) <= 0.2]
    follows = all(abs(row[_named(s)] - row["own sound"] + 1000 * s) <= 20 for s in near)
    return row, follows and own.correlation >= other.correlation + MARGIN


def _another_face(track: Track, other: Track) -> tuple[dict[str, float], bool]:
    """Identity beside somebody else's, and whether even its least is told from that."""
    own, stranger = m.identity(track), m.likeness(track, other)
    return {"own face": own.mean, "another face": stranger}, own.lowest >= stranger + MARGIN


_OF_PHONES = {
    "closure of /p b m/": m.closures,
    "lips apart for open vowels": m.openings,
    "gap for /f v/": m.lip_on_teeth,
    "narrowing for /u o w/": m.rounding,
}


def _named(shift: float) -> str:
    return f"sound {'later' if shift > 0 else 'earlier'} by {abs(shift) * 1000:.0f} ms"


def _ranks(row: dict[str, float], beyond: float = 0.12) -> bool:
    """Whether the own sound beats another by :data:`MARGIN` and what is shifted, step by step.

    Earlier and later are averaged up to 120 ms: a natural lag of some 40 ms between lips and
    loudness differs between faces, so that a small shift to one side may do as well. What is
    shifted by `beyond` (s) and more must do worse to either side.
    """
    own, other = row["own sound"], row["another sound"]
    far = [row[_named(s)] for s in SHIFTS if abs(s) >= beyond]
    steps = [own] + [(row[_named(-s)] + row[_named(s)]) / 2 for s in SHIFTS if 0.0 < s <= 0.12]
    falls = all(b <= a + 0.02 for a, b in pairwise(steps))
    known = all(math.isfinite(v) for v in row.values())
    return bool(known and falls and own > max(far) + 0.02 and own >= other + MARGIN)
