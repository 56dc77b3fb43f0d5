"""Typed settings: ``visavis.toml``, overridden by ``VISAVIS_…`` environment variables.

Nested settings use two underscores in the environment: ``VISAVIS_SERVER__PORT=8000``.
The file is ``$VISAVIS_CONFIG`` when set, else ``visavis.toml`` in the working directory, else
the built-in defaults apply.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from visavis.dialogue.persona import Persona, discharge_guide

#: Processors this process may use.
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class ConfigError(Exception):
    """The configuration is unusable; the message says where and what to change."""


class Section(BaseModel):
    """A table of the file; unknown keys are mistakes, not silently ignored."""

    model_config = ConfigDict(extra="forbid")


class ServerSettings(Section):
    """Where the server listens and how many conversations it holds."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 7860
    max_sessions: Annotated[int, Field(ge=1, le=64)] = 1
    #: Seconds that running conversations get to end after SIGTERM.
    drain_timeout: Annotated[float, Field(ge=0, le=600)] = 20.0
    #: STUN/TURN servers offered to the browser and used here; none are needed on one machine.
    ice_servers: list[str] = []


class PipecatService(Section):
    """Any Pipecat service class by its dotted path, with constructor parameters."""

    service: str
    params: dict[str, Any] = {}
    #: Parameters read from environment variables (parameter name → variable), for secrets.
    env: dict[str, str] = {}


class LocalLLM(Section):
    """A llama.cpp server process of our own, or any OpenAI-compatible endpoint by `base_url`."""

    #: OpenAI-compatible endpoint; empty starts the local model.
    base_url: str = ""
    api_key: SecretStr = SecretStr("none")
    model: str = "llm-qwen2.5-1.5b"
    #: Tokens the model can see; the conversation is trimmed to this.
    context_tokens: Annotated[int, Field(ge=512, le=1_048_576)] = 4096
    max_reply_tokens: Annotated[int, Field(ge=16, le=4096)] = 160
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    #: CPU threads; on a small machine one core must stay free for the face and the video encoder,
    #: or every thread waits for the one that lost its core.
    threads: Annotated[int, Field(ge=1, le=256)] = max(1, min(8, CORES - 1))


class LocalSTT(Section):
    """faster-whisper in this process."""

    model: Literal["stt-whisper-base", "stt-whisper-tiny-en"] = "stt-whisper-base"
    language: str = "en"
    threads: Annotated[int, Field(ge=1, le=64)] = 1


class LocalTTS(Section):
    """Kokoro in this process or Piper in its own."""

    #: ``kokoro:NAME`` or ``piper:joe``; empty takes the persona's voice.
    voice: str = ""
    speed: Annotated[float, Field(ge=0.5, le=2.0)] = 1.0
    threads: Annotated[int, Field(ge=1, le=64)] = 2


#: Who draws the face.
Render = Literal["auto", "server", "browser"]


class FaceSettings(Section):
    """The picture that is sent."""

    #: A stock replica's name or the path of a replica bundle; empty takes the persona's replica.
    replica: str = ""
    #: Who draws the face: the server, as video; the browser, with WebGL2; or the browser where it
    #: has a graphics card for that, else the server. A page's ``?render=`` goes before this.
    render: Render = "auto"
    width: Annotated[int, Field(ge=160, le=3840)] = 1280
    height: Annotated[int, Field(ge=120, le=2160)] = 720
    fps: Annotated[int, Field(ge=5, le=60)] = 30
    #: Bits per second offered to the video encoder at the start of a call.
    bitrate: Annotated[int, Field(ge=100_000, le=20_000_000)] = 2_500_000


class TurnSettings(Section):
    """When the user's turn starts and ends, in seconds of audio."""

    #: Speech this long starts a turn.
    start: Annotated[float, Field(ge=0.03, le=1)] = 0.10
    #: Speech this long interrupts the face while it talks.
    barge_in: Annotated[float, Field(ge=0.03, le=2)] = 0.16
    #: Silence after which a turn ends when the voice sounded finished.
    end: Annotated[float, Field(ge=0.1, le=3)] = 0.25
    #: Silence after which a turn ends even though the voice sounded unfinished.
    patience: Annotated[float, Field(ge=0.2, le=10)] = 1.8


def _over_default_persona(value: Any) -> Any:
    return discharge_guide().model_dump() | value if isinstance(value, dict) else value


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        env_prefix="VISAVIS_", env_nested_delimiter="__", extra="forbid"
    )

    server: ServerSettings = ServerSettings()
    #: What the file leaves out stays as in the persona that ships.
    persona: Annotated[Persona, BeforeValidator(_over_default_persona)] = Field(
        default_factory=discharge_guide
    )
    llm: LocalLLM | PipecatService = LocalLLM()
    stt: LocalSTT | PipecatService = LocalSTT()
    tts: LocalTTS | PipecatService = LocalTTS()
    face: FaceSettings = FaceSettings()
    turns: TurnSettings = TurnSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments beat the environment, which beats the file."""
        path = config_file()
        sources: list[PydanticBaseSettingsSource] = [init_settings, _OwnVariables(env_settings)]
        if path is not None:
            sources.append(TomlConfigSettingsSource(settings_cls, toml_file=path))
        return tuple(sources)


class _OwnVariables(PydanticBaseSettingsSource):
    """The environment source, cut to the sections: ``VISAVIS_HOME`` and its like are not ours."""

    def __init__(self, inner: PydanticBaseSettingsSource) -> None:
        super().__init__(inner.settings_cls)
        self._inner = inner

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return self._inner.get_field_value(field, field_name)

    def __call__(self) -> dict[str, Any]:
        return {k: v for k, v in self._inner().items() if k in self.settings_cls.model_fields}


def config_file() -> Path | None:
    """The file the settings come from, if there is one.

    Raises:
        ConfigError: ``$VISAVIS_CONFIG`` names a file that is not there.
    """
    named = os.environ.get("VISAVIS_CONFIG")
    if named:
        path = Path(named)
        if not path.is_file():
            raise ConfigError(f"VISAVIS_CONFIG names {named}, which is not a file.")
        return path
    here = Path("visavis.toml")
    return here if here.is_file() else None


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Raises:
        ConfigError: naming the file, the key and what is wrong with it.
    """
    try:
        return Settings(**overrides)
    except ValidationError as e:
        where = config_file() or "the environment"
        lines = [f"{'.'.join(map(str, err['loc']))}: {err['msg']}" for err in e.errors()]
        raise ConfigError(f"Settings in {where} are not usable: " + "; ".join(lines)) from e
    except tomllib.TOMLDecodeError as e:
        raise ConfigError(f"{config_file()} is not valid TOML: {e}") from e
