"""Persona: who the face is in the conversation, and what she knows."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Persona(BaseModel):
    """Behaviour of the face: name, prompt, facts, greeting, voice and default replica."""

    model_config = ConfigDict(extra="forbid")

    name: str
    role: str
    #: How to behave; becomes the first part of the system prompt.
    instructions: str
    #: What she may tell, as plain text.
    facts: str = ""
    #: A sentence or two with the words people will use; they are then heard more readily.
    topics: str = ""
    #: Spoken when the call begins; empty lets the person speak first.
    greeting: str = ""
    #: Spoken when the language model cannot answer.
    apology: str = (
        "I'm sorry, I lost my train of thought for a moment. Could you say that once more?"
    )
    voice: str = "kokoro:clara"
    replica: str = "clara"
    #: How much the face moves, blinks and shows.
    manner: Literal["calm", "natural", "lively"] = "natural"

    def system_prompt(self) -> str:
        """The system message: instructions, then the facts."""
        if not self.facts.strip():
            return self.instructions.strip()
        return f"{self.instructions.strip()}\n\nFacts:\n{self.facts.strip()}"


def discharge_guide() -> Persona:
    """The persona that ships: a clinic's discharge guide."""
    text = files("visavis.dialogue").joinpath("personas/discharge_guide.toml").read_text("utf-8")
    return Persona.model_validate(tomllib.loads(text))
