"""What a face is like, in numbers that codes are regressed on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.faces.measures import inter_ocular

#: Apparent age in years; apparent gender, 0 feminine to 1 masculine; L* of the skin; how much the
#: mouth smiles; width of the face over its height; whether the lips are apart.
TRAITS = ("age", "masculine", "lightness", "smile", "width", "open")

Points = NDArray[np.floating]


def smile_of(points: Points) -> float:
    """Width of the mouth plus how high its corners lie, in inter-ocular distances."""
    p = points[:, :2]
    corners = p[[61, 291]]
    middle = p[[0, 17]].mean(0)
    lift = float(middle[1] - corners[:, 1].mean())
    return (float(np.linalg.norm(corners[0] - corners[1])) + 2 * lift) / inter_ocular(p)


def width_of(points: Points) -> float:
    """Width of the face at the cheeks over its height."""
    p = points[:, :2]
    return float(np.linalg.norm(p[234] - p[454]) / np.linalg.norm(p[10] - p[152]))
