"""`visavis models`: what it prints and how it exits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.models.builders import manifest_text
from visavis.cli import COMMANDS, app

DATA = b"weights" * 1000


@pytest.fixture(autouse=True)
def one_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest with one artifact whose only source is a folder, still empty."""
    stick = tmp_path / "stick"
    stick.mkdir()
    manifest = tmp_path / "m.toml"
    manifest.write_text(manifest_text("thing", {"w.bin": (DATA, [{"folder": str(stick)}])}))
    monkeypatch.setenv("VISAVIS_MODELS_MANIFEST", str(manifest))
    return stick


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["models", *arguments])


def test_list_tells_the_state(home: Path, one_artifact: Path) -> None:
    def state() -> object:
        [row] = json.loads(run("list", "--json").stdout)
        assert row["size"] == len(DATA)
        assert row["licence"] == "CC0-1.0"
        return row["state"]

    assert state() == "missing"
    (one_artifact / "w.bin").write_bytes(DATA)
    assert run("pull").exit_code == 0
    assert state() == "present"
    assert "thing" in (table := run("list").stdout)
    assert "present" in table
    (home / "models/thing/w.bin").write_bytes(b"")
    assert state() == "corrupt"


def test_pull_verify_path(home: Path, one_artifact: Path) -> None:
    assert (missing := run("path", "thing")).exit_code == 1
    assert "visavis models pull thing" in missing.stderr
    assert (failed := run("pull")).exit_code == 1
    assert "no thing/w.bin there" in failed.stderr
    (one_artifact / "w.bin").write_bytes(DATA)
    assert "Fetched" in run("pull", "thing").stdout
    assert "Nothing to fetch" in run("pull").stdout
    assert run("path", "thing").stdout.strip() == str(home / "models" / "thing")
    assert run("verify").exit_code == 0
    (home / "models/thing/w.bin").write_bytes(bytes(len(DATA)))
    assert (damaged := run("verify")).exit_code == 1
    assert "SHA-256" in damaged.stdout
    assert "--repair thing" in damaged.stderr
    assert run("pull", "--repair").exit_code == 0
    assert run("verify", "thing").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [("pull", "nope"), ("verify", "nope"), ("path", "nope"), ("pull", "--profile", "x")],
)
def test_unknown_names_exit_with_2(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Known:" in result.stderr


def test_a_broken_manifest_exits_with_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS_MODELS_MANIFEST", str(tmp_path / "none"))
    assert run("list").exit_code == 2


def test_every_command_is_there() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    for name in COMMANDS:
        assert name in result.stdout
        assert CliRunner().invoke(app, [name, "--help"]).exit_code == 0
    assert CliRunner().invoke(app, ["nope"]).exit_code == 2


def test_weights_need_no_heavy_imports() -> None:
    code = "import sys, visavis.models; print([m for m in ('rich', 'httpx', 'pydantic', 'numpy')"
    code += " if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
