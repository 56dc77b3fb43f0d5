"""``visavis bench …``: measures that print a table and, on request, JSON."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from visavis.config import ConfigError, load_settings

bench = typer.Typer(no_args_is_help=True, help="Measure speed and quality on this machine.")
console = Console()


@bench.callback()
def _main() -> None:
    """Measure speed and quality on this machine."""


@bench.command()
def conversation(
    turns: Annotated[int, typer.Option(min=1, max=500, help="Questions to ask.")] = 20,
    barge_ins: Annotated[int, typer.Option(min=0, max=100, help="Interruptions to make.")] = 5,
    url: Annotated[str | None, typer.Option(help="A running server; else one is started.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here.")
    ] = None,
    verbose: Annotated[bool, typer.Option(help="Show the server's log.")] = False,
) -> None:
    """Hold a call over WebRTC: reply latency and its split, barge-in, lip-sync, fps, load."""
    from visavis.evaluation.call_client import CallError
    from visavis.evaluation.conversation_bench import run

    try:
        result = asyncio.run(
            run(
                load_settings(),
                turns=turns,
                url=url,
                barge_ins=barge_ins,
                verbose=verbose,
                progress=lambda text: console.print(text, style="dim"),
            )
        )
    except (CallError, ConfigError, TimeoutError) as e:
        typer.secho(
            f"The measure failed: {e or 'the face did not answer in time'}", fg="red", err=True
        )
        raise typer.Exit(1) from e
    console.print(_conversation_table(result))
    if json_file:
        json_file.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


@bench.command()
def identity(
    methods: Annotated[list[str] | None, typer.Argument(help="Generators; else all.")] = None,
    count: Annotated[int, typer.Option(min=20, max=5000, help="Faces from each.")] = 200,
    portraits: Annotated[
        Path | None,
        typer.Option(
            help="Real portraits to compare sharpness with.", exists=True, file_okay=False
        ),
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help="Draw all faces into this JPEG.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here.")
    ] = None,
) -> None:
    """Generate faces: sharpness, diversity, likeness to real people, attributes, edits, speed."""
    from visavis.evaluation.identity_bench import run

    try:
        result = run(
            methods or [], count, portraits, sheet, lambda text: console.print(text, style="dim")
        )
    except LookupError as e:
        typer.secho(str(e.args[0]), fg="red", err=True)
        raise typer.Exit(2) from e
    table = Table("measure", *result["generators"], title=f"{count} faces each")
    flat = {name: _flat(figures) for name, figures in result["generators"].items()}
    for row in next(iter(flat.values())):
        table.add_row(row, *(str(figures[row]) for figures in flat.values()))
    console.print(table)
    if json_file:
        json_file.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


def _flat(figures: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested figures by their path."""
    out: dict[str, Any] = {}
    for key, value in figures.items():
        inner = isinstance(value, dict)
        out |= _flat(value, f"{prefix}{key} ") if inner else {f"{prefix}{key}": value}
    return out


@bench.command()
def render(
    replicas: Annotated[
        list[str] | None, typer.Argument(help="Names or bundles; else Clara.")
    ] = None,
    sizes: Annotated[
        list[str] | None, typer.Option("--size", help="As 1280x720; may be repeated.")
    ] = None,
    frames: Annotated[int, typer.Option(min=5, max=10_000, help="Pictures per measure.")] = 200,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here.")
    ] = None,
) -> None:
    """Draw talking faces on one core: milliseconds per picture by stage, size and replica."""
    from visavis.evaluation.render_bench import SIZES, run
    from visavis.replicas.errors import ReplicaError

    try:
        result = run(
            replicas or [],
            [_size(text) for text in sizes] if sizes else SIZES,
            frames=frames,
            progress=lambda text: console.print(text, style="dim"),
        )
    except (ReplicaError, ValueError) as e:
        typer.secho(f"The measure failed: {e}", fg="red", err=True)
        raise typer.Exit(1) from e
    for head in ("moving", "still"):
        console.print(_render_table(result, head))
    if json_file:
        json_file.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


def _size(text: str) -> tuple[int, int]:
    width, x, height = text.partition("x")
    if not (x and width.isdecimal() and height.isdecimal()):
        raise typer.BadParameter(f"{text!r} is not a size such as 1280x720", param_hint="--size")
    return int(width), int(height)


def _render_table(r: dict[str, Any], head: str) -> Table:
    machine, core = r["machine"], r["pinned_to_core"]
    on = "not pinned to a core" if core is None else f"pinned to core {core}"
    results = [x for x in r["results"] if x["head"] == head]
    table = Table(
        title=f"ms per picture, mouth talking, head {head}, median of {r['frames']} · "
        f"{machine['cpu']}, {on}, load {r['load']}"
    )
    table.add_column("stage")
    for x in results:
        width, height = x["size"]
        table.add_column(f"{x['replica']} ({x['kind']})\n{width}x{height}", justify="right")
    for stage in dict.fromkeys(s for x in results for s in x["stages_ms"]):
        cells = (x["stages_ms"].get(stage) for x in results)
        table.add_row(stage, *("" if ms is None else f"{ms:.2f}" for ms in cells))
    table.add_section()
    table.add_row("whole picture", *(f"{x['p50_ms']:.2f}" for x in results))
    table.add_row("whole picture, p95", *(f"{x['p95_ms']:.2f}" for x in results))
    table.add_row("pictures per second", *(f"{x['fps']:.0f}" for x in results))
    return table


def _conversation_table(r: dict[str, Any]) -> Table:
    machine = r["machine"]
    table = Table(
        title=f"Conversation, {r['turns']} turns · {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB"
    )
    for column in ("measure", "p50", "p95", "unit", "to reach"):
        table.add_column(column, justify="left" if column == "measure" else "right")

    def row(name: str, q: dict[str, float] | None, target: str = "") -> None:
        if q:
            table.add_row(name, f"{q['p50']:.2f}", f"{q['p95']:.2f}", "s", target)

    row("end of question → answer heard", r["latency_s"], "1.2 / 2.0")
    for name, q in r["split_s"].items():
        row(f"  {name}", q)
    row("longest pause in an answer", r["pause_in_answer_s"])
    row("barge-in → sound stops", r["barge_in_sound_s"], "0.4")
    row("barge-in → mouth closed", r["barge_in_mouth_s"], "0.4")
    av = r["av_offset_ms"]
    if av:
        table.add_row(
            "picture behind sound (median, worst)", f"{av['median']}", f"{av['worst']}", "ms", "±45"
        )
    if r["av_drift_ms_per_min"] is not None:
        table.add_row("drift", f"{r['av_drift_ms_per_min']}", "", "ms/min", "")
    table.add_row("pictures", f"{r['fps']['mean']}", "", "per s", "24")
    if r["server_cpu_percent"] is not None:
        table.add_row("server CPU", f"{r['server_cpu_percent']:.0f}", "", "% of a core", "")
        table.add_row("server memory", f"{r['server_rss_gib']}", "", "GiB", "4")
    table.add_row("answers with the fact", f"{r['correct_answers']}", "", f"of {r['turns']}", "")
    return table
