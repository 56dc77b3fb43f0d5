"""What was said by whom, as far as it was heard."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Line:
    """One turn.

    Attributes:
        role: Who spoke.
        text: What was heard of it.
        timestamp: ISO 8601, when the turn began.
        interrupted: The other side cut it short.
    """

    role: Literal["user", "assistant"]
    text: str
    timestamp: str
    interrupted: bool = False


@dataclass(slots=True)
class Transcript:
    """The lines of a conversation in order."""

    lines: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        """Append a turn; turns of which nothing was heard are left out."""
        if line.text.strip():
            self.lines.append(line)

    def as_dicts(self) -> list[dict[str, Any]]:
        """For JSON."""
        return [asdict(line) for line in self.lines]
