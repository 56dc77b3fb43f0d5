"""`visavis face`: make people who do not exist, edit them, look at what one is.

Exit status: 0 done; 1 it cannot be done; 2 the command was given wrongly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Make faces of people who do not exist."
)

#: Faces in one command.
_MOST = 1000

Out = Annotated[Path, typer.Option(help="Folder to write to.")]


def _fail(message: str, status: int = 1) -> typer.Exit:
    typer.secho(message, fg=typer.colors.RED, err=True)
    return typer.Exit(status)


def _wrong(e: ValidationError) -> typer.Exit:
    first = e.errors()[0]
    option = "--" + str(first["loc"][0]).replace("_", "-")
    return _fail(f"{option}: {first['msg']}, got {first['input']!r}.", 2)


@app.command()
def new(
    seed: Annotated[int, typer.Option(help="The same seed makes the same face again.")] = 0,
    count: Annotated[int, typer.Option(help="How many, from that seed on.")] = 1,
    method: Annotated[str, typer.Option(help="Generator: mixture.")] = "mixture",
    age: Annotated[float | None, typer.Option(help="Apparent age in years, 20 to 85.")] = None,
    gender: Annotated[
        float | None, typer.Option(help="Presentation: 0 feminine to 1 masculine.")
    ] = None,
    skin_tone: Annotated[
        float | None, typer.Option(help="On the Monk scale: 1 lightest to 10 darkest.")
    ] = None,
    face_width: Annotated[float | None, typer.Option(help="-1 narrow to 1 wide.")] = None,
    hair: Annotated[
        str | None, typer.Option(help="black, brown, auburn, blond, grey or white.")
    ] = None,
    smile: Annotated[
        float | None, typer.Option(help="0 none, 0.5 with closed lips, 1 with teeth.")
    ] = None,
    out: Out = Path(),
) -> None:
    """Make faces: a picture, the person cut out, and a record, for each.

    Every face is compared with everybody the face space was learned from, and discarded if it is
    more like one of them than strangers are like each other.
    """
    from visavis.identity.attributes import Attributes
    from visavis.identity.generate import MAX_SEED, GenerationError, generate
    from visavis.identity.generators import generator
    from visavis.identity.space import SpaceError, default_space

    if not 1 <= count <= _MOST:
        raise _fail(f"--count: from 1 to {_MOST}, got {count}.", 2)
    if not 0 <= seed <= MAX_SEED - count:
        raise _fail(f"--seed: from 0 to {MAX_SEED - count}, got {seed}.", 2)
    try:
        wished = Attributes.model_validate(
            {
                "age": age, "gender": gender, "skin_tone": skin_tone, "face_width": face_width,
                "hair": hair, "smile": smile,
            }
        )  # fmt: skip
        make = generator(method)
    except ValidationError as e:
        raise _wrong(e) from e
    except LookupError as e:
        raise _fail(f"--method: {e.args[0]}", 2) from e
    try:
        space = default_space()
        for s in range(seed, seed + count):
            face = generate(make, space, s, wished)
            _write(face, out / f"face-{s}")
    except (GenerationError, SpaceError) as e:
        raise _fail(str(e)) from e
    except OSError as e:
        raise _fail(f"{out} cannot be written: {e.strerror or e}.") from e


@app.command()
def edit(
    record: Annotated[Path, typer.Argument(help="A face's record, or a picture beside it.")],
    age: Annotated[float | None, typer.Option(help="Apparent age in years, 20 to 85.")] = None,
    smile: Annotated[float | None, typer.Option(help="0 none to 1.")] = None,
    light: Annotated[
        float | None, typer.Option(help="From where: -1 the picture's left to 1 its right.")
    ] = None,
    hair: Annotated[
        str | None, typer.Option(help="black, brown, auburn, blond, grey or white.")
    ] = None,
    gaze: Annotated[
        float | None, typer.Option(help="To where: -1 the picture's left to 1 its right.")
    ] = None,
    body: Annotated[str | None, typer.Option(help="Other hair and clothes, by name.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The new picture, without ending; default: NAME-edited.")
    ] = None,
) -> None:
    """Another picture of the same person; says how much it still is the same."""
    from visavis.identity.bodies import cards
    from visavis.identity.edit import Changes
    from visavis.identity.edit import edit as change
    from visavis.identity.record import RecordError, read_record
    from visavis.identity.space import SpaceError, default_space

    if body is not None and body not in cards():
        raise _fail(f"--body: there is no {body!r}; there are {', '.join(cards())}.", 2)
    try:
        changes = Changes.model_validate(
            {
                "age": age, "smile": smile, "light": light, "hair": hair, "gaze": gaze,
                "body": body,
            }
        )  # fmt: skip
    except ValidationError as e:
        raise _wrong(e) from e
    if not changes.model_dump(exclude_none=True):
        raise _fail("Say what to change, for example --age 60 or --light -0.5.", 2)
    try:
        space = default_space()
        edited = change(space, read_record(record).face(space), changes)
        _write(edited.face, out or record.with_name(f"{record.stem}-edited"))
    except (RecordError, SpaceError) as e:
        raise _fail(str(e)) from e
    except OSError as e:
        raise _fail(f"It cannot be written: {e.strerror or e}.") from e
    typer.echo(f"likeness to itself before: {edited.same:.2f} (strangers 0.0, one person 0.8)")


@app.command()
def show(
    record: Annotated[Path, typer.Argument(help="A face's record, or a picture beside it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a generated face is."""
    from visavis.identity.record import RecordError, read_record

    try:
        face = read_record(record)
    except RecordError as e:
        raise _fail(str(e)) from e
    if as_json:
        typer.echo(face.model_dump_json(indent=2))
        return
    typer.echo(face.what)
    wished = face.attributes.model_dump(exclude_none=True)
    for label, value in (
        ("seed", face.seed), ("method", face.method), ("body", face.body),
        *((k.replace("_", " "), f"{v:.2g}" if isinstance(v, float) else v)
          for k, v in wished.items()),
        ("nearest", f"{face.nearest:.3f} of {face.people} people (refused from {face.limit:.3f})"),
    ):  # fmt: skip
        typer.echo(f"{label:<11} {value}")


def _write(face: object, stem: Path) -> None:
    """Three files: the picture, the person cut out, the record."""
    from visavis.identity.generate import Face
    from visavis.identity.record import FaceRecord, cutout, png, write_whole

    assert isinstance(face, Face)
    record = FaceRecord.of(face)
    write_whole(stem.with_name(f"{stem.name}.png"), png(face.portrait.image))
    write_whole(stem.with_name(f"{stem.name}-cutout.png"), png(cutout(face)))
    data = record.model_dump_json(indent=1, exclude_none=True) + "\n"
    write_whole(stem.with_name(f"{stem.name}.json"), data.encode())
    typer.echo(
        f"{stem}.png: nearest person {record.nearest:.2f}, strangers up to {record.limit:.2f}"
    )
