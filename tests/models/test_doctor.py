"""`visavis doctor` tells the truth about what is there and what is not."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.models.builders import manifest_text
from visavis.cli import app, doctor
from visavis.cli.doctor import Check, Status

DATA = b"weights" * 1000


@pytest.fixture
def thing(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the one artifact of a manifest that calls it a face tracker."""
    manifest = tmp_path / "m.toml"
    source = {"folder": str(tmp_path)}
    manifest.write_text(manifest_text("face-mediapipe", {"w.bin": (DATA, [source])}))
    monkeypatch.setenv("VISAVIS_MODELS_MANIFEST", str(manifest))
    return home / "models" / "face-mediapipe" / "w.bin"


def _weights(*, deep: bool = False) -> Check:
    [check] = doctor.weights(None, deep=deep)
    return check


def test_weights(thing: Path) -> None:
    assert _weights().status is Status.FAIL
    assert _weights().cure == "visavis models pull face-mediapipe"
    thing.parent.mkdir(parents=True)
    thing.write_bytes(DATA[:-1])
    assert _weights().found == "corrupt"
    thing.write_bytes(bytes(len(DATA)))
    assert _weights().status is Status.OK
    assert _weights(deep=True).status is Status.FAIL
    assert "--repair" in _weights(deep=True).cure
    thing.write_bytes(DATA)
    assert _weights(deep=True) == Check("weights face-mediapipe", Status.OK, "verified")


def test_needed_weights_follow_the_settings() -> None:
    from visavis.config import load_settings

    assert doctor.needed_weights(load_settings()) == {
        "face-mediapipe",
        "g2p-en",
        "llm-qwen2.5-1.5b",
        "stt-whisper-base",
        "tts-kokoro",
    }
    other = load_settings(
        llm={"base_url": "http://llm"},
        stt={"model": "stt-whisper-tiny-en"},
        tts={"voice": "piper:joe"},
    )
    assert doctor.needed_weights(other) == {
        "face-mediapipe",
        "g2p-en",
        "stt-whisper-tiny-en",
        "tts-piper-joe",
    }


def test_port() -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        taken = doctor.free_port("127.0.0.1", port)
    assert taken.status is Status.WARN
    assert "--port" in taken.cure
    assert doctor.free_port("127.0.0.1", port).status is Status.OK


def test_encoders_really_encode() -> None:
    checks = list(doctor.encoders())
    assert [c.status for c in checks] == [Status.OK] * 3, checks


def test_an_encoder_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_ENCODERS", {"nocodec": ("nothing", True)})
    [check] = doctor.encoders()
    assert check.status is Status.FAIL
    assert check.cure


@pytest.mark.parametrize(
    ("source", "telling"),
    [
        ("raise ImportError('libfoo.so.1 is missing')", "libfoo.so.1"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "signal 4"),
        ("import sys; sys.exit(3)", "status 3"),
    ],
)
def test_a_runtime_that_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, telling: str
) -> None:
    (tmp_path / "broken_runtime.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(
        doctor, "_RUNTIMES", {"broken_runtime": ("breaks", True), "json": ("reads", True)}
    )
    broken, good = doctor.runtimes()
    assert (broken.status, good.status) == (Status.FAIL, Status.OK)
    assert telling in broken.found


def test_a_check_that_breaks_is_a_failed_check() -> None:
    def broken() -> None:
        raise RuntimeError("oh")

    [check] = doctor._guarded("x", broken)  # type: ignore[arg-type]
    assert check.status is Status.FAIL
    assert "oh" in check.found


def test_disk_without_room(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    usage = shutil.disk_usage("/")._replace(free=10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    [check] = doctor.disk()
    assert check.status is Status.WARN
    assert "VISAVIS_HOME" in check.cure


def test_report_and_status(thing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_RUNTIMES", {"json": ("reads", True)})
    monkeypatch.setattr(doctor, "page", lambda: iter(()))
    # Piper is not wanted by default, so its absence must not fail the report.
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    result = CliRunner().invoke(app, ["doctor", "--json"])
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert not report["ok"]
    failed = [c for c in report["checks"] if c["status"] == "fail"]
    assert [c["name"] for c in failed] == ["weights face-mediapipe"]
    thing.parent.mkdir(parents=True)
    thing.write_bytes(DATA)
    assert CliRunner().invoke(app, ["doctor", "--json"]).exit_code == 0
    text = CliRunner().invoke(app, ["doctor"])
    assert text.exit_code == 0
    assert "weights face-mediapipe" in text.stdout


def test_a_bad_configuration_is_one_failed_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "visavis.toml"
    config.write_text("[server]\nport = 'x'\n")
    monkeypatch.setenv("VISAVIS_CONFIG", str(config))
    settings, check = doctor._settings()
    assert settings is None
    assert check.status is Status.FAIL
    assert "port" in check.found


def test_page_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import visavis

    monkeypatch.setattr(visavis, "__file__", str(tmp_path / "__init__.py"))
    [check] = doctor.page()
    assert check.status is Status.FAIL
    assert "make web" in check.cure
    (tmp_path / "web_dist").mkdir()
    (tmp_path / "web_dist" / "index.html").touch()
    [check] = doctor.page()
    assert check.status is Status.OK
