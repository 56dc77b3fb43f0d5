"""The face space: what codes mean, on disk and off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.identity import frame
from visavis.identity.space import (
    Basis,
    FaceSpace,
    SpaceError,
    assemble_bands,
    default_space,
    mix,
    take_bands,
    texture_masks,
)
from visavis.identity.traits import TRAITS

seeds = st.integers(0, 2**31)


@pytest.fixture(scope="module")
def space() -> FaceSpace:
    return default_space()


@given(seeds, st.integers(2, 40))
def test_a_mixture_is_as_far_from_the_mean_as_its_parts(seed: int, parts: int) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=(parts, 4000)).astype(np.float32)
    mixed = mix(samples, rng.dirichlet(np.full(parts, 2.0)))
    assert mixed.std() == pytest.approx(1.0, abs=0.08)
    plain = samples.mean(0)
    assert plain.std() < 1.1 / np.sqrt(parts)


@given(seeds)
def test_a_mixture_of_one_is_that_one(seed: int) -> None:
    codes = np.random.default_rng(seed).normal(size=(3, 20)).astype(np.float32)
    np.testing.assert_allclose(mix(codes, np.array([0.0, 1.0, 0.0])), codes[1], atol=1e-5)


@given(seeds, st.sampled_from([23, 127]))
def test_a_basis_keeps_what_it_is_made_of(seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    rows, mean = rng.normal(size=(5, 300)).astype(np.float32), rng.normal(size=300)
    basis = Basis.of(mean, rows, levels)
    for i in range(5):
        code = np.zeros(5, np.float32)
        code[i] = 1.0
        error = basis.decode(code) - mean - rows[i]
        assert np.abs(error).max() <= 0.6 * np.abs(rows[i]).max() / levels + 0.4


def test_bands_hold_all_of_a_texture_inside_the_face(space: FaceSpace) -> None:
    masks = texture_masks(space.canonical)
    texture = space.texture(space.archetypes[0])
    grey = texture * [1, 0, 0]  # fine bands are lightness alone
    again = assemble_bands(*take_bands(grey.astype(np.float32), masks), masks)
    oval = frame.filled(space.canonical, (10, 152, 234, 454), (frame.HEIGHT, frame.WIDTH)) > 0.5
    assert np.abs(again - grey)[oval].max() < 0.5


def test_nobody_is_in_it_alone(space: FaceSpace) -> None:
    assert len(space.archetypes) == len(space.archetype_people)
    assert all(len(set(people)) >= 8 for people in space.archetype_people)
    assert not {"codes", "looks", "textures"} & set(np.load(_file()).files)


def _file() -> Path:
    return Path(__file__).parents[2] / "src/visavis/identity/data/space.npz"


def test_it_is_small(space: FaceSpace) -> None:
    assert _file().stat().st_size < 40e6
    assert space.size == sum(len(b.rows) for b in space.bases.values())


def test_traits_move_the_way_they_say(space: FaceSpace) -> None:
    for trait in ("lightness", "masculine", "age", "smile", "width"):
        i = TRAITS.index(trait)
        said = np.array([space.traits(c)[i] for c in space.archetypes])
        assert np.corrcoef(said, space.archetype_traits[:, i])[0, 1] > 0.8, trait


def test_saved_and_read_it_is_the_same(space: FaceSpace, tmp_path: Path) -> None:
    space.save(tmp_path / "again.npz")
    again = FaceSpace.load(tmp_path / "again.npz")
    code = space.archetypes[3]
    np.testing.assert_array_equal(again.texture(code), space.texture(code))
    np.testing.assert_array_equal(again.shape(code), space.shape(code))
    assert again.archetype_people == space.archetype_people
    assert again.limit == pytest.approx(space.limit)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 0.999), st.binary(max_size=40))
def test_a_damaged_file_is_told(tmp_path_factory: pytest.TempPathFactory, part: float, junk: bytes) -> None:  # fmt: skip  # noqa: E501
    path = tmp_path_factory.mktemp("space") / "space.npz"
    data = _file().read_bytes()
    path.write_bytes(data[: int(part * len(data))] + junk)
    with pytest.raises(SpaceError, match=r"train_face_space\.py"):
        FaceSpace.load(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="not a face space"):
        FaceSpace.load(tmp_path / "none.npz")


def test_a_code_of_another_space_is_told(space: FaceSpace) -> None:
    for wrong in (np.zeros(3), np.full(space.size, np.nan), np.zeros((2, space.size))):
        with pytest.raises(SpaceError, match="finite numbers"):
            space.check(wrong.astype(np.float32))
    assert space.check(np.zeros(space.size)).dtype == np.float32


def test_a_space_is_not_changed_by_use(space: FaceSpace) -> None:
    other = replace(space, limit=0.5)
    assert other.limit == 0.5
    assert other.texture(space.archetypes[0]).shape == (frame.HEIGHT, frame.WIDTH, 3)
