"""Downloading one file over http(s), continuing where an earlier attempt stopped."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from visavis.models.errors import Cancelled, SourceError

_HUB = "https://huggingface.co"


def download(
    url: str,
    target: Path,
    size: int,
    *,
    cancel: threading.Event,
    on_bytes: Callable[[int], None],
    timeout: float = 60.0,
) -> None:
    """Make `target` hold the `size` bytes at `url`, starting from what it already holds.

    Proxies and certificates come from the usual environment variables, and `HF_ENDPOINT` stands
    in for the Hugging Face hub. What arrived stays in `target` when this fails.

    Raises:
        SourceError: the server does not deliver, or what it has is not `size` bytes long.
        Cancelled: `cancel` was set.
    """
    import httpx

    if (hub := os.environ.get("HF_ENDPOINT")) and url.startswith(_HUB + "/"):
        url = hub.rstrip("/") + url.removeprefix(_HUB)
    have = target.stat().st_size if target.exists() else 0
    if have > size:
        target.unlink()
        have = 0
    if have == size:
        return
    headers = {"Accept-Encoding": "identity", "User-Agent": "visavis"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        with (
            httpx.Client(follow_redirects=True, timeout=httpx.Timeout(timeout, pool=None)) as web,
            web.stream("GET", url, headers=headers) as answer,
        ):
            start = _start(answer.status_code, answer.headers, have, size)
            if start is None:
                target.unlink()
                raise SourceError("the server does not continue where we stopped; starting over")
            with target.open("r+b" if start else "wb") as out:
                out.seek(start)
                # As it arrives: gathering larger pieces would lose them when the line breaks.
                for chunk in answer.iter_raw():
                    if cancel.is_set():
                        raise Cancelled
                    if out.tell() + len(chunk) > size:
                        raise SourceError(f"more than the {size} bytes expected", lasting=True)
                    out.write(chunk)
                    on_bytes(out.tell())
    except (httpx.HTTPError, httpx.InvalidURL) as e:
        raise SourceError(f"{type(e).__name__}: {e}" if str(e) else type(e).__name__) from e
    if (got := target.stat().st_size) != size:
        raise SourceError(f"only {got} of {size} bytes arrived")


def _start(status: int, headers: Mapping[str, str], have: int, size: int) -> int | None:
    """Where in the file the answer's body starts; None when that is not where we stopped."""
    if status == 416 and have:
        return None
    if status == 206:
        where = re.match(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("content-range", ""))
        if where is None or int(where[1]) != have:
            return None
        start, total = have, where[2]
    elif status == 200:
        start, total = 0, headers.get("content-length", "*")
    else:
        passing = status >= 500 or status in {408, 425, 429}
        raise SourceError(f"HTTP {status}", lasting=not passing)
    if total.isdigit() and int(total) != size:
        raise SourceError(f"{total} bytes instead of {size}", lasting=True)
    return start
