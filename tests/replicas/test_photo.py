"""Reading photos: every usable format comes out upright, everything else is refused by name."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from visavis.replicas.photo import ADVICE, MAX_BYTES, PhotoError, PhotoProblem, read_photo


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def corner_picture() -> Image.Image:
    """Blue, with a red quarter at the top left; 40 wide, 20 high."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[..., 2] = 255
    pixels[:10, :20] = (255, 0, 0)
    return Image.fromarray(pixels)


def refused(data: bytes) -> PhotoProblem:
    with pytest.raises(PhotoError) as e:
        read_photo(data)
    assert e.value.advice in str(e.value)
    return e.value.problem


def test_every_problem_has_advice() -> None:
    assert set(ADVICE) == set(PhotoProblem)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_formats(kind: str) -> None:
    options = {} if kind == "PNG" else {"quality": 95}
    photo = read_photo(encoded(corner_picture(), kind, **options))
    assert photo.shape == (20, 40, 3) and photo.dtype == np.uint8
    assert photo[4, 4, 0] > 230 and photo[16, 30, 2] > 230


@pytest.mark.parametrize(("orientation", "corner"), [(3, (15, 35)), (6, (4, 15)), (8, (35, 4))])
def test_orientation_is_applied(orientation: int, corner: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = read_photo(encoded(corner_picture(), "JPEG", quality=95, exif=exif))
    assert photo.shape[:2] == ((20, 40) if orientation == 3 else (40, 20))
    assert photo[corner][0] > 200


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "I;16"])
def test_modes_become_rgb(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((8, 8), 30000, np.uint16))
    else:
        image = Image.new("L", (8, 8), 117).convert(mode)
    photo = read_photo(encoded(image))
    assert photo.shape == (8, 8, 3)
    if mode != "1":
        assert abs(int(photo[4, 4, 1]) - 117) <= 2


def test_cmyk() -> None:
    photo = read_photo(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95))
    assert photo[4, 4, 0] > 200 and photo[4, 4, 1] < 60


def test_what_is_transparent_becomes_gray() -> None:
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert np.ptp(read_photo(encoded(image))[4, 4]) < 10


def test_colour_profile_is_applied() -> None:
    image = Image.new("RGB", (8, 8), (200, 60, 60))
    lab_like = ImageCms.createProfile("XYZ")
    with_profile = encoded(image, icc_profile=ImageCms.ImageCmsProfile(lab_like).tobytes())
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_allclose(read_photo(encoded(image, icc_profile=srgb))[4, 4], (200, 60, 60),
                               atol=2)  # fmt: skip
    read_photo(with_profile)  # of another kind: ignored or applied, never an error
    read_photo(encoded(image, icc_profile=b"no profile at all"))


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_a_bomb_is_refused_by_its_header() -> None:
    assert refused(png_claiming(60_000, 60_000)) == PhotoProblem.TOO_LARGE
    assert refused(png_claiming(12_000, 12_000)) == PhotoProblem.TOO_LARGE
    assert refused(b"\xff" * (MAX_BYTES + 1)) == PhotoProblem.TOO_LARGE


def test_an_animation_is_refused() -> None:
    frames = [Image.new("RGB", (8, 8), (i * 40, 0, 0)) for i in range(4)]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    assert refused(data) == PhotoProblem.NOT_AN_IMAGE


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.4", b"GIF89a" + b"\0" * 50])
def test_what_is_no_picture(data: bytes) -> None:
    assert refused(data) == PhotoProblem.NOT_AN_IMAGE


def test_other_picture_formats_are_refused() -> None:
    for kind in ("GIF", "BMP", "TIFF", "ICO"):
        assert refused(encoded(corner_picture(), kind)) == PhotoProblem.NOT_AN_IMAGE


_GOOD = {k: encoded(corner_picture(), k) for k in ("PNG", "WEBP", "JPEG")}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(_GOOD)), st.data())
def test_damage_is_refused_or_read(kind: str, data: st.DataObject) -> None:
    raw = bytearray(_GOOD[kind])
    for _ in range(data.draw(st.integers(0, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    try:
        photo = read_photo(bytes(raw))
    except PhotoError as e:
        assert e.problem in (PhotoProblem.NOT_AN_IMAGE, PhotoProblem.TOO_LARGE)
    else:
        assert photo.dtype == np.uint8 and photo.ndim == 3 and photo.shape[2] == 3
