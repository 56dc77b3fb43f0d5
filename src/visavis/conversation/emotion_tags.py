"""``<emotion value="happy" intensity="0.6"/>`` in the language model's text: felt, never spoken."""

from __future__ import annotations

import re

from loguru import logger
from pipecat.frames.frames import (
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from visavis.animation.emotion import check
from visavis.speech.tts_service import EmotionFrame

#: Intensity of a tag that names none.
DEFAULT_INTENSITY = 0.7
#: A tag longer than this is none.
LONGEST = 160
_OPENINGS = ("<emotion", "</emotion")
_ATTRIBUTE = re.compile(r"(\w+)\s*=\s*[\"'“”]?\s*([\w.]+)")


class TagFilter:
    """Text in, in pieces of any size; text without tags and the tags' emotions out, in order."""

    def __init__(self) -> None:
        self._held = ""

    def push(self, text: str) -> list[str | tuple[str, float]]:
        """What is known to be text, and emotions. Only what may be the beginning of a tag waits."""
        out: list[str | tuple[str, float]] = []
        self._held += text
        while self._held:
            at = self._held.find("<")
            if at != 0:
                plain = self._held if at < 0 else self._held[:at]
                out.append(plain)
                self._held = self._held[len(plain) :]
                continue
            if not _may_be_tag(self._held):
                out.append("<")
                self._held = self._held[1:]
                continue
            end = self._held.find(">")
            if end < 0:
                if len(self._held) < LONGEST:
                    break  # the rest is still to come
                end = LONGEST - 1  # not a tag, and not for saying either
            tag, self._held = self._held[: end + 1], self._held[end + 1 :]
            emotion = _read(tag)
            if emotion is not None:
                out.append(emotion)
        return _joined(out)

    def flush(self) -> str:
        """What is left at the end of the text; an unfinished tag is dropped."""
        held, self._held = self._held, ""
        return "" if len(held) > 1 and _may_be_tag(held) else held


def _may_be_tag(text: str) -> bool:
    lower = text.lower()
    return any(lower.startswith(o) or o.startswith(lower) for o in _OPENINGS)


def _read(tag: str) -> tuple[str, float] | None:
    """The emotion of a tag; None for a closing tag or one that makes no sense."""
    if tag.startswith("</"):
        return None
    found = {name.lower(): value for name, value in _ATTRIBUTE.findall(tag)}
    label = found.get("value", found.get("emotion", "")).lower()
    try:
        intensity = min(max(float(found.get("intensity", DEFAULT_INTENSITY)), 0.0), 1.0)
        check(label, intensity)
    except ValueError as e:
        logger.debug("Ignored {!r}: {}", tag, e)
        return None
    return label, intensity


def _joined(parts: list[str | tuple[str, float]]) -> list[str | tuple[str, float]]:
    out: list[str | tuple[str, float]] = []
    for part in parts:
        if isinstance(part, str) and out and isinstance(out[-1], str):
            out[-1] += part
        else:
            out.append(part)
    return out


class EmotionTags(FrameProcessor):
    """Stands behind the language model: takes tags out of its text and passes them as frames."""

    def __init__(self) -> None:
        super().__init__()
        self._filter = TagFilter()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Filter text; let everything else pass."""
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMFullResponseStartFrame | InterruptionFrame):
            self._filter = TagFilter()
        elif isinstance(frame, LLMFullResponseEndFrame):
            rest = self._filter.flush()
            if rest:
                await self.push_frame(LLMTextFrame(rest), direction)
        elif isinstance(frame, LLMTextFrame) and direction is FrameDirection.DOWNSTREAM:
            for part in self._filter.push(frame.text):
                if isinstance(part, str):
                    await self.push_frame(LLMTextFrame(part), direction)
                else:
                    await self.push_frame(EmotionFrame(*part), direction)
            return
        await self.push_frame(frame, direction)
