"""``visavis eval …``: how good it looks, measured on pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="Measure how good a face is, on its pixels.")
console = Console()


@app.callback()
def _main() -> None:
    """Measure how good a face is, on its pixels."""


@app.command()
def face(
    subject: Annotated[str, typer.Argument(help="A video file, a replica's name or its bundle.")],
    control: Annotated[
        Path | None, typer.Option(help="Real footage of somebody talking, to compare with.")
    ] = None,
    voice: Annotated[str, typer.Option(help="Speaks for a replica.")] = "kokoro",
    seconds: Annotated[float, typer.Option(min=5, max=1200, help="Judge so much of it.")] = 40.0,
    report: Annotated[Path, typer.Option(help="Write the HTML report here.")] = Path(
        "face-report.html"
    ),
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here.")
    ] = None,
) -> None:
    """Lips against sound, closures, identity, continuity, flicker, blinks – beside controls."""
    from visavis.evaluation.face.performance import Performance, of_file, of_replica
    from visavis.evaluation.face.report import render
    from visavis.evaluation.face.scorecard import judge
    from visavis.media.video import VideoError
    from visavis.models import MissingModelError
    from visavis.replicas.catalog import load_replica, stock_names
    from visavis.replicas.errors import ReplicaError
    from visavis.speech import open_synthesizer
    from visavis.speech.errors import SpeechError

    def performance() -> Performance:
        path = Path(subject).expanduser()
        if subject in stock_names() or path.is_dir() or path.suffix == ".zip":
            replica = load_replica(subject)
            speaker = open_synthesizer(voice, threads=2)
            try:
                return of_replica(replica, speaker, seconds=seconds)
            finally:
                speaker.close()
        return of_file(path, seconds)

    try:
        real = None
        if control is not None:
            console.print(f"following {control.name} …", style="dim")
            real = judge(of_file(control, seconds))
        console.print(f"following {subject} …", style="dim")
        card = judge(performance(), other=real.sound if real else None, real=real)
    except (VideoError, ReplicaError, SpeechError, MissingModelError) as e:
        typer.secho(str(e), fg="red", err=True)
        raise typer.Exit(1) from e
    report.write_text(render(card, real), "utf-8")
    if json_file:
        figures = card.as_dict() | ({"control": real.as_dict()} if real else {})
        json_file.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    table = Table(title=card.name)
    for column in ("measure", "value", *(["real footage"] if real else []), "target", ""):
        table.add_column(column, justify="left" if column in ("measure", "target") else "right")
    beside = {r.name: r.value for r in real.rows} if real else {}
    for row in card.rows:
        verdict = "" if row.reached is None else "reached" if row.reached else "missed"
        other = [f"{beside[row.name]:.3g}"] if real else []
        table.add_row(row.name, f"{row.value:.3g}", *other, row.target, verdict)
    console.print(table)
    for name, good in card.ranks.items():
        word = "ranks" if good else "does NOT rank"
        console.print(f"{name}: {word} its controls", style="green" if good else "red")
    console.print(f"report: {report}")
