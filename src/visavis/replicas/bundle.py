"""The replica bundle: a face that can be driven, as a folder or a zip.

``replica.json`` describes it and lists the SHA-256 of every other file. Of a portrait, ``rig.glb``
holds the rig and ``textures/`` its pictures; of kind ``mesh``, ``rig.glb`` is the whole model; of
kind ``splat``, ``skin.glb`` is the head and ``offset.ply`` its Gaussians. Reading trusts nothing:
names, sizes and checksums are verified before anything is decoded. Writing is atomic: a bundle is
complete or absent.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from visavis.replicas.errors import ReplicaError
from visavis.replicas.gltf import read_glb
from visavis.replicas.mesh import MeshModel, read_mesh
from visavis.replicas.pictures import decode_picture
from visavis.replicas.rig import Rig
from visavis.replicas.splat import OFFSETS, SKIN, SplatModel, read_splat

SCHEMA_VERSION = 1
MANIFEST = "replica.json"
RIG = "rig.glb"
#: Most bytes a bundle may hold unpacked, and most files.
MAX_BYTES = 256 * 1024 * 1024
MAX_FILES = 256

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class ReplicaManifest(BaseModel):
    """The contents of ``replica.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA_VERSION
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    name: str = Field(min_length=1, max_length=200)
    kind: Literal["portrait", "video", "mesh", "splat"] = "portrait"
    licence: str = Field(min_length=1)
    provenance: str = Field(min_length=1)
    #: Where the person's consent is kept; None only for people who do not exist.
    consent: str | None = None
    default_voice: str | None = None
    capture_width: int = Field(gt=0, le=16384)
    capture_height: int = Field(gt=0, le=16384)
    #: SHA-256 (hex) of every other file, by its path inside the bundle.
    checksums: dict[str, str] = Field(default_factory=dict)


def _check_name(name: str) -> None:
    parts = PurePosixPath(name).parts
    ok = (
        0 < len(name) <= 200
        and "\\" not in name
        and not name.startswith("/")
        and 0 < len(parts) <= 4
        and "/".join(parts) == name
        and all(_NAME.fullmatch(p) and not p.endswith(".") for p in parts)
    )
    if not ok:
        raise ReplicaError(f"unsafe file name in the bundle: {name!r}")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica in memory.

    Attributes:
        manifest: What ``replica.json`` says.
        files: The bytes of every other file by path. Treat as read-only.
    """

    manifest: ReplicaManifest
    files: dict[str, bytes]

    @classmethod
    def create(cls, manifest: ReplicaManifest, files: dict[str, bytes]) -> Replica:
        """A replica whose manifest carries the checksums of ``files``."""
        sums = {name: _sha256(data) for name, data in sorted(files.items())}
        replica = cls(manifest.model_copy(update={"checksums": sums}), dict(files))
        replica.validate()
        return replica

    def _file(self, name: str) -> bytes:
        if name not in self.files:
            raise ReplicaError(f"missing file: {name}")
        return self.files[name]

    def rig(self) -> Rig:
        """The rig in ``rig.glb``, of kinds ``portrait`` and ``video``."""
        return read_glb(self._file(RIG))

    def mesh(self) -> MeshModel:
        """The model in ``rig.glb``, of kind ``mesh``."""
        return read_mesh(self._file(RIG), RIG)

    def splat(self) -> SplatModel:
        """The Gaussians in ``offset.ply`` and ``skin.glb``, of kind ``splat``."""
        return read_splat(self._file(OFFSETS), self._file(SKIN))

    def texture(self, name: str) -> NDArray[np.uint8]:
        """A texture as uint8 RGB or RGBA, ``(h, w, 3 or 4)``."""
        return decode_picture(self._file(name), name)

    def validate(self) -> None:
        """Check names, sizes, checksums and that what the kind needs is there and readable.

        Raises:
            ReplicaError: Says what is wrong.
        """
        for name in (*self.files, *self.manifest.checksums):
            _check_name(name)
        if len(self.files) > MAX_FILES or sum(map(len, self.files.values())) > MAX_BYTES:
            raise ReplicaError("the bundle is too large")
        for name, expected in self.manifest.checksums.items():
            if name not in self.files:
                raise ReplicaError(f"missing file: {name}")
            if _sha256(self.files[name]) != expected:
                raise ReplicaError(f"bad checksum: {name}")
        extra = set(self.files) - set(self.manifest.checksums)
        if extra:
            raise ReplicaError(f"file without a checksum: {sorted(extra)[0]}")
        if self.manifest.kind == "mesh":
            self.mesh()
            return
        if self.manifest.kind == "splat":
            self.splat()
            return
        for layer in self.rig().layers.values():
            if layer.texture not in self.files:
                raise ReplicaError(f"missing file: {layer.texture} (texture of {layer.name})")

    def _members(self) -> dict[str, bytes]:
        manifest = self.manifest.model_dump(mode="json")
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        return {MANIFEST: text.encode(), **self.files}

    def save(self, path: Path) -> None:
        """Write a folder, or a zip if the name ends in ``.zip``. Complete or not at all.

        Raises:
            FileExistsError: ``path`` is a folder that is not a replica bundle.
        """
        self.validate()
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".zip":
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as z:
                for name, data in self._members().items():
                    # fixed date: the same replica is the same file
                    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                    deflate = name.endswith((".json", ".glb"))
                    info.compress_type = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
                    z.writestr(info, data)
            fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            try:
                with os.fdopen(fd, "wb") as f:
                    f.write(buffer.getvalue())
                    f.flush()
                    os.fsync(f.fileno())
                Path(temporary).chmod(0o644)
                Path(temporary).replace(path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
            return
        if path.exists() and not (path / MANIFEST).is_file():
            raise FileExistsError(f"{path} exists and is not a replica bundle")
        staging = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        try:
            for name, data in self._members().items():
                target = staging / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            staging.chmod(0o755)
            if path.exists():
                old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.")) / "old"
                path.rename(old)
                staging.rename(path)
                shutil.rmtree(old.parent)
            else:
                staging.rename(path)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise


def _read_zip(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as z:
            infos = [i for i in z.infolist() if not i.is_dir()]
            if len(infos) > MAX_FILES or sum(i.file_size for i in infos) > MAX_BYTES:
                raise ReplicaError("the bundle is too large")
            files: dict[str, bytes] = {}
            for info in infos:
                _check_name(info.filename)
                if info.filename in files:
                    raise ReplicaError(f"file twice in the bundle: {info.filename}")
                with z.open(info) as f:
                    data = f.read(info.file_size + 1)
                if len(data) != info.file_size:
                    raise ReplicaError(f"{info.filename}: size is not what the zip says")
                files[info.filename] = data
            return files
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as e:
        raise ReplicaError(f"{path.name}: damaged zip ({e})") from e


def _read_folder(path: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    for f in sorted(path.rglob("*")):
        if f.is_dir():
            continue
        name = f.relative_to(path).as_posix()
        _check_name(name)
        if f.is_symlink():
            raise ReplicaError(f"a link in the bundle: {name}")
        total += f.stat().st_size
        if total > MAX_BYTES or len(files) >= MAX_FILES:
            raise ReplicaError("the bundle is too large")
        files[name] = f.read_bytes()
    return files


def load(path: Path) -> Replica:
    """Read and verify a replica bundle, folder or zip.

    Raises:
        FileNotFoundError: Nothing there.
        ReplicaError: The bundle is damaged or unsafe; the message names the file.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no replica bundle at {path}")
    files = _read_folder(path) if path.is_dir() else _read_zip(path)
    if MANIFEST not in files:
        raise ReplicaError(f"missing file: {MANIFEST}")
    try:
        raw = json.loads(files.pop(MANIFEST))
    except ValueError as e:
        raise ReplicaError(f"{MANIFEST}: not JSON ({e})") from e
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if version != SCHEMA_VERSION:
        raise ReplicaError(
            f"{MANIFEST}: schema version {version!r}, this program reads {SCHEMA_VERSION}"
        )
    try:
        manifest = ReplicaManifest.model_validate(raw)
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ReplicaError(f"{MANIFEST}: {where}: {first['msg']}") from e
    replica = Replica(manifest, files)
    replica.validate()
    return replica
