"""Settings: file, environment, and errors that say what to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from visavis.config import ConfigError, LocalLLM, PipecatService, load_settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VISAVIS_CONFIG", raising=False)
    return tmp_path


def test_defaults_need_no_file() -> None:
    settings = load_settings()
    assert isinstance(settings.llm, LocalLLM)
    assert "38.5" in settings.persona.system_prompt()
    assert settings.server.port == 7860


def test_environment_beats_the_file(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clean / "visavis.toml").write_text("[server]\nport = 8001\nmax_sessions = 3\n")
    monkeypatch.setenv("VISAVIS_SERVER__PORT", "8002")
    monkeypatch.setenv("VISAVIS_HOME", "/somewhere")  # not a setting of this kind
    server = load_settings().server
    assert (server.port, server.max_sessions) == (8002, 3)


def test_a_part_of_the_persona_can_be_replaced(clean: Path) -> None:
    (clean / "visavis.toml").write_text('[persona]\nname = "Ada"\nfacts = "Tea is at four."\n')
    persona = load_settings().persona
    assert persona.name == "Ada"
    assert "Tea is at four." in persona.system_prompt()
    assert persona.replica  # the rest stays


def test_any_pipecat_service_can_be_named(clean: Path) -> None:
    (clean / "visavis.toml").write_text(
        '[llm]\nservice = "pipecat.services.openai.llm.OpenAILLMService"\n'
        'params = { base_url = "http://x" }\nenv = { api_key = "MY_KEY" }\n'
    )
    llm = load_settings().llm
    assert isinstance(llm, PipecatService)
    assert llm.env == {"api_key": "MY_KEY"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[server]\nport = 99999\n", "server.port"),
        ("[server]\nprot = 1\n", "server.prot"),
        ("[face]\nfps = 'fast'\n", "face.fps"),
        ("[server\n", "TOML"),
    ],
)
def test_mistakes_are_named(clean: Path, text: str, words: str) -> None:
    (clean / "visavis.toml").write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_settings()


def test_a_named_file_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS_CONFIG", "/nowhere/visavis.toml")
    with pytest.raises(ConfigError, match="VISAVIS_CONFIG"):
        load_settings()


def test_keys_do_not_show(clean: Path) -> None:
    (clean / "visavis.toml").write_text('[llm]\nbase_url = "http://x"\napi_key = "s3cret"\n')
    assert "s3cret" not in repr(load_settings())
