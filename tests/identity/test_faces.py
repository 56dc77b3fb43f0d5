"""People who do not exist: generated, proven, edited, kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from visavis.cli import app
from visavis.faces import FaceTracker
from visavis.faces.embedding import appearance
from visavis.identity.attributes import Attributes, lightness_to_monk, monk_to_lightness
from visavis.identity.bodies import cards
from visavis.identity.edit import Changes, edit
from visavis.identity.generate import MAX_SEED, Face, GenerationError, decide, generate
from visavis.identity.mixture import Mixture
from visavis.identity.record import FaceRecord, RecordError, read_record, write_whole
from visavis.identity.space import FaceSpace, default_space
from visavis.identity.uniqueness import likeness

pytestmark = pytest.mark.weights
#: Cosine of two frames of one person.
SAME_PERSON = 0.8


@pytest.fixture(scope="module")
def space() -> FaceSpace:
    return default_space()


@pytest.fixture(scope="module")
def woman(space: FaceSpace) -> Face:
    return generate(Mixture(), space, 7, Attributes(gender=0, age=40, skin_tone=3, smile=0.4))


def test_the_same_seed_is_the_same_person(space: FaceSpace, woman: Face) -> None:
    again = generate(Mixture(), space, 7, Attributes(gender=0, age=40, skin_tone=3, smile=0.4))
    np.testing.assert_array_equal(again.portrait.image, woman.portrait.image)
    other = generate(Mixture(), space, 8, Attributes(gender=0, age=40, skin_tone=3, smile=0.4))
    assert float(other.likeness.embedding @ woman.likeness.embedding) < SAME_PERSON


def test_a_portrait_is_whole(woman: Face) -> None:
    p = woman.portrait
    assert p.image.shape == p.person.shape == (1024, 1024, 3)
    assert p.alpha.shape == (1024, 1024)
    faces = FaceTracker(static=True).detect(p.image)
    assert len(faces) == 1
    off = np.linalg.norm(faces[0].points[:, :2] - p.points[:, :2], axis=1)
    assert np.median(off) < 8  # the landmarks it gives are where the face is
    assert p.alpha[-1].max() > 0.9  # shoulders reach the picture's edge
    assert p.alpha[:6].max() < 0.5  # hair does not


def test_it_is_like_nobody(space: FaceSpace, woman: Face) -> None:
    assert woman.likeness.nearest < space.limit
    assert woman.likeness.people == len(space.people) >= 400


def test_who_is_like_somebody_is_refused(space: FaceSpace, woman: Face) -> None:
    class Stubborn:
        name = "stubborn"

        def code(self, *_: object) -> np.ndarray:
            return woman.code

    attributes = woman.attributes
    known = replace(space, people=np.stack([woman.likeness.embedding] * 3))
    with pytest.raises(GenerationError, match="too like a real person"):
        generate(Stubborn(), known, 7, attributes)


def test_attributes_are_met(space: FaceSpace) -> None:
    def looks(**wish: float) -> tuple[float, float]:
        face = generate(Mixture(), space, 3, Attributes(**wish))
        found = FaceTracker(static=True).detect(face.portrait.image)[0]
        seen = appearance(face.portrait.image, found)
        return seen.age, seen.masculine

    assert looks(gender=1)[1] > 0.7 > 0.5 > looks(gender=0)[1]
    assert looks(gender=1, age=72)[0] > looks(gender=1, age=28)[0] + 12


@given(st.floats(1, 10))
def test_tones_have_a_lightness_and_back(tone: float) -> None:
    assert lightness_to_monk(monk_to_lightness(tone)) == pytest.approx(tone, abs=1e-6)


@given(st.integers(0, MAX_SEED), st.floats(20, 85), st.floats(1, 10))
def test_a_wish_changes_nothing_else(seed: int, age: float, tone: float) -> None:
    free = decide(Attributes(), np.random.default_rng(seed)).attributes
    bound = decide(Attributes(age=age, skin_tone=tone), np.random.default_rng(seed)).attributes
    assert (bound.age, bound.skin_tone) == (age, tone)
    assert (bound.gender, bound.face_width, bound.smile) == (
        free.gender, free.face_width, free.smile,
    )  # fmt: skip


@pytest.mark.parametrize("seed", [-1, 2**70])
def test_a_seed_out_of_range_is_told(space: FaceSpace, seed: int) -> None:
    with pytest.raises(GenerationError, match="seed: give a whole number"):
        generate(Mixture(), space, seed)


@pytest.mark.parametrize(
    "wrong", [{"age": 5}, {"age": float("nan")}, {"gender": 2}, {"hair": "green"}, {"nose": 1}]
)
def test_impossible_attributes_are_told(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Attributes.model_validate(wrong)


@pytest.mark.parametrize(
    "changes",
    [
        Changes(age=55),
        Changes(age=30),
        Changes(smile=0.0),
        Changes(smile=0.7),
        Changes(light=-0.8),
        Changes(hair="grey"),
        Changes(gaze=0.8),
    ],
    ids=lambda c: "-".join(f"{k}" for k in c.model_dump(exclude_none=True)),
)
def test_an_edit_keeps_the_person(space: FaceSpace, woman: Face, changes: Changes) -> None:
    edited = edit(space, woman, changes)
    assert edited.same >= 0.9 * SAME_PERSON
    assert edited.face.seed == woman.seed
    changed = np.abs(edited.face.portrait.image.astype(int) - woman.portrait.image).max()
    assert changed > 20


def test_edits_do_what_they_say(space: FaceSpace, woman: Face) -> None:
    tracker = FaceTracker(static=True)

    def seen(changes: Changes) -> tuple[np.ndarray, np.ndarray, float]:
        image = edit(space, woman, changes).face.portrait.image
        face = tracker.detect(image)[0]
        return image, face.points, appearance(image, face).age

    assert seen(Changes(age=70))[2] > seen(Changes(age=28))[2] + 6
    left, right = (seen(Changes(gaze=g))[1] for g in (-1, 1))
    assert left[468, 0] < right[468, 0] - 2
    assert left[473, 0] < right[473, 0] - 2
    from_left, from_right = (seen(Changes(light=x)) for x in (-1, 1))
    cheeks = from_left[1][[205, 425], :2].astype(int)
    for (x, y), brighter in zip(cheeks, (from_left[0], from_right[0]), strict=True):
        darker = from_right[0] if brighter is from_left[0] else from_left[0]
        area = (slice(y - 8, y + 8), slice(x - 8, x + 8))
        assert brighter[area].mean() > darker[area].mean() + 4


def test_a_record_shows_the_same_face(space: FaceSpace, woman: Face) -> None:
    text = FaceRecord.of(woman).model_dump_json()
    again = FaceRecord.model_validate_json(text).face(space)
    difference = np.abs(again.portrait.image.astype(int) - woman.portrait.image)
    assert difference.mean() < 0.5  # the code is rounded
    assert json.loads(text)["what"].startswith("A synthetic portrait")


@pytest.mark.parametrize("break_it", ["{", "[]", '{"version": 2}', '{"seed": -1}'])
def test_a_damaged_record_is_told(tmp_path: Path, break_it: str) -> None:
    (tmp_path / "f.json").write_text(break_it)
    with pytest.raises(RecordError, match="no record of a face"):
        read_record(tmp_path / "f.json")
    with pytest.raises(RecordError, match="cannot be read"):
        read_record(tmp_path / "none.png")


def test_a_record_of_another_space_is_told(space: FaceSpace, woman: Face) -> None:
    record = FaceRecord.of(woman)
    for update, message in (
        ({"code": [1.0]}, "another face space"),
        ({"body": "x"}, "there is no"),
    ):
        with pytest.raises(RecordError, match=message):
            record.model_copy(update=update).face(space)


def test_a_picture_without_a_face_has_no_likeness(space: FaceSpace) -> None:
    with pytest.raises(ValueError, match="no face"):
        likeness(space, np.zeros((256, 256, 3), np.uint8))


def test_nothing_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="full"):
        write_whole(tmp_path / "a.png", b"x")
    assert list(tmp_path.iterdir()) == []


def test_the_command_makes_edits_and_shows(tmp_path: Path) -> None:
    run = CliRunner()
    made = run.invoke(app, ["face", "new", "--seed", "5", "--age", "50", "--out", str(tmp_path)])
    assert made.exit_code == 0, made.output
    picture = cv2.imread(str(tmp_path / "face-5-cutout.png"), cv2.IMREAD_UNCHANGED)
    assert picture.shape == (1024, 1024, 4)
    shown = run.invoke(app, ["face", "show", str(tmp_path / "face-5.png")])
    assert "age         50" in shown.output
    record = str(tmp_path / "face-5.json")
    edited = run.invoke(app, ["face", "edit", record, "--age", "70"])
    assert "likeness to itself" in edited.output
    assert (tmp_path / "face-5-edited.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["new", "--seed", "-1"], "--seed: from 0"),
        (["new", "--count", "100000"], "--count: from 1 to"),
        (["new", "--age", "3"], "--age"),
        (["new", "--hair", "green"], "--hair"),
        (["new", "--method", "magic"], "no generator 'magic'"),
        (["edit", "nowhere.json", "--age", "50"], "cannot be read"),
        (["edit", "nowhere.json"], "Say what to change"),
        (["edit", "nowhere.json", "--body", "x"], next(iter(cards()))),
        (["show", "nowhere.json"], "cannot be read"),
    ],
)
def test_wrong_commands_say_what_to_do(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["face", *arguments])
    assert result.exit_code in (1, 2)
    assert said in result.output
    assert "Traceback" not in result.output
