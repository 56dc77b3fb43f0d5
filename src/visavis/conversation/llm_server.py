"""Keeps the local language model running: start, health check, restart, warm prompt cache."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import psutil
from loguru import logger

#: Seconds a model may take to load before it counts as broken.
LOAD_TIMEOUT = 180.0
#: Seconds between health checks, and how many may fail in a row.
HEALTH_INTERVAL = 5.0
HEALTH_FAILURES = 3
#: Seconds the model may be held still at a time.
HOLD_LIMIT = 1.5
#: Pauses before the restarts after the first; the last repeats.
RESTART_PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0)


class LLMServerError(Exception):
    """The local language model could not be started; the message says why."""


def free_port() -> int:
    """A TCP port on the loopback interface that nobody uses at this moment."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class LlamaServer:
    """Supervises one llama.cpp server process.

    Args:
        model: The GGUF file.
        context_tokens: Tokens each conversation may use.
        slots: Conversations whose prompts stay cached side by side.
        threads: CPU threads for generation.
    """

    def __init__(self, model: Path, *, context_tokens: int, slots: int, threads: int) -> None:
        self._model = model
        self._context_tokens = context_tokens
        self._slots = slots
        self._threads = threads
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._prefix: list[dict[str, str]] = []
        self._last_words: list[str] = []
        self._holding = 0
        self.restarts = 0

    @property
    def base_url(self) -> str:
        """The OpenAI-compatible endpoint; it stays the same across restarts."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def ready(self) -> bool:
        """Whether the model answers at the moment."""
        return self._ready.is_set()

    @property
    def pid(self) -> int | None:
        """The process id, None while it is down."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else None

    async def start(self, warm: Sequence[dict[str, str]] = ()) -> None:
        """Start the process and wait until it answers; `warm` is the prompt prefix to keep cached.

        Raises:
            LLMServerError: the model did not load in :data:`LOAD_TIMEOUT` seconds.
        """
        self._prefix = list(warm)
        self._supervisor = asyncio.create_task(self._supervise(), name="llm-supervisor")
        waiter = asyncio.create_task(self._ready.wait())
        done, _ = await asyncio.wait(
            {waiter, self._supervisor},
            timeout=LOAD_TIMEOUT,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if waiter in done:
            return
        waiter.cancel()
        failed = self._supervisor in done
        await self.stop()
        reason = "ended while loading" if failed else f"did not load within {LOAD_TIMEOUT:.0f} s"
        tail = " ".join(self._last_words[-3:])
        raise LLMServerError(
            f"The language model {self._model.name} {reason}. Last output: {tail or 'none'}. "
            "Check `visavis doctor` and `visavis models verify`."
        )

    async def stop(self) -> None:
        """End the process and its supervision."""
        if self._supervisor:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError, LLMServerError):
                await self._supervisor
            self._supervisor = None
        await self._kill()

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """While inside, the model stands still, for at most :data:`HOLD_LIMIT` seconds.

        For work that somebody waits for more than for the model's next words, on a machine whose
        cores the two would share. A reply in progress is delayed, not lost.
        """
        process = self._process if self.ready else None
        if process is None or process.returncode is not None:
            yield
            return
        self._holding += 1
        limit = asyncio.get_running_loop().call_later(HOLD_LIMIT, _go_on, process.pid)
        try:
            with contextlib.suppress(psutil.Error):
                psutil.Process(process.pid).suspend()
            yield
        finally:
            limit.cancel()
            self._holding -= 1
            if self._holding == 0:
                _go_on(process.pid)

    async def _supervise(self) -> None:
        attempt = 0
        loaded_once = False
        while True:
            await asyncio.sleep(RESTART_PAUSES[min(attempt, len(RESTART_PAUSES) - 1)])
            await self._spawn()
            if await self._until_healthy():
                loaded_once = True
                attempt = 0
                self._ready.set()
                logger.info("Language model ready ({})", self._model.name)
                await self._watch()
                logger.warning("Language model process is gone; restarting it")
                self.restarts += 1
            elif not loaded_once:
                return  # start() reports it
            self._ready.clear()
            await self._kill()
            attempt += 1

    async def _spawn(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "visavis.conversation.llm_process",
            f"--model={self._model}",
            f"--port={self._port}",
            f"--context={self._context_tokens}",
            f"--slots={self._slots}",
            f"--threads={self._threads}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stderr is not None
        self._drain = asyncio.create_task(self._keep_last_words(self._process.stderr))

    async def _keep_last_words(self, stream: asyncio.StreamReader) -> None:
        """Read the log so that the pipe never fills; keep the end of it for error messages."""
        while chunk := await stream.read(65536):
            lines = chunk.decode("utf-8", "replace").splitlines()
            self._last_words = (self._last_words + lines)[-20:]

    async def _until_healthy(self) -> bool:
        assert self._process is not None
        deadline = asyncio.get_running_loop().time() + LOAD_TIMEOUT
        async with httpx.AsyncClient(timeout=2.0) as client:
            while asyncio.get_running_loop().time() < deadline:
                if self._process.returncode is not None:
                    return False
                if await self._healthy(client):
                    await self._warm(client)
                    return True
                await asyncio.sleep(0.2)
        return False

    async def _healthy(self, client: httpx.AsyncClient) -> bool:
        try:
            answer = await client.get(f"http://127.0.0.1:{self._port}/health")
        except httpx.HTTPError:
            return False
        return answer.status_code == 200

    async def _warm(self, client: httpx.AsyncClient) -> None:
        """Have the prompt's unchanging beginning computed before the first person asks."""
        if not self._prefix:
            return
        body = {"messages": self._prefix, "max_tokens": 1, "cache_prompt": True}
        with contextlib.suppress(httpx.HTTPError):
            await client.post(f"{self.base_url}/chat/completions", json=body, timeout=60.0)

    async def _watch(self) -> None:
        """Return when the process has died or stopped answering."""
        assert self._process is not None
        failures = 0
        async with httpx.AsyncClient(timeout=HEALTH_INTERVAL) as client:
            while failures < HEALTH_FAILURES:
                try:
                    await asyncio.wait_for(self._process.wait(), HEALTH_INTERVAL)
                    return
                except TimeoutError:
                    failures = 0 if await self._healthy(client) else failures + 1

    async def _kill(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 5.0)


def _go_on(pid: int) -> None:
    with contextlib.suppress(psutil.Error):
        psutil.Process(pid).resume()
