"""What is seen between the lips: the dark of the mouth, two rows of teeth, the tongue.

Upper teeth belong to the skull, lower teeth and tongue to the jaw. The teeth's texture is a
mixture of many smiles (``data/PROVENANCE.md``); size and place follow from anatomy relative to
the width of the portrait's own mouth, colour from its light.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.replicas.eyes import grid_layer
from visavis.replicas.rig import Layer

Image = NDArray[np.uint8]

#: Widths over the mouth's width at rest (about 52 mm): canine to canine and beyond.
ARCH_WIDTH = 0.86
#: Enamel against the mixture's, which blurs its shine away: brighter, a little warmer.
ENAMEL = np.array([1.16, 1.14, 1.14])
#: Brightest channel from which light is compressed.
_SHOULDER = 195.0
CROWN_HEIGHT = 0.235  # texture height of a row: crowns and a strip of gum
JAW_MORPHS = ("jawOpen", "jawLeft", "jawRight", "jawForward")


@cache
def _row_texture(name: str) -> Image:
    source = resources.files("visavis.replicas") / "data" / f"teeth_{name}.png"
    with resources.as_file(source) as path:
        rgba = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if rgba is None or rgba.shape[2] != 4:
        raise RuntimeError(f"teeth_{name}.png is not an RGBA picture")
    return np.asarray(cv2.cvtColor(rgba, cv2.COLOR_BGRA2RGBA))


def _lit(rgba: Image, light: NDArray[np.floating]) -> Image:
    out = rgba.astype(np.float32)
    rgb = out[..., :3] * light
    # bright things keep their colour: above the shoulder all channels are compressed alike
    over = np.maximum(rgb.max(2, keepdims=True), 1.0)
    out[..., :3] = rgb * (np.minimum(over, _SHOULDER + 0.7 * (over - _SHOULDER)) / over)
    return np.asarray(np.clip(out, 0, 255), np.uint8)


def cavity_texture() -> Image:
    """The dark of the mouth: nearly black at the throat, deep red towards the cheeks."""
    h, w = 64, 96
    y, x = np.mgrid[0:h, 0:w]
    r = np.hypot((x / (w - 1) - 0.5) / 0.5, (y / (h - 1) - 0.42) / 0.6)
    g = np.clip(r, 0, 1)[..., None] ** 2
    return np.asarray(np.array([38, 14, 13.0]) * (1 - g) + np.array([88, 36, 34.0]) * g, np.uint8)


def tongue_texture(light: NDArray[np.floating]) -> Image:
    """A moist tongue seen from the front: rounded tip, middle furrow, fine papillae."""
    h, w = 96, 160
    y, x = np.mgrid[0:h, 0:w]
    u = (x / (w - 1) - 0.5) * 2
    v = y / (h - 1)
    edge = 0.10 + 0.30 * np.abs(u) ** 2.6
    alpha = np.clip((v - edge) / 0.07, 0, 1) * np.clip((1 - np.abs(u)) / 0.10, 0, 1)
    body = np.array([176, 92, 90.0])
    shade = 0.62 + 0.45 * np.exp(-(((v - edge - 0.22) / 0.20) ** 2)) - 0.30 * np.clip(v - 0.5, 0, 1)
    shade = shade * (1 - 0.42 * np.abs(u) ** 2) * (1 - 0.13 * np.exp(-((u / 0.07) ** 2)))
    rng = np.random.default_rng(3)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (h, w)), (0, 0), 1.1)
    shade = shade * (1 + 0.05 * grain / grain.std())
    rgb = body * shade[..., None] * light
    wet = np.exp(-(((v - edge - 0.13) / 0.045) ** 2)) * np.exp(-(((np.abs(u) - 0.3) / 0.2) ** 2))
    rgb = rgb + 34 * wet[..., None]
    return np.dstack([np.clip(rgb, 0, 255), alpha * 255]).astype(np.uint8)


def mouth_layers(
    seam: tuple[float, float, float],
    width: float,
    jaw: dict[str, NDArray[np.floating]],
    light: NDArray[np.floating],
    tilt: float = 0.0,
) -> tuple[list[Layer], dict[str, Image]]:
    """Layers and textures of the mouth's inside.

    Args:
        seam: Where the closed lips meet in the middle, rig units.
        width: Of the mouth at rest, rig units.
        jaw: Displacement of the lower incisors under each of :data:`JAW_MORPHS`, ``(3,)`` each.
        light: RGB factor of the portrait's light relative to neutral studio light.
        tilt: In-plane tilt of the head in the portrait, radians, positive anticlockwise.
    """
    x, y, z = seam
    textures = {
        "textures/mouth_cavity.png": _lit(np.dstack([cavity_texture()]), light),
        "textures/teeth_upper.png": _lit(_row_texture("upper"), light * ENAMEL),
        "textures/teeth_lower.png": _lit(_row_texture("lower"), light * ENAMEL * 0.86),
        "textures/tongue.png": tongue_texture(light),
    }

    def arch(name: str, half: float, top: float, bottom: float, back: float) -> Layer:
        layer = grid_layer(name, (x - half, top, x + half, bottom), (17, 4), z - back)
        u = (layer.positions[:, 0] - x) / half
        layer.positions[:, 2] -= (0.55 * half * u**2).astype(np.float32)  # dental arch
        layer.texture = f"textures/{name}.png"
        return layer

    def follows_jaw(layer: Layer, extra: dict[str, NDArray[np.floating]] | None = None) -> None:
        for name in JAW_MORPHS:
            move = np.asarray(jaw[name], np.float32)
            layer.morphs[name] = np.tile(move, (len(layer.positions), 1))
        for name, delta in (extra or {}).items():
            layer.morphs[name] = np.asarray(delta, np.float32)

    cavity = grid_layer(
        "mouth_cavity", (x - 0.75 * width, y + 0.45 * width, x + 0.75 * width, y - 1.1 * width),
        (2, 2), z - 0.5 * width,
    )  # fmt: skip
    cavity.texture = "textures/mouth_cavity.png"

    crown = CROWN_HEIGHT * width
    half = ARCH_WIDTH * width / 2
    # Upper incisors end a little below the closed lips' seam, lower ones just behind them.
    upper = arch("teeth_upper", half, y - 0.045 * width + crown, y - 0.045 * width, 0.05 * width)
    smile_arc = (upper.uv[:, 0] * 2 - 1) ** 2
    upper.positions[:, 1] += (0.035 * width * smile_arc).astype(np.float32)
    lower = arch(
        "teeth_lower",
        half * 0.86,
        y - 0.015 * width,
        y - 0.015 * width - crown * 0.92,
        0.09 * width,
    )
    follows_jaw(lower)

    # The tongue rests behind the lower incisors; tongueOut lifts its tip to the upper ones.
    tongue = grid_layer(
        "tongue",
        (x - 0.38 * width, y + 0.085 * width, x + 0.38 * width, y - 0.34 * width),
        (9, 7),
        z - 0.16 * width,
    )
    tongue.texture = "textures/tongue.png"
    v = tongue.uv[:, 1]
    raise_tip = np.zeros_like(tongue.positions)
    raise_tip[:, 1] = 0.16 * width * (1 - 0.7 * v)
    raise_tip[:, 2] = 0.12 * width
    follows_jaw(tongue, {"tongueOut": raise_tip})
    # The tongue's root stays back: it drops with the jaw a little less than the teeth do.
    for name in JAW_MORPHS:
        tongue.morphs[name] *= np.float32(0.9)
    layers = [cavity, tongue, lower, upper]
    c, s = np.cos(tilt), np.sin(tilt)
    turn = np.array([[c, s], [-s, c]], np.float32)
    for layer in layers:
        layer.positions[:, :2] = (layer.positions[:, :2] - (x, y)) @ turn + (x, y)
    tongue.morphs["tongueOut"][:, :2] = tongue.morphs["tongueOut"][:, :2] @ turn
    return layers, textures
