"""`visavis replica`: make a replica from a file, and look at what one is.

Exit status: 0 made or shown; 1 the file or bundle cannot be used; 2 the command was given wrongly.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from visavis.replicas.errors import ReplicaError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Make replicas and look at them."
)

#: Larger files are not even read.
_MAX_BYTES = 256 * 1024 * 1024


def _fail(message: str, status: int = 1) -> typer.Exit:
    typer.secho(message, fg=typer.colors.RED, err=True)
    return typer.Exit(status)


@app.command()
def new(
    file: Annotated[
        Path,
        typer.Argument(help="A photo, a GLB with ARKit morph targets, or a LAM avatar's zip."),
    ],
    name: Annotated[str, typer.Option(help="What the replica is called.")],
    consent: Annotated[
        str | None,
        typer.Option(help="Who agreed to this replica of them, when, and where that is kept."),
    ] = None,
    nobody: Annotated[
        bool, typer.Option("--nobody", help="This person does not exist: no consent is needed.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder or .zip to write; default: the name, here, as a folder."),
    ] = None,
    voice: Annotated[
        str | None, typer.Option(help="Default voice, such as kokoro:af_heart.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Terms of the bundle.")] = "all rights reserved",
    provenance: Annotated[str, typer.Option(help="Where the file is from.")] = "",
) -> None:
    """Make a replica bundle from a file.

    Making somebody's face speak needs their consent: say it with --consent, and it stays in the
    bundle. --nobody is for people who do not exist.
    """
    from visavis.replicas.enrol import enrol, slug  # heavy: models

    if (consent is None) == (not nobody):
        raise _fail(
            "Say who agreed to this replica, when, and where that is kept, for example\n"
            "  --consent 'signed by Ada Example on 2026-05-04, file HR-112'\n"
            "or, for a person who does not exist, --nobody. One of the two is needed.",
            2,
        )
    target = out or Path(slug(name))
    if target.exists() and not (target.suffix == ".zip" or (target / "replica.json").is_file()):
        raise _fail(f"{target} is there already and is no replica; choose another with --out.", 2)
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise _fail(f"{file} has {file.stat().st_size / 1e6:.0f} MB; that is too much.")
        data = file.read_bytes()
    except OSError as e:
        raise _fail(f"{file} cannot be read: {e.strerror or e}.") from e
    try:
        replica = enrol(
            data,
            name,
            None if nobody else consent,
            licence=licence,
            provenance=provenance or f"made from {file.name}",
            default_voice=voice,
        )
        replica.save(target)
    except ReplicaError as e:
        raise _fail(str(e)) from e
    except OSError as e:
        raise _fail(f"{target} cannot be written: {e.strerror or e}.") from e
    size = sum(map(len, replica.files.values())) / 1e6
    typer.echo(f"{target}: {replica.manifest.name}, {replica.manifest.kind}, {size:.1f} MB")
    typer.echo(f"Talk to it: VISAVIS_FACE__REPLICA={target} visavis up")


@app.command()
def show(
    bundle: Annotated[str, typer.Argument(help="A bundle's path, or a stock replica's name.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Verify a replica bundle and say what it is."""
    from visavis.replicas.catalog import load_replica

    try:
        replica = load_replica(bundle)
    except ReplicaError as e:
        raise _fail(str(e)) from e
    m = replica.manifest
    size = sum(map(len, replica.files.values()))
    if as_json:
        row = m.model_dump(mode="json", exclude={"checksums"}) | {"bytes": size}
        typer.echo(json.dumps(row, indent=2, ensure_ascii=False))
        return
    for label, value in (
        ("name", m.name), ("id", m.id), ("kind", m.kind), ("licence", m.licence),
        ("provenance", m.provenance), ("consent", m.consent or "none: nobody's face"),
        ("voice", m.default_voice or "-"),
        ("captured", f"{m.capture_width} x {m.capture_height}"),
        ("files", f"{len(replica.files)}, {size / 1e6:.1f} MB, verified"),
    ):  # fmt: skip
        typer.echo(f"{label:<11} {value}")
