"""Is this an offer that can become a call? Found out before anything is begun for it."""

from __future__ import annotations

from aiortc.sdp import SessionDescription


class OfferError(ValueError):
    """The offer cannot become a call; the message says what it lacks."""


def check_offer(sdp: str) -> None:
    """Look whether a session description offers what a call needs.

    aiortc answers nearly any text, an empty one too, and finds out only later that nothing can
    come of it; until then a seat would be taken, or a running call be lost to a renegotiation.

    Raises:
        OfferError: it is no SDP, its first track is no audio, or it lacks the credentials of ICE
            or DTLS.
    """
    try:
        media = SessionDescription.parse(sdp).media
    except Exception as e:  # its parser raises whatever comes up
        raise OfferError(
            "This is not an SDP session description. Send the one the browser makes."
        ) from e
    tracks = [m.kind for m in media if m.kind in ("audio", "video")]
    if tracks[:1] != ["audio"]:
        raise OfferError(
            "The offer must have an audio track as its first one. Add a transceiver for audio "
            "before any other, even if nothing is sent on it."
        )
    for m in media:
        if not (m.ice and m.ice.usernameFragment and m.ice.password):
            raise OfferError(
                "The offer lacks ice-ufrag or ice-pwd. Send it as the browser gives it."
            )
        if not (m.dtls and m.dtls.fingerprints):
            raise OfferError("The offer lacks a fingerprint. Send it as the browser gives it.")
