"""`visavis models`: the weights on this machine.

Exit status: 0 all is well; 1 something is missing, damaged or could not be fetched; 2 the command
was given something that does not exist; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from visavis import models

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="List, fetch and verify the weights."
)

_Names = Annotated[list[str] | None, typer.Argument(help="Names as in `visavis models list`.")]


def size_text(count: int) -> str:
    """Bytes for people: decimal units, as shops and download pages use them."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"


@contextlib.contextmanager
def _speaking() -> Iterator[None]:
    """Turn what can go wrong into one message and an exit status."""
    try:
        yield
    except (models.UnknownModelError, models.ManifestError) as e:
        typer.secho(str(e), fg=typer.colors.RED, err=True)
        raise typer.Exit(2) from e
    except (models.PullError, models.MissingModelError) as e:
        typer.secho(str(e), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from e
    except KeyboardInterrupt as e:
        typer.secho("Stopped. The same command continues from here.", err=True)
        raise typer.Exit(130) from e


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every artifact and whether it is here (by size; `verify` hashes)."""
    with _speaking():
        artifacts = list(models.load().artifacts.values())
    if as_json:
        rows = [
            {
                "name": a.name,
                "state": str(models.state(a)),
                "size": a.size,
                "licence": a.licence,
                "purpose": a.purpose,
                "profiles": list(a.profiles),
            }
            for a in artifacts
        ]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    colours = {models.State.PRESENT: "green", models.State.MISSING: "dim"}
    table = Table(box=None, pad_edge=False, caption=f"in {models.models_folder()}")
    table.caption_justify = "left"
    for heading in ("name", "state", "size", "licence", "profiles", "purpose"):
        table.add_column(
            heading,
            justify="right" if heading == "size" else "left",
            no_wrap=heading in {"name", "state", "size"},
        )
    for a in artifacts:
        state = models.state(a)
        colour = colours.get(state, "red")
        table.add_row(
            a.name,
            f"[{colour}]{state}[/]",
            size_text(a.size),
            a.licence,
            ", ".join(a.profiles),
            a.purpose,
        )
    Console().print(table)


@app.command()
def pull(
    names: _Names = None,
    profile: Annotated[
        str | None,
        typer.Option(help="A set of weights: default (also when nothing is named), small, build."),
    ] = None,
    from_: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Look for the files in this folder first; repeatable."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Use folders only, no network. Also VISAVIS_OFFLINE=1")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Also hash what is here; fetch again what differs.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=16, help="Downloads at the same time.")] = 4,
) -> None:
    """Fetch weights that are missing; interrupted pulls continue where they stopped."""

    with _speaking(), _terminable(), _progress() as progress:
        fetched = models.pull(
            names or (),
            profile=profile,
            folders=from_ or (),
            offline=offline or None,
            repair=repair,
            limits=models.Limits(jobs=jobs),
            progress=progress,
        )
    what = ", ".join(a.name for a in fetched)
    typer.echo(f"Fetched and verified: {what}." if fetched else "Nothing to fetch: all is here.")


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C: the default would leave running downloads behind."""

    def terminated(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@app.command()
def verify(names: _Names = None) -> None:
    """Hash the weights that are here (or those named) and compare with the manifest."""
    with _speaking():
        manifest = models.load()
        chosen = (
            manifest.select(names)
            if names
            else [a for a in manifest.artifacts.values() if models.state(a) != models.State.MISSING]
        )
        bad = []
        for artifact in chosen:
            faults = models.verify(artifact)
            typer.echo(f"{artifact.name}: {'ok' if not faults else ''}".rstrip())
            for file, why in faults.items():
                typer.secho(f"  {file}: {why}", fg=typer.colors.RED)
            if faults:
                bad.append(artifact.name)
        if not chosen:
            typer.echo("There are no weights here yet: visavis models pull")
    if bad:
        typer.secho(f"Mend it with: visavis models pull --repair {' '.join(bad)}", err=True)
        raise typer.Exit(1)


@app.command("path")
def path_(name: Annotated[str, typer.Argument(help="A name as in `visavis models list`.")]) -> None:
    """Print the folder that holds an artifact."""
    with _speaking():
        typer.echo(models.path(name))


@contextlib.contextmanager
def _progress() -> Iterator[models.Progress]:
    """Bars on a terminal, plain lines elsewhere (logs, pipes)."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bars:
        yield _Bars(bars)


class _Bars:
    """A bar per artifact; bars that did not start yet are not shown."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, tuple[TaskID, int]] = {}

    def start(self, artifact: str, total: int) -> None:
        self._tasks[artifact] = self._bars.add_task(artifact, total=total), total

    def update(self, artifact: str, done: int) -> None:
        task, total = self._tasks[artifact]
        # Archives are estimated by what they hold; 99 % is honest until the file is verified.
        self._bars.update(task, completed=min(done, total * 0.99))

    def say(self, artifact: str, text: str) -> None:
        self._bars.console.print(f"{artifact}: {text}", markup=False, highlight=False)

    def end(self, artifact: str, ok: bool) -> None:
        task, total = self._tasks[artifact]
        if ok:
            self._bars.update(task, completed=total)
        self._bars.stop_task(task)


class _Lines:
    """A line at the start, at every further fifth, and at the end of an artifact."""

    def __init__(self) -> None:
        self._totals: dict[str, int] = {}
        self._fifths: dict[str, int] = {}
        self._echo: Callable[[str], None] = lambda text: typer.echo(text, err=True)

    def start(self, artifact: str, total: int) -> None:
        self._totals[artifact], self._fifths[artifact] = total, 0
        self._echo(f"{artifact}: fetching about {size_text(total)}")

    def update(self, artifact: str, done: int) -> None:
        fifth = min(4, 5 * done // max(1, self._totals[artifact]))
        if fifth > self._fifths[artifact]:
            self._fifths[artifact] = fifth
            self._echo(f"{artifact}: {20 * fifth} %")

    def say(self, artifact: str, text: str) -> None:
        self._echo(f"{artifact}: {text}")

    def end(self, artifact: str, ok: bool) -> None:
        self._echo(f"{artifact}: {'done' if ok else 'not complete'}")
