"""An event loop whose time is made up: seconds pass at once when all have nothing to do but wait.

What happens at what time is then exact and the same on a busy machine, so tests may ask for
milliseconds. Work in threads takes no time at all: the clock stands while any is under way.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any
from unittest import mock

import pytest


class _Selector(selectors.DefaultSelector):
    """Waits for files and threads really, for time by setting it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.busy = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        if self.busy:
            return super().select(None if timeout is None or timeout > 0 else 0)
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return super().select(30)
        self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The loop."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now

    def spend(self, seconds: float) -> None:
        """Let work take time; call it where the work is done."""
        self._virtual.now += seconds

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        self._virtual.busy += 1
        future = super().run_in_executor(executor, func, *args)

        def done(_: object) -> None:
            self._virtual.busy -= 1

        future.add_done_callback(done)
        return future


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Import this into a ``conftest.py``: the tests beside it then run in virtual time."""
    return {"virtual": VirtualTimeLoop}


@pytest.fixture(autouse=True)
def virtual_clocks() -> Iterator[None]:
    """Import this beside it: the clocks of ``time`` then show the running loop's time."""
    real = {name: getattr(time, name) for name in ("monotonic", "time", "perf_counter")}

    def shown(name: str) -> Callable[[], float]:
        def clock() -> float:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return float(real[name]())
            return loop.time() if isinstance(loop, VirtualTimeLoop) else float(real[name]())

        return clock

    with mock.patch.multiple(time, **{name: shown(name) for name in real}):
        yield
