"""The scorecard as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.face import measures as m
from visavis.evaluation.face.scorecard import Scorecard
from visavis.evaluation.lipsync import loudness
from visavis.evaluation.machine import machine_facts
from visavis.media.video import AUDIO_RATE

Array = NDArray[np.float64]

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#222}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;border-bottom:1px solid #ddd;
text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}
.yes{color:#12702f}.no{color:#b3261e;font-weight:600}.dim{color:#666}
.sheet{display:flex;flex-wrap:wrap;gap:4px}figure{margin:0;font-size:12px}img{display:block}
svg{width:100%;height:auto;background:#fafafa;border:1px solid #ddd}
"""


def _number(x: float) -> str:
    return "–" if not math.isfinite(x) else f"{x:.3g}" if abs(x) < 100 else f"{x:.0f}"


def _verdict(reached: bool | None) -> str:
    if reached is None:
        return '<td class="dim">–</td>'
    return '<td class="yes">reached</td>' if reached else '<td class="no">missed</td>'


def _line(t: Array, y: Array, begin: float, end: float, colour: str, top: float) -> str:
    inside = (t >= begin) & (t <= end)
    xs = (t[inside] - begin) / (end - begin) * 1000
    ys = 150 - np.clip(y[inside] / top, 0, 1) * 140
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(xs, ys, strict=True))
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>'


def _plot(card: Scorecard, begin: float, end: float) -> str:
    """Mouth opening over loudness; closures asked for as bars, those missed in red."""
    grid = np.arange(begin, end, 0.01)
    level = 20 * loudness(card.sound, AUDIO_RATE, 0.0, grid) + 50
    top = float(np.quantile(card.track.opening, 0.995)) * 1.1 + 1e-6
    marks = []
    for p in card.phones:
        if p.ipa in m.CLOSED and begin <= p.start < end:
            middle = (p.start + p.end) / 2
            missed = any(abs(middle - x) < 1e-6 for x in card.closures.missed)
            x = (p.start - begin) / (end - begin) * 1000
            w = max(2.0, (p.end - p.start) / (end - begin) * 1000)
            colour = "#d33" if missed else "#9bd"
            marks.append(
                f'<rect x="{x:.1f}" y="0" width="{w:.1f}" height="160" fill="{colour}" '
                f'opacity=".45"><title>{html.escape(p.ipa)}</title></rect>'
            )
    closed = m.closed_level(card.track)
    y = 150 - min(closed / top, 1) * 140
    return (
        f'<svg viewBox="0 0 1000 160" role="img" aria-label="mouth opening and loudness">'
        f"{''.join(marks)}"
        f'<line x1="0" x2="1000" y1="{y:.1f}" y2="{y:.1f}" stroke="#999" stroke-dasharray="4 4"/>'
        f"{_line(grid, level, begin, end, '#c9a227', 50)}"
        f"{_line(card.track.t, card.track.opening, begin, end, '#1f4e9c', top)}"
        f'<text x="4" y="156" font-size="11" fill="#666">{begin:.0f} s to {end:.0f} s</text></svg>'
    )


def _sheet(
    card: Scorecard, times: Sequence[float], around: Sequence[int] = (0,), *, eyes: bool = False
) -> str:
    pictures = card.track.glances if eyes else card.track.mouths
    what = "eyes" if eyes else "mouth"
    tiles = []
    for t in times:
        nearest = int(np.abs(card.track.t - t).argmin())
        for step in around:
            i = min(max(nearest + step, 0), len(card.track.t) - 1)
            data = base64.b64encode(pictures[i]).decode()
            tiles.append(
                f'<figure><img alt="{what}" src="data:image/jpeg;base64,{data}">'
                f"{card.track.t[i]:.2f} s</figure>"
            )
    return f'<div class="sheet">{"".join(tiles)}</div>' if tiles else '<p class="dim">None.</p>'


def render(card: Scorecard, real: Scorecard | None = None) -> str:
    """The report.

    Args:
        card: What is judged.
        real: Real footage, shown beside it.
    """
    beside = {r.name: r.value for r in real.rows} if real else {}
    head = f"<th>{html.escape(real.name)} (real)</th>" if real else ""
    rows = []
    for r in card.rows:
        other = f'<td class="n">{_number(beside.get(r.name, math.nan))}</td>' if real else ""
        rows.append(
            f'<tr><td>{html.escape(r.name)}</td><td class="n">{_number(r.value)}</td>{other}'
            f"<td>{html.escape(r.target)}</td>{_verdict(r.reached)}"
            f'<td class="dim">{html.escape(r.remark)}</td></tr>'
        )
    controls = []
    for name, row in card.controls.items():
        cells = "".join(
            f'<tr><td>{html.escape(k)}</td><td class="n">{_number(v)}</td></tr>'
            for k, v in row.items()
        )
        word = "ranks its controls" if card.ranks[name] else "does NOT rank its controls"
        kind = "yes" if card.ranks[name] else "no"
        controls.append(
            f'<h3>{html.escape(name)} – <span class="{kind}">{word}</span></h3>'
            f"<table>{cells}</table>"
        )
    t = card.track.t
    plots = [_plot(card, a, min(a + 8.0, t[-1])) for a in np.arange(t[0], t[-1] - 1.0, 8.0)[:8]]
    widest = t[np.argsort(card.track.opening)[::-1][:40:4]]
    every = np.linspace(t[0], t[-1], 24)
    facts = machine_facts()
    return f"""<!doctype html><html lang="en"><meta charset="utf-8">
<title>{html.escape(card.name)}: a talking face, measured</title><style>{_STYLE}</style>
<h1>{html.escape(card.name)}: a talking face, measured</h1>
<p class="dim">{t[-1] - t[0]:.0f} s, {len(t)} pictures with a face
({100 * card.track.seen:.0f} % of all) · visavis {facts["visavis"]}</p>
<table><tr><th>measure</th><th>value</th>{head}<th>target</th><th></th><th></th></tr>
{"".join(rows)}</table>
<h2>Controls</h2>{"".join(controls)}
<h2>Mouth opening (blue) and loudness (yellow)</h2>
<p class="dim">Bars: closures asked for, red if missed. Dashed: the lips count as closed below.</p>
{"".join(plots)}
<h2>Closures missed</h2>{_sheet(card, card.closures.missed[:8], (-2, -1, 0, 1, 2))}
<h2>Jumps of the head</h2>{_sheet(card, m.jumps(card.track)[:8], (-1, 0))}
<h2>Sounds that ask for teeth on the lip: /f v/</h2>
{_sheet(card, [(p.start + p.end) / 2 for p in card.phones if p.ipa in m.LABIODENTAL][:16])}
<h2>Blinks</h2>{_sheet(card, card.blinks[:4], range(-2, 6), eyes=True)}
<h2>Widest</h2>{_sheet(card, [float(x) for x in widest])}
<h2>All along</h2>{_sheet(card, [float(x) for x in every])}
</html>
"""
