"""From what somebody sends to a replica bundle: a photo, a GLB model, a Gaussian head."""

from __future__ import annotations

import re
import unicodedata

from visavis.faces import FaceTracker
from visavis.replicas.bundle import RIG, Replica, ReplicaManifest
from visavis.replicas.closing import close_mouth
from visavis.replicas.errors import ReplicaError
from visavis.replicas.framing import FRAME, frame_portrait
from visavis.replicas.photo import PhotoError, PhotoProblem, read_photo
from visavis.replicas.photo_checks import check_face, only_face
from visavis.replicas.portrait import MAX_GAP, build_portrait, lip_gap
from visavis.replicas.splat import unpack_lam

#: More people than this in a photo need not be counted.
_MOST_FACES = 8


def slug(name: str) -> str:
    """An id for a bundle from its name: small ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64].rstrip("-") or "replica"


def check_consent(consent: str) -> str:
    """A statement of consent, stripped.

    Raises:
        ReplicaError: It says nothing.
    """
    said = " ".join(consent.split())
    if not re.search(r"\w.*\w", said):
        raise ReplicaError(
            "consent: say who agreed to this replica, when, and where that is kept, "
            "for example 'signed by Ada Example on 2026-05-04, file HR-112'"
        )
    return said


def enrol(
    data: bytes,
    name: str,
    consent: str | None,
    *,
    licence: str = "all rights reserved",
    provenance: str = "",
    default_voice: str | None = None,
) -> Replica:
    """Build a replica; its kind follows from the file.

    Args:
        data: The bytes of a photo (JPEG, PNG, WebP: kind ``portrait``), of a GLB model with ARKit
            morph targets (``mesh``), or of the zip that LAM exports (``splat``).
        name: What the replica is called.
        consent: Who agreed to it and where that is kept; ``None`` only for a person who does not
            exist.
        licence: Terms of the bundle.
        provenance: Where the file is from; its kind, if empty.
        default_voice: As in the manifest.

    Raises:
        PhotoError: A photo is not usable; ``problem`` names why, ``advice`` says what to do.
        ReplicaError: The statement of consent is empty, or a model is not usable.
    """
    if not name.strip() or len(name) > 200:
        raise ReplicaError("name: give the replica a name of at most 200 letters")
    manifest = ReplicaManifest(
        id=slug(name),
        name=name.strip(),
        licence=licence,
        provenance=provenance or "made from one file",
        consent=None if consent is None else check_consent(consent),
        default_voice=default_voice,
        capture_width=FRAME[0],
        capture_height=FRAME[1],
    )
    if data[:4] == b"glTF":
        return Replica.create(manifest.model_copy(update={"kind": "mesh"}), {RIG: data})
    if data[:4] == b"PK\3\4":
        return Replica.create(manifest.model_copy(update={"kind": "splat"}), unpack_lam(data))
    return _from_photo(data, manifest)


def _from_photo(data: bytes, manifest: ReplicaManifest) -> Replica:
    photo = read_photo(data)
    tracker = FaceTracker(static=True, max_faces=_MOST_FACES)
    face = only_face(tracker.detect(photo))
    check_face(photo, face)
    if lip_gap(face.points) > MAX_GAP:
        photo = close_mouth(photo, face.points)
        face = only_face(tracker.detect(photo))
        if (gap := lip_gap(face.points)) > MAX_GAP:
            raise PhotoError(PhotoProblem.MOUTH_OPEN, f"The lips stay {gap:.0%} of a mouth apart.")
        provenance = f"{manifest.provenance}; the lips of a smile were closed"
        manifest = manifest.model_copy(update={"provenance": provenance})
    framed = frame_portrait(photo, face.points.astype(float))
    return build_portrait(
        framed.image, framed.points, framed.matte, manifest, backdrop=framed.backdrop
    )
