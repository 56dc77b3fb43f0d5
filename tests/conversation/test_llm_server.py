"""The real model in its real process: it answers, is restarted when it dies, and leaves with us."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest

from visavis import models
from visavis.conversation.llm_server import LlamaServer, LLMServerError

pytestmark = pytest.mark.weights


@pytest.fixture
async def server() -> AsyncIterator[LlamaServer]:
    model = next(models.path("llm-qwen2.5-1.5b").glob("*.gguf"))
    server = LlamaServer(model, context_tokens=1024, slots=1, threads=2)
    await server.start(warm=[{"role": "system", "content": "The clinic opens at nine."}])
    yield server
    await server.stop()


async def ask(server: LlamaServer, question: str) -> str:
    body = {
        "messages": [
            {"role": "system", "content": "The clinic opens at nine."},
            {"role": "user", "content": question},
        ],
        "max_tokens": 24,
        "temperature": 0,
    }
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(f"{server.base_url}/chat/completions", json=body)
        answer.raise_for_status()
        return str(answer.json()["choices"][0]["message"]["content"])


async def test_it_answers_and_is_restarted_when_killed(server: LlamaServer) -> None:
    assert "nine" in (await ask(server, "When does the clinic open?")).lower()
    first = server.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(60):
        while not (server.ready and server.pid not in (None, first)):
            await asyncio.sleep(0.1)
    assert server.restarts == 1
    assert "nine" in (await ask(server, "When does the clinic open?")).lower()


async def test_it_stands_still_while_held_and_not_for_long(
    server: LlamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server.pid is not None
    process = psutil.Process(server.pid)
    async with server.held(), server.held():
        assert process.status() == psutil.STATUS_STOPPED
    assert process.status() != psutil.STATUS_STOPPED
    monkeypatch.setattr("visavis.conversation.llm_server.HOLD_LIMIT", 0.1)
    async with server.held():
        await asyncio.sleep(0.3)
        assert process.status() != psutil.STATUS_STOPPED
        assert "nine" in (await ask(server, "When does the clinic open?")).lower()


async def test_a_broken_model_is_reported_not_waited_for(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(1000))
    server = LlamaServer(broken, context_tokens=512, slots=1, threads=1)
    began = time.monotonic()
    with pytest.raises(LLMServerError, match=r"broken\.gguf"):
        await server.start()
    assert time.monotonic() - began < 60
    assert server.pid is None


def test_it_does_not_outlive_a_parent_that_is_killed() -> None:
    model = next(models.path("llm-qwen2.5-1.5b").glob("*.gguf"))
    script = (
        "import asyncio\n"
        "from pathlib import Path\n"
        "from visavis.conversation.llm_server import LlamaServer\n"
        "async def main():\n"
        f"    s = LlamaServer(Path({str(model)!r}), context_tokens=512, slots=1, threads=1)\n"
        "    await s.start()\n"
        "    print(s.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while psutil.pid_exists(child) and time.monotonic() < deadline:
        if psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.1)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
