"""Builders for a small world to download in: weights, packages around them, a web server."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visavis.models import Artifact, Manifest, WeightFile
from visavis.models.manifest import Source


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def weight(name: str, data: bytes, *sources: Source) -> WeightFile:
    return WeightFile(name, len(data), sha256(data), sources)


def world(*artifacts: Artifact) -> Manifest:
    return Manifest({a.name: a for a in artifacts})


def artifact(name: str, *files: WeightFile) -> Artifact:
    return Artifact(name, "a test", "CC0-1.0", ("default",), files)


def manifest_text(name: str, entries: dict[str, tuple[bytes, list[dict[str, Any]]]]) -> str:
    """The TOML of one artifact: file name → its data and its sources."""
    lines = [f'[artifact."{name}"]', 'purpose = "a test"', 'licence = "CC0-1.0"']
    lines.append('profiles = ["default"]')
    for file, (data, sources) in entries.items():
        tables = ", ".join(
            "{" + ", ".join(f"{k} = {json.dumps(v)}" for k, v in s.items()) + "}" for s in sources
        )
        lines += [f'[[artifact."{name}".file]]', f'name = "{file}"', f"size = {len(data)}"]
        lines += [f'sha256 = "{sha256(data)}"', f"sources = [{tables}]"]
    return "\n".join(lines)


def make_wheel(folder: Path, name: str, version: str, members: dict[str, bytes]) -> Path:
    """A valid wheel with data members; `tag` any."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    members = {
        **members,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={_digest(data)},{len(data)}\n" for path, data in members.items()
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as box:
        for member, data in members.items():
            box.writestr(member, data)
        box.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")
    return path


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def make_tarball(
    path: Path, members: dict[str, bytes], links: dict[str, str] | None = None
) -> Path:
    """A gzipped tarball of regular files, and symbolic links if wanted."""
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return path


@dataclass
class Site:
    """A web server over `pages`; faults are switched on per path."""

    pages: dict[str, bytes] = field(default_factory=dict)
    #: Path → bodies are cut after so many bytes, this many times.
    cuts: dict[str, list[int]] = field(default_factory=dict)
    #: Path → statuses to answer with first, in turn.
    statuses: dict[str, list[int]] = field(default_factory=dict)
    ranges: bool = True
    #: Paths whose body stops in the middle until the event is set.
    held: dict[str, threading.Event] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    def asked(self, path: str) -> list[str | None]:
        """The Range header of every request for `path`."""
        return [r for p, r in self.requests if p == path]
