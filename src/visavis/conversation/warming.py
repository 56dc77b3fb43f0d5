"""Reads the prompt while the person is still speaking, so that less is left to read afterwards.

A language model on a CPU spends a quarter of a second and more on reading a question before it
says its first word. Most of that text is known earlier: the conversation so far when the person
begins to speak, the first half of the sentence while they say the second. Asking the local server
for as little as it will say (`n_predict` 0: it still makes one token) leaves the rest in its cache.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import httpx
from pipecat.frames.frames import (
    CancelFrame,
    EagerTranscriptionFrame,
    EndFrame,
    Frame,
    InterimTranscriptionFrame,
    ProposedUserStartedSpeakingFrame,
    TranscriptionFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

TIMEOUT = 10.0


class PromptWarmer(FrameProcessor):
    """Sends what is known of the prompt to a llama.cpp server; sits before the user aggregator.

    Args:
        base_url: The server's OpenAI-compatible endpoint.
        system: The system prompt.
        context: The conversation.
    """

    def __init__(self, base_url: str, system: str, context: LLMContext) -> None:
        super().__init__()
        self._base_url = base_url
        self._system = system
        self._context = context
        self._client = httpx.AsyncClient(timeout=TIMEOUT)
        self._reading: asyncio.Task[None] | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Read along; make way when the question itself is asked."""
        await super().process_frame(frame, direction)
        if isinstance(frame, ProposedUserStartedSpeakingFrame):
            self._read("")
        elif isinstance(frame, InterimTranscriptionFrame):
            self._read(frame.text)
        elif isinstance(frame, EagerTranscriptionFrame | TranscriptionFrame):
            self._stop()
        elif isinstance(frame, EndFrame | CancelFrame):
            self._stop()
            await self._client.aclose()
        await self.push_frame(frame, direction)

    def _stop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()  # closing the connection makes the server stop reading
            self._reading = None

    def _read(self, so_far: str) -> None:
        self._stop()
        # The last words of a partial transcript often change; they are not worth reading yet.
        words = so_far.rstrip(" .,;:?!-…").split()
        messages: list[Any] = [
            {"role": "system", "content": self._system},
            *self._context.get_messages(),
            {"role": "user", "content": " ".join(words)},
        ]
        self._reading = asyncio.create_task(self._post(messages))

    async def _post(self, messages: list[Any]) -> None:
        body = {"messages": messages, "n_predict": 0, "max_tokens": 0, "cache_prompt": True}
        with contextlib.suppress(httpx.HTTPError):
            await self._client.post(f"{self._base_url}/chat/completions", json=body)
