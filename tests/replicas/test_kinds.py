"""Replicas of kind mesh and splat: what loads, what is refused, and that nothing else happens."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.replicas.models import FLOAT, U8, GlbWriter, basis, face_glb, lam_zip, offsets_ply
from visavis.animation.face_state import ARKIT_NAMES
from visavis.replicas.bundle import Replica, load
from visavis.replicas.enrol import enrol
from visavis.replicas.errors import ReplicaError
from visavis.replicas.glb import Glb, quaternion_matrix
from visavis.replicas.mesh import arkit_name, read_mesh
from visavis.replicas.splat import OFFSETS, SKIN, read_ply, read_splat, unpack_lam

LAM = Path(__file__).parents[3] / "shared" / "data" / "splat"


class TestMesh:
    def test_everything_is_read(self) -> None:
        model = read_mesh(face_glb())
        (part,) = model.parts
        b = basis()
        moving = [
            str(n) for n, d in zip(b["names"], b["deltas"], strict=True) if np.abs(d).max() > 0
        ]
        assert list(model.names) == [n for n in ARKIT_NAMES if n in moving]
        expected = b["rest"].astype(float) * 0.09 + (0, 1.6, 0)
        np.testing.assert_allclose(part.positions, expected, atol=1e-4)
        jaw = b["deltas"][list(b["names"]).index("jawOpen")].astype(float) * 0.09
        np.testing.assert_allclose(part.morphs["jawOpen"], jaw, atol=1e-4)
        assert model.pupils[0, 0] > 0 > model.pupils[1, 0]  # the person's left is at +x
        assert 0.05 < model.unit < 0.09

    def test_a_skin_says_what_is_head(self) -> None:
        model = read_mesh(face_glb(skin=True))
        assert (model.parts[0].head == 1).all()
        np.testing.assert_allclose(model.pivot, (0, 1.6, 0), atol=1e-6)

    def test_texture(self) -> None:
        (part,) = read_mesh(face_glb(texture=True)).parts
        assert part.texture is not None and part.texture.shape == (8, 8, 4)
        assert tuple(part.texture[0, 0]) == (0, 0, 255, 255)

    @pytest.mark.parametrize(
        ("given_name", "meant"),
        [("jawOpen", "jawOpen"), ("JawOpen", "jawOpen"), ("head.eyeBlinkLeft", "eyeBlinkLeft"),
         ("eyeBlink_L", "eyeBlinkLeft"), ("mouth_smile_r", "mouthSmileRight"),
         ("viseme_aa", None), ("", None)],
    )  # fmt: skip
    def test_names(self, given_name: str, meant: str | None) -> None:
        assert arkit_name(given_name) == meant

    def test_without_arkit_names_it_says_what_to_do(self) -> None:
        with pytest.raises(ReplicaError, match="morphTargets=ARKit"):
            read_mesh(face_glb(names=[f"shape{i}" for i in range(52)]))
        names = [n if n != "jawOpen" else "x" for n in map(str, basis()["names"])]
        with pytest.raises(ReplicaError, match="jawOpen are missing"):
            read_mesh(face_glb(names=names))

    def test_a_bundle_of_it(self, tmp_path: Path) -> None:
        replica = enrol(face_glb(), "Mask", None)
        assert replica.manifest.kind == "mesh"
        replica.save(tmp_path / "mask.zip")
        assert load(tmp_path / "mask.zip").mesh().names == replica.mesh().names
        with pytest.raises(ReplicaError):
            replica.splat()

    def test_a_bad_model_never_becomes_a_bundle(self) -> None:
        good = enrol(face_glb(), "Mask", None)
        with pytest.raises(ReplicaError):
            Replica.create(good.manifest, {"rig.glb": face_glb()[:-40]})


class TestGlb:
    def test_interleaved_and_normalised(self) -> None:
        w = GlbWriter()
        rows = np.zeros(3, np.dtype([("p", "<f4", 3), ("c", "u1", 4)]))
        rows["p"] = np.arange(9).reshape(3, 3)
        rows["c"] = (255, 51, 0, 255)
        view = w.view(rows.tobytes(), byteStride=16)
        w.tree["accessors"] = [
            {"bufferView": view, "componentType": FLOAT, "count": 3, "type": "VEC3"},
            {"bufferView": view, "byteOffset": 12, "componentType": U8, "count": 3,
             "type": "VEC4", "normalized": True},
        ]  # fmt: skip
        glb = Glb(w.finish())
        np.testing.assert_array_equal(glb.array(0), rows["p"])
        np.testing.assert_allclose(glb.array(1)[2], (1, 0.2, 0, 1), atol=1e-6)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda t: t["accessors"][0].update(count=10**9), "too large"),
            (lambda t: t["accessors"][0].update(count=469), "past the end"),
            (lambda t: t["accessors"][0].update(count=-1), "count"),
            (lambda t: t["accessors"][0].update(componentType=99), "component type"),
            (lambda t: t["accessors"][0].update(type="VEC9"), "VEC9"),
            (lambda t: t["bufferViews"][0].update(byteOffset=10**9), "past the end"),
            (lambda t: t["bufferViews"][0].update(byteLength=2**70), "past the end"),
            (lambda t: t["buffers"][0].update(uri="../../etc/passwd"), "outside the file"),
            (lambda t: t["nodes"][1].update(children=[0]), "circle|parents"),
            (lambda t: t["nodes"][0].update(children=[1, 1]), "two parents"),
            (lambda t: t["nodes"][0].update(children=[77]), "no element 77"),
            (lambda t: t["nodes"][1].update(mesh=3), "no element 3"),
            (lambda t: t["nodes"][0].update(scale=["a"]), "transform"),
            (lambda t: t["nodes"][0].update(translation=[1e300, 0, 0]), "transform"),
            (lambda t: t.update(meshes={}), "not a list"),
            (lambda t: t.update(extensionsRequired=["KHR_draco_mesh_compression"]), "compressed"),
        ],
    )  # fmt: skip
    def test_lies_are_found(self, change: object, message: str) -> None:
        with pytest.raises(ReplicaError, match=message):
            read_mesh(edited(face_glb(), change))

    def test_values_that_are_not_finite(self) -> None:
        data = bytearray(face_glb())
        start = data.index(b"BIN\0") + 4
        data[start : start + 4] = np.float32(np.nan).tobytes()
        with pytest.raises(ReplicaError, match="not finite"):
            read_mesh(bytes(data))

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_damage_is_refused_or_read(self, data: st.DataObject) -> None:
        raw = bytearray(SMALL)
        for _ in range(data.draw(st.integers(1, 8))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        try:
            model = read_mesh(bytes(raw))
        except ReplicaError:
            return
        for part in model.parts:
            assert np.isfinite(part.positions).all()
            assert part.triangles.max() < len(part.positions)

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_a_nonsense_description_is_refused_or_read(self, data: st.DataObject) -> None:
        def change(tree: dict[str, object]) -> None:
            at: object = tree
            while True:
                keys = list(at) if isinstance(at, dict) else list(range(len(at)))  # type: ignore
                key = data.draw(st.sampled_from(keys))
                value = at[key]  # type: ignore[index]
                if not isinstance(value, dict | list) or not value or data.draw(st.booleans()):
                    at[key] = data.draw(NONSENSE)  # type: ignore[index]
                    return
                at = value

        with_errors(lambda: read_mesh(edited(SMALL, change)))


NONSENSE = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**66), 2**66), st.floats(), st.text(max_size=4),
    st.just([]), st.just({}), st.just([0]), st.just({"a": 1}),
)  # fmt: skip


def edited(glb: bytes, change: object) -> bytes:
    """The file with its description changed."""
    size = int.from_bytes(glb[12:16], "little")
    tree = json.loads(glb[20 : 20 + size])
    change(tree)  # type: ignore[operator]
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    rest = glb[20 + size :]
    total = 20 + len(text) + len(rest)
    return b"glTF\2\0\0\0" + b"".join(
        (total.to_bytes(4, "little"), len(text).to_bytes(4, "little"), b"JSON", text, rest)
    )


def with_errors(call: object) -> None:
    try:
        call()  # type: ignore[operator]
    except ReplicaError as e:
        assert str(e)


SMALL = face_glb(texture=True)


class TestSplat:
    def test_everything_is_read(self) -> None:
        rng = np.random.default_rng(3)
        q = rng.normal(size=(468, 4))
        columns = {f"rot_{i}": q[:, i] for i in range(4)} | {"x": np.full(468, 0.001)}
        model = read_splat(offsets_ply(468, **columns), face_glb(skin=True))
        assert len(model.positions) == 468
        part = model.mesh.parts[0]
        np.testing.assert_allclose(model.positions[:, 0], part.positions[:, 0] + 0.001, atol=1e-6)
        np.testing.assert_allclose(model.opacities, 1 / (1 + np.exp(-3.0)), atol=1e-6)
        np.testing.assert_allclose(model.colours[0], (0.8, 0.5, 0.4), atol=1e-6)
        c = model.covariances
        full = np.stack([c[:, (0, 1, 2)], c[:, (1, 3, 4)], c[:, (2, 4, 5)]], 1)
        sigma = np.sqrt(np.linalg.eigvalsh(full.astype(float)))
        assert sigma.min() > 0.0015 and sigma.max() < 0.0045

    def test_harmonics_are_told_from_colours(self) -> None:
        columns = {f"f_dc_{i}": np.full(468, 1.5) for i in range(3)}
        model = read_splat(offsets_ply(468, **columns), face_glb(skin=True))
        np.testing.assert_allclose(model.colours, 0.5 + 0.2820948 * 1.5, atol=1e-5)

    @pytest.mark.parametrize(
        ("files", "message"),
        [
            ((offsets_ply(467), face_glb(skin=True)), "467 Gaussians"),
            ((offsets_ply(468)[:-4], face_glb(skin=True)), "truncated"),
            ((offsets_ply(468, x=np.full(468, np.nan)), face_glb(skin=True)), "not finite"),
            ((offsets_ply(468, x=np.full(468, 1e6)), face_glb(skin=True)), "far away"),
            ((offsets_ply(468).replace(b"rot_3", b"rot_9"), face_glb(skin=True)), "rot_3"),
            ((offsets_ply(468).replace(b"binary_little", b"ascii_xlittle"), b""), "little-endian"),
            ((offsets_ply(468).replace(b"vertex 468", b"vertex 999999999"), b""), "999999999"),
            ((offsets_ply(468).replace(b"float x\n", b"list uchar float x\n"), b""), "property"),
            ((b"nonsense", face_glb(skin=True)), "not a PLY"),
            ((offsets_ply(468), b"nonsense"), "skin.glb: not a binary glTF"),
        ],
    )  # fmt: skip
    def test_refusals(self, files: tuple[bytes, bytes], message: str) -> None:
        with pytest.raises(ReplicaError, match=message):
            read_splat(*files)

    def test_a_bundle_of_a_zip(self, tmp_path: Path) -> None:
        replica = enrol(lam_zip(), "Mask", None)
        assert replica.manifest.kind == "splat" and set(replica.files) == {OFFSETS, SKIN}
        replica.save(tmp_path / "mask")
        assert len(load(tmp_path / "mask").splat().positions) == 468

    @pytest.mark.parametrize(
        ("files", "message"),
        [
            ({"readme.txt": b""}, "no offset.ply and no skin.glb"),
            ({"skin.glb": b"x"}, "no offset.ply"),
            ({"a/skin.glb": b"x", "b/skin.glb": b"y", "offset.ply": b""}, "twice"),
        ],
    )
    def test_zips_without_a_head(self, files: dict[str, bytes], message: str) -> None:
        with pytest.raises(ReplicaError, match=message):
            enrol(lam_zip(files), "Mask", None)

    def test_names_that_climb_out_write_nothing(self, tmp_path: Path) -> None:
        files = {"../../skin.glb": face_glb(skin=True), "/etc/offset.ply": offsets_ply(468)}
        out = tmp_path / "deep" / "mask"
        enrol(lam_zip(files), "Mask", None).save(out)
        assert sorted(p.name for p in out.iterdir()) == sorted([OFFSETS, SKIN, "replica.json"])
        assert [p.name for p in tmp_path.iterdir()] == ["deep"]

    def test_a_bomb_is_not_unpacked(self) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as z:
            with z.open("offset.ply", "w", force_zip64=True) as f:
                block = b"\0" * 2**20
                for _ in range(129):
                    f.write(block)
            z.writestr("skin.glb", b"")
        assert len(buffer.getvalue()) < 2**20
        with pytest.raises(ReplicaError, match="too large"):
            unpack_lam(buffer.getvalue())

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_damage_is_refused_or_read(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(["ply", "zip"]))
        raw = bytearray(PLY if kind == "ply" else ZIP)
        for _ in range(data.draw(st.integers(0, 6))):
            raw[data.draw(st.integers(0, min(len(raw) - 1, 2000)))] = data.draw(st.integers(0, 255))
        cut = bytes(raw[: data.draw(st.integers(len(raw) // 2, len(raw)))])
        with_errors(lambda: read_ply(cut) if kind == "ply" else unpack_lam(cut))

    @pytest.mark.skipif(not LAM.is_dir(), reason="no LAM avatars here to read")
    @pytest.mark.parametrize("name", ["james", "status"])
    def test_what_lam_exports_is_read(self, name: str) -> None:
        model = enrol((LAM / f"{name}.zip").read_bytes(), name, None).splat()
        assert len(model.positions) == 20018 and len(model.mesh.names) == 51
        assert 0.05 < model.mesh.unit < 0.08
        assert model.mesh.pupils[0, 0] > 0 > model.mesh.pupils[1, 0]


PLY = offsets_ply(20)
ZIP = lam_zip()


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4))
def test_quaternions_turn_without_stretching(q: list[float]) -> None:
    m = quaternion_matrix(np.array([q]))[0]
    np.testing.assert_allclose(m @ m.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(m) == pytest.approx(1)
