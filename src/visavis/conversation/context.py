"""Keeps the conversation inside the model's window without losing the persona."""

from __future__ import annotations

from typing import Any

from loguru import logger
from pipecat.frames.frames import Frame, LLMContextFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

#: Characters per token, on the safe side for the languages we speak (English is about 4.2).
CHARS_PER_TOKEN = 3.0
#: Tokens a chat template spends around each message.
MESSAGE_OVERHEAD = 6
#: When it is too long, the conversation is cut back to this share of the window at once: each cut
#: makes the model read everything again, so cuts must be rare.
CUT_TO = 0.6


def estimate_tokens(message: dict[str, Any]) -> int:
    """Tokens of a message, estimated from its length, rather too many than too few."""
    content = message.get("content")
    text = content if isinstance(content, str) else str(content or "")
    return int(len(text) / CHARS_PER_TOKEN) + MESSAGE_OVERHEAD


def trim(messages: list[dict[str, Any]], budget: int) -> list[dict[str, Any]]:
    """Drop the oldest exchanges so that the messages fit `budget` tokens.

    System messages (the persona) and the last user message always stay. What remains begins with
    a user message, as chat templates expect. Returns the list itself if it fits.
    """
    if sum(map(estimate_tokens, messages)) <= budget:
        return messages
    fixed = [m for m in messages if m.get("role") == "system"]
    talk = [m for m in messages if m.get("role") != "system"]
    room = int(budget * CUT_TO) - sum(map(estimate_tokens, fixed))
    kept: list[dict[str, Any]] = []
    for message in reversed(talk):
        room -= estimate_tokens(message)
        if room < 0 and any(m.get("role") == "user" for m in kept):
            break
        kept.insert(0, message)
    while len(kept) > 1 and kept[0].get("role") != "user":
        kept.pop(0)
    return fixed + kept


class ContextTrimmer(FrameProcessor):
    """Trims the shared context just before the language model reads it.

    Args:
        budget: Tokens the conversation may take, the reply not included.
    """

    def __init__(self, budget: int) -> None:
        super().__init__()
        self._budget = budget

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Trim what passes by."""
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            self._trim(frame.context)
        await self.push_frame(frame, direction)

    def _trim(self, context: LLMContext) -> None:
        messages: list[Any] = context.get_messages()
        kept = trim(messages, self._budget)
        if len(kept) < len(messages):
            logger.info("Conversation trimmed from {} to {} messages", len(messages), len(kept))
            context.set_messages(list[Any](kept))
