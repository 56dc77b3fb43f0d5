"""The files of the replica in use, for browsers that draw it."""

from __future__ import annotations

import mimetypes

from fastapi import HTTPException, Response

from visavis.replicas.bundle import MANIFEST, Replica

#: A file asked for by its checksum can never change.
FOR_EVER = "public, max-age=31536000, immutable"
#: Any other may: keep it, but ask.
ASK = "no-cache"
_TYPES = {".glb": "model/gltf-binary", ".webp": "image/webp", ".ply": "application/octet-stream"}


def serve_file(replica: Replica, name: str, version: str | None, known: str | None) -> Response:
    """A file of the bundle by its name there; nothing of the disk can be named.

    Args:
        replica: Whose.
        name: As in ``replica.json``, or ``replica.json`` itself.
        version: The checksum by which the browser asks for it, if it does.
        known: The ``If-None-Match`` header.

    Raises:
        HTTPException: 404, there is no such file.
    """
    if name == MANIFEST:
        # Where consent is kept is nobody else's business.
        data = replica.manifest.model_dump_json(exclude={"consent"}).encode()
        return Response(data, media_type="application/json", headers={"Cache-Control": ASK})
    if name not in replica.files:
        raise HTTPException(404, "The bundle has no such file; replica.json lists them.")
    checksum = replica.manifest.checksums[name]
    headers = {
        "Cache-Control": FOR_EVER if version == checksum else ASK,
        "ETag": f'"{checksum}"',
    }
    if known is not None and headers["ETag"] in known:
        return Response(status_code=304, headers=headers)
    suffix = name[name.rfind(".") :]
    kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(replica.files[name], media_type=kind, headers=headers)
