"""The wheel carries everything the program needs, and nothing else."""

from __future__ import annotations

import configparser
import email
import importlib.util
import os
import subprocess
import sys
import zipfile
from email.message import Message
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "visavis"
#: A package index refuses files of 100 MB; ours stay well below it, piece by piece.
MAX_FILE = 60_000_000

pytestmark = pytest.mark.slow

#: Run with the unpacked wheel: what the package reads of its own data, it finds there.
USE = """
import pathlib, sys
import visavis
from visavis.dialogue.persona import discharge_guide
from visavis import models
from visavis.replicas.catalog import load_replica

assert pathlib.Path(visavis.__file__).is_relative_to(sys.argv[1]), visavis.__file__
persona = discharge_guide()
load_replica(persona.replica)
assert models.load().artifacts
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling, which builds the wheel, is not installed: make install-dev")
    folder = tmp_path_factory.mktemp("wheel")
    # The build backend itself: neither a network nor a second environment is needed.
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


@pytest.fixture(scope="module")
def names(wheel: zipfile.ZipFile) -> set[str]:
    return set(wheel.namelist())


def metadata(wheel: zipfile.ZipFile, name: str) -> str:
    (path,) = (n for n in wheel.namelist() if n.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


@pytest.mark.parametrize(
    "pattern",
    [
        "visavis/models/manifest.toml",
        "visavis/animation/visemes.toml",
        "visavis/animation/behaviour.toml",
        "visavis/animation/weights/audio_visemes.onnx",
        "visavis/dialogue/personas/*.toml",
        "visavis/faces/weights/*.onnx",
        "visavis/faces/weights/*.tflite",
        "visavis/replicas/data/arkit_basis.npz",
        "visavis/replicas/stock/clara/bundle/replica.json",
        "visavis/replicas/stock/clara/bundle/rig.glb",
        "visavis/replicas/stock/clara/bundle/textures/*.webp",
        "visavis-*.dist-info/licenses/LICENSE",
        "visavis-*.dist-info/licenses/NOTICE",
    ],
)
def test_what_the_program_needs_is_there(names: set[str], pattern: str) -> None:
    assert any(PurePosixPath(n).match(pattern) for n in names)


def test_no_source_file_is_left_out(names: set[str]) -> None:
    sources = {
        f"visavis/{path.relative_to(PACKAGE).as_posix()}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and not {"__pycache__", "web_dist"} & set(path.parts)
    }
    assert sources - names == set()


def test_the_built_page_is_there(names: set[str]) -> None:
    page = PACKAGE / "web_dist"
    if not (page / "index.html").is_file():
        pytest.skip("the page is not built: make web")
    built = {f"visavis/{p.relative_to(PACKAGE).as_posix()}" for p in page.rglob("*") if p.is_file()}
    assert built - names == set()


def test_nothing_else_is_there(names: set[str]) -> None:
    assert {n.split("/")[0].split("-")[0] for n in names} == {"visavis"}
    unwanted = ("tests", "__pycache__", "node_modules", "artifacts", "benchmarks")
    assert [n for n in names if set(PurePosixPath(n).parts) & set(unwanted)] == []


def test_no_file_is_too_large(wheel: zipfile.ZipFile) -> None:
    assert [f.filename for f in wheel.infolist() if f.file_size > MAX_FILE] == []


def test_metadata(wheel: zipfile.ZipFile) -> None:
    about: Message = email.message_from_string(metadata(wheel, "METADATA"))
    assert about["Name"] == "visavis"
    assert about["License-Expression"] == "Apache-2.0"
    assert about["Requires-Python"]
    assert set(about.get_all("License-File", [])) == {"LICENSE", "NOTICE"}
    scripts = configparser.ConfigParser()
    scripts.read_string(metadata(wheel, "entry_points.txt"))
    assert dict(scripts["console_scripts"]) == {"visavis": "visavis.cli:app"}
    assert "Root-Is-Purelib: true" in metadata(wheel, "WHEEL")


def test_the_package_finds_its_data(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
