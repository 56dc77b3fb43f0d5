"""The `visavis` command.

Every sub-command is one line in `COMMANDS`: its name and where its function or typer app is. They
are imported when used, so that `visavis doctor` also runs where another command's dependencies are
broken, and small commands start fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

COMMANDS = {
    "up": "visavis.cli.up:up",
    "doctor": "visavis.cli.doctor:doctor",
    "models": "visavis.cli.models:app",
    "face": "visavis.cli.face:app",
    "replica": "visavis.cli.replica:app",
    "bench": "visavis.cli.bench:bench",
    "eval": "visavis.cli.evaluate:app",
}


class _LazyGroup(TyperGroup):
    """Finds its commands in `COMMANDS`."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(module), name)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False)
            found.command(cmd_name)(function)
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from visavis import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Vis-à-vis: an AI face that listens, sees and talks, live, on your own machine."""
