"""Reading a photo that somebody sent: as upright sRGB, or refused by name.

A photo comes from outside. Its header is read first; nothing is decoded whose size the header
does not admit to, and whatever a damaged file makes the decoder do ends as a :class:`PhotoError`.
"""

from __future__ import annotations

import io
import warnings
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from visavis.replicas.errors import ReplicaError

Picture = NDArray[np.uint8]

#: Most bytes and most pixels of a photo; cameras of 100 megapixels stay below.
MAX_BYTES = 64 * 1024 * 1024
MAX_PIXELS = 110_000_000
#: Photos whose long side exceeds this are made smaller; JPEGs while they are decoded.
LONG_SIDE = 4096
#: What shows through a photo's transparent parts.
_BEHIND = (188, 190, 193)
_FORMATS = ("JPEG", "PNG", "WEBP")


class PhotoProblem(StrEnum):
    """Why a photo cannot become a replica."""

    NOT_AN_IMAGE = "not_an_image"
    TOO_LARGE = "too_large"
    TOO_SMALL = "too_small"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    TURNED = "turned"
    CROPPED = "cropped"
    BLURRED = "blurred"
    TOO_DARK = "too_dark"
    OVEREXPOSED = "overexposed"
    MOUTH_COVERED = "mouth_covered"
    EYES_COVERED = "eyes_covered"
    EYES_CLOSED = "eyes_closed"
    MOUTH_OPEN = "mouth_open"


#: What to do about each problem.
ADVICE = {
    PhotoProblem.NOT_AN_IMAGE: "Send a JPEG, PNG or WebP picture.",
    PhotoProblem.TOO_LARGE: "Send a smaller picture; 2000 pixels on the long side are plenty.",
    PhotoProblem.TOO_SMALL: "Use a larger picture, or one taken from nearer.",
    PhotoProblem.NO_FACE: "Use a photo of one person who looks into the camera.",
    PhotoProblem.SEVERAL_FACES: "Cut the picture so that only one person is in it.",
    PhotoProblem.TURNED: "Use a photo taken straight from the front, head upright.",
    PhotoProblem.CROPPED: "Use a photo that shows the whole head and the shoulders.",
    PhotoProblem.BLURRED: "Use a sharp photo: hold still, clean the lens, avoid zoomed-in ones.",
    PhotoProblem.TOO_DARK: "Use more light, best from a window in front of the person.",
    PhotoProblem.OVEREXPOSED: "Use less light, and no flash or sun straight on the face.",
    PhotoProblem.MOUTH_COVERED: "Take away what covers the mouth: a mask, a hand, a microphone.",
    PhotoProblem.EYES_COVERED: "Take off the sunglasses; clear glasses may stay.",
    PhotoProblem.EYES_CLOSED: "Use a photo with open eyes.",
    PhotoProblem.MOUTH_OPEN: "Use a photo with closed lips or an ordinary smile, not a laugh.",
}


class PhotoError(ReplicaError):
    """A photo cannot become a replica.

    Attributes:
        problem: The reason, for programs.
        advice: What to do about it, for people.
    """

    def __init__(self, problem: PhotoProblem, what: str) -> None:
        self.problem = problem
        self.advice = ADVICE[problem]
        super().__init__(f"{what} {self.advice}")


def _open(data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError as e:
        raise PhotoError(PhotoProblem.TOO_LARGE, "The picture has too many pixels.") from e
    except Exception as e:  # parsers raise whatever a damaged file leads them to
        raise PhotoError(PhotoProblem.NOT_AN_IMAGE, "This is not a picture we can read.") from e
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PhotoError(
            PhotoProblem.TOO_LARGE, f"The picture has {width} x {height} pixels, too many."
        )
    # MPO is what phones write: a JPEG with more pictures behind it
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise PhotoError(PhotoProblem.NOT_AN_IMAGE, "This is an animation.")
    return image


def _to_srgb(image: Image.Image) -> Image.Image:
    """8-bit RGB or RGBA in sRGB, by the embedded colour profile if there is a usable one."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float64)
        values = values / 257 if values.max(initial=0) > 255 else values
        return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8), "L").convert("RGB")
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if image.mode in ("P", "PA", "LA", "1", "RGBA", "RGBX", "La", "RGBa"):
        image = image.convert("L" if image.mode in ("LA", "La", "1") else "RGB")
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "L", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            image = ImageCms.profileToProfile(image, source, target, outputMode="RGB") or image
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a damaged profile is no reason to refuse a good picture
    image = image.convert("RGB")
    if alpha is not None:
        image.putalpha(alpha)
    return image


def read_photo(data: bytes) -> Picture:
    """Decode a JPEG, PNG or WebP photo.

    EXIF orientation and colour profiles are applied; gray, CMYK, palette and 16-bit pictures are
    converted; transparent parts become a calm gray; very large ones are made smaller.

    Returns:
        uint8 RGB ``(height, width, 3)``.

    Raises:
        PhotoError: ``NOT_AN_IMAGE`` or ``TOO_LARGE``; found out before anything is decoded where
            the header tells.
    """
    if len(data) > MAX_BYTES:
        raise PhotoError(PhotoProblem.TOO_LARGE, f"The file has {len(data) / 1e6:.0f} MB.")
    image = _open(data)
    try:
        if image.format in ("JPEG", "MPO"):
            share = LONG_SIDE / max(image.size)
            if share < 1:
                image.draft(None, (round(image.width * share), round(image.height * share)))
        image.load()
        image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.BOX, reducing_gap=None)
        image = _to_srgb(ImageOps.exif_transpose(image))
    except MemoryError as e:
        raise PhotoError(PhotoProblem.TOO_LARGE, "The picture needs too much memory.") from e
    except Exception as e:  # decoders raise whatever a damaged file leads them to
        raise PhotoError(PhotoProblem.NOT_AN_IMAGE, "The picture is damaged.") from e
    if image.mode == "RGBA":
        behind = Image.new("RGBA", image.size, (*_BEHIND, 255))
        image = Image.alpha_composite(behind, image).convert("RGB")
    return np.ascontiguousarray(np.asarray(image, np.uint8))
