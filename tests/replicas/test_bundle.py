"""The replica bundle: round trip, and everything that can be wrong with one."""

from __future__ import annotations

import contextlib
import json
import zipfile
from pathlib import Path

import numpy as np
import pygltflib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visavis.animation.face_state import ARKIT_NAMES
from visavis.replicas.bundle import MANIFEST, RIG, Replica, ReplicaManifest, load
from visavis.replicas.catalog import load_stock, stock_names
from visavis.replicas.errors import ReplicaError
from visavis.replicas.gltf import read_glb, write_glb


@pytest.fixture(scope="module")
def replica() -> Replica:
    return load_stock()


@pytest.fixture(params=["folder", "zip"])
def saved(request: pytest.FixtureRequest, replica: Replica, tmp_path: Path) -> Path:
    path = tmp_path / ("face" if request.param == "folder" else "face.zip")
    replica.save(path)
    return path


def test_stock_replicas_are_listed_and_unknown_ones_named() -> None:
    assert stock_names()
    with pytest.raises(LookupError, match="nobody"):
        load_stock("nobody")


def test_round_trip(saved: Path, replica: Replica) -> None:
    again = load(saved)
    assert again.manifest == replica.manifest
    assert again.files == replica.files


def test_saving_twice_replaces_and_leaves_nothing_behind(replica: Replica, tmp_path: Path) -> None:
    for path in (tmp_path / "face", tmp_path / "face.zip"):
        replica.save(path)
        replica.save(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["face", "face.zip"]


def test_zip_is_reproducible(replica: Replica, tmp_path: Path) -> None:
    replica.save(tmp_path / "a.zip")
    replica.save(tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_folder_that_is_no_bundle_is_not_overwritten(replica: Replica, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError):
        replica.save(tmp_path / "precious")
    assert [p.name for p in tmp_path.iterdir()] == ["precious"]


def test_failed_write_leaves_nothing(
    replica: Replica, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        replica.save(tmp_path / "face")
    assert list(tmp_path.iterdir()) == []


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "absent")


def edit_manifest(path: Path, **changes: object) -> None:
    raw = json.loads((path / MANIFEST).read_text())
    raw.update(changes)
    (path / MANIFEST).write_text(json.dumps(raw))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: (p / MANIFEST).unlink(), "missing file: replica.json"),
        (lambda p: (p / MANIFEST).write_text("{"), "not JSON"),
        (lambda p: (p / MANIFEST).write_text("[]"), "schema version"),
        (lambda p: edit_manifest(p, schema_version=99), "schema version 99"),
        (lambda p: edit_manifest(p, licence=""), "licence"),
        (lambda p: edit_manifest(p, surprise=1), "surprise"),
        (lambda p: (p / RIG).unlink(), "missing file: rig.glb"),
        (lambda p: (p / RIG).write_bytes((p / RIG).read_bytes()[:-1]), "bad checksum: rig.glb"),
        (lambda p: (p / "extra.txt").write_text("?"), "without a checksum: extra.txt"),
        (lambda p: (p / "link").symlink_to(p / MANIFEST), "link in the bundle"),
        (lambda p: (p / "a b.txt").write_text("?"), "unsafe file name"),
    ],
)
def test_damaged_folder(replica: Replica, tmp_path: Path, damage: object, message: str) -> None:
    path = tmp_path / "face"
    replica.save(path)
    damage(path)  # type: ignore[operator]
    with pytest.raises(ReplicaError, match=message):
        load(path)


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "..", "C:\\evil", "a//b", "./a", ".hidden"]
)
def test_unsafe_names_in_a_zip(replica: Replica, tmp_path: Path, name: str) -> None:
    path = tmp_path / "face.zip"
    replica.save(path)
    with zipfile.ZipFile(path, "a") as z:
        z.writestr(name, "boo")
    with pytest.raises(ReplicaError, match="unsafe file name"):
        load(path)
    assert not (tmp_path.parent / "evil").exists()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for i in range(3):
            z.writestr(f"zeros{i}", bytes(100 * 1024 * 1024))
    with pytest.raises(ReplicaError, match="too large"):
        load(path)


def test_a_file_that_is_no_zip(tmp_path: Path) -> None:
    path = tmp_path / "face.zip"
    path.write_bytes(b"PK nonsense")
    with pytest.raises(ReplicaError, match="damaged zip"):
        load(path)


def test_missing_texture_is_named(replica: Replica) -> None:
    files = {k: v for k, v in replica.files.items() if k != "textures/tongue.png"}
    with pytest.raises(ReplicaError, match=r"textures/tongue\.png"):
        Replica.create(replica.manifest, files)


def test_a_texture_that_is_no_picture(replica: Replica) -> None:
    broken = Replica(replica.manifest, {**replica.files, "textures/tongue.png": b"not a picture"})
    with pytest.raises(ReplicaError, match=r"tongue\.png: not an 8-bit picture"):
        broken.texture("textures/tongue.png")


def test_rig_survives_gltf(replica: Replica) -> None:
    rig = replica.rig()
    again = read_glb(write_glb(rig))
    assert again.camera == rig.camera
    assert again.pivot == pytest.approx(rig.pivot)
    assert list(again.layers) == list(rig.layers)
    for name, layer in rig.layers.items():
        other = again.layers[name]
        np.testing.assert_array_equal(other.positions, layer.positions)
        np.testing.assert_array_equal(other.triangles, layer.triangles)
        np.testing.assert_allclose(other.uv, layer.uv)
        assert set(other.morphs) == set(layer.morphs)
        for morph, delta in layer.morphs.items():
            np.testing.assert_allclose(other.morphs[morph], delta, atol=2e-4)


def test_rig_is_a_gltf_with_arkit_morph_targets(replica: Replica) -> None:
    gltf = pygltflib.GLTF2.load_from_bytes(replica.files[RIG])
    assert gltf.asset.version == "2.0"
    nodes = {n.name: n for n in gltf.nodes}
    assert {"background", "body", "face", "teeth_upper", "teeth_lower", "tongue"} <= set(nodes)
    mesh = gltf.meshes[nodes["face"].mesh]
    names = mesh.extras["targetNames"]
    assert len(names) == len(mesh.primitives[0].targets)
    # everything but the tongue moves the skin
    assert set(ARKIT_NAMES) - set(names) == {"tongueOut"}
    for texture in gltf.images:
        assert texture.uri in replica.files


@given(st.binary(max_size=200))
def test_garbage_is_no_rig(data: bytes) -> None:
    with pytest.raises(ReplicaError):
        read_glb(b"glTF" + data)


@settings(deadline=None)
@given(st.data())
def test_a_damaged_rig_never_raises_anything_else(data: st.DataObject) -> None:
    raw = bytearray(load_small())
    for _ in range(data.draw(st.integers(1, 4))):
        # the structure is at the front, the numbers behind it
        end = data.draw(st.sampled_from([4000, len(raw)])) - 1
        raw[data.draw(st.integers(0, end))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ReplicaError):
        read_glb(bytes(raw))


_small: list[bytes] = []


def load_small() -> bytes:
    """A rig cut down to a few layers without displacements, for speed."""
    if not _small:
        rig = load_stock().rig()
        for layer in rig.layers.values():
            layer.morphs = {}
        rig.layers = {n: rig.layers[n] for n in ("background", "body", "face")}
        _small.append(write_glb(rig))
    return _small[0]


def test_manifest_refuses_odd_ids() -> None:
    for bad in ("", "Has Spaces", "../up", "x" * 65):
        with pytest.raises(ValueError, match="id"):
            ReplicaManifest(
                id=bad, name="n", licence="l", provenance="p", capture_width=1, capture_height=1
            )
