"""Names for the rows of the 468-point face topology (MediaPipe Face Mesh numbering).

All rows run from the picture's left to its right, which is the person's right to left. The
person's right eye is therefore the one on the picture's left.
"""

from __future__ import annotations

#: Lip rows from the outer edge inwards, corner to corner, 11 points each.
UPPER_LIP_ROWS: tuple[tuple[int, ...], ...] = (
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
    (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292),
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
)
LOWER_LIP_ROWS: tuple[tuple[int, ...], ...] = (
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
    (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
)
UPPER_INNER = UPPER_LIP_ROWS[3]
LOWER_INNER = LOWER_LIP_ROWS[3]

#: Lash line of the upper lid, edge of the lower lid (9 points, corners shared), crease above the
#: upper lid, skin under the brow, skin under the lower lid (7 points each).
RIGHT_EYE: dict[str, tuple[int, ...]] = {
    "upper": (33, 246, 161, 160, 159, 158, 157, 173, 133),
    "lower": (33, 7, 163, 144, 145, 153, 154, 155, 133),
    "crease": (247, 30, 29, 27, 28, 56, 190),
    "orbit": (113, 225, 224, 223, 222, 221, 189),
    "under": (25, 110, 24, 23, 22, 26, 112),
}
LEFT_EYE: dict[str, tuple[int, ...]] = {
    "upper": (362, 398, 384, 385, 386, 387, 388, 466, 263),
    "lower": (362, 382, 381, 380, 374, 373, 390, 249, 263),
    "crease": (414, 286, 258, 257, 259, 260, 467),
    "orbit": (413, 441, 442, 443, 444, 445, 342),
    "under": (341, 256, 252, 253, 254, 339, 255),
}
#: Iris centre followed by four points on its rim, in the 478-point set.
RIGHT_IRIS = (468, 469, 470, 471, 472)
LEFT_IRIS = (473, 474, 475, 476, 477)

#: The outline of the face, clockwise in the picture from the middle of the forehead.
FACE_OVAL: tuple[int, ...] = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip

FOREHEAD_TOP = 10
CHIN = 152
NOSE_BRIDGE = 168
NOSE_TIP = 1
RIGHT_EYE_OUTER = 33
LEFT_EYE_OUTER = 263
RIGHT_MOUTH_CORNER = 61
LEFT_MOUTH_CORNER = 291
