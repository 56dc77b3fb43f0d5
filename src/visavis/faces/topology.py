"""Indices into the 478 face landmarks (MediaPipe's face mesh with irises).

"Left" and "right" are the *subject's* own: on an unmirrored picture the subject's right eye is on
the left side. Index tables follow MediaPipe (Kartynnik et al. 2019; Grishchenko et al. 2020,
"Attention Mesh"), Apache-2.0.
"""

from __future__ import annotations

#: Landmarks of the mesh without irises.
MESH_POINTS = 468
#: Mesh and irises.
POINTS = 478

#: Outline of the face, clockwise on the picture from the top of the forehead.
FACE_OVAL: tuple[int, ...] = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)

#: Outer lip contour, from the subject's right corner along the lower lip to the left corner and
#: back along the upper lip.
LIPS_OUTER: tuple[int, ...] = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    *(409, 270, 269, 267, 0, 37, 39, 40, 185),
)
#: Inner lip contour in the same order.
LIPS_INNER: tuple[int, ...] = (
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
    *(415, 310, 311, 312, 13, 82, 81, 80, 191),
)

#: Lid contour of the subject's right eye: outer corner, lower lid, inner corner, upper lid.
RIGHT_EYE: tuple[int, ...] = (
    *(33, 7, 163, 144, 145, 153, 154, 155, 133),
    *(173, 157, 158, 159, 160, 161, 246),
)
#: Lid contour of the subject's left eye: outer corner, lower lid, inner corner, upper lid.
LEFT_EYE: tuple[int, ...] = (
    *(263, 249, 390, 373, 374, 380, 381, 382, 362),
    *(398, 384, 385, 386, 387, 388, 466),
)

#: Centre, then four points on the rim.
RIGHT_IRIS: tuple[int, ...] = (468, 469, 470, 471, 472)
LEFT_IRIS: tuple[int, ...] = (473, 474, 475, 476, 477)

RIGHT_BROW: tuple[int, ...] = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW: tuple[int, ...] = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)

#: Where the lip head of the attention mesh writes its 80 points.
LIPS_REFINED: tuple[int, ...] = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    *(185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
    *(191, 80, 81, 82, 13, 312, 311, 310, 415),
    *(76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
    *(184, 74, 73, 72, 11, 302, 303, 304, 408),
    *(62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
    *(183, 42, 41, 38, 12, 268, 271, 272, 407),
)
#: Where the head for the eye on the picture's left (the subject's right) writes its 71 points.
RIGHT_EYE_REFINED: tuple[int, ...] = (
    *(33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173),
    *(130, 25, 110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190),
    *(226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189),
    *(35, 124, 46, 53, 52, 65),
    *(143, 111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193),
)
#: Where the head for the eye on the picture's right (the subject's left) writes its 71 points.
LEFT_EYE_REFINED: tuple[int, ...] = (
    *(263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398),
    *(359, 255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414),
    *(446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413),
    *(265, 353, 276, 283, 282, 295),
    *(372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293, 334, 296, 336, 285, 417),
)
