"""Beginning, renegotiating and refusing calls."""

from __future__ import annotations

import re
from urllib.parse import quote

import httpx
import pytest
from starlette.testclient import TestClient

from tests.api.conftest import end_calls
from tests.api.documentation import conforms
from tests.api.light_app import light_app, make_offer
from visavis.config import PipecatService

CANDIDATE = "candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host generation 0"


def offer(client: TestClient, sdp: str, **more: object) -> httpx.Response:
    return conforms(client.post("/api/offer", json={"sdp": sdp, "type": "offer", **more}))


def add(client: TestClient, pc_id: str, *candidates: str) -> httpx.Response:
    listed = [{"candidate": c, "sdp_mid": "0", "sdp_mline_index": 0} for c in candidates]
    return conforms(client.patch("/api/offer", json={"pc_id": pc_id, "candidates": listed}))


def refused(response: httpx.Response, status: int, *says: str) -> None:
    """The answer has this status and tells a person what to do."""
    assert response.status_code == status, response.text
    detail = response.json()["detail"]
    assert re.fullmatch(r"[A-Z/].*\.", detail, re.DOTALL), detail
    for words in says:
        assert words in detail


def taken(client: TestClient) -> int:
    return int(conforms(client.get("/api/status")).json()["sessions"])


def test_a_real_offer_begins_a_call(client: TestClient, sdp: str) -> None:
    answer = offer(client, sdp).json()
    assert answer["type"] == "answer"
    assert [line[:7] for line in answer["sdp"].splitlines() if line.startswith("m=")] == [
        "m=audio",
        "m=video",
        "m=appli",
    ]
    assert taken(client) == 1


def test_candidates_reach_their_call(client: TestClient, sdp: str) -> None:
    pc_id = offer(client, sdp).json()["pc_id"]
    assert add(client, pc_id, CANDIDATE, "").json() == {"status": "success"}


@pytest.mark.parametrize("line", ["0", "candidate:1 1 udp x 192.0.2.7 50000 typ host", "ключ " * 8])
def test_what_is_no_candidate_is_refused(client: TestClient, sdp: str, line: str) -> None:
    pc_id = offer(client, sdp).json()["pc_id"]
    refused(add(client, pc_id, line), 400, "not ICE candidates")
    assert taken(client) == 1


def test_candidates_for_an_unknown_call(client: TestClient) -> None:
    refused(add(client, "SmallWebRTCConnection#0-0", CANDIDATE), 404, "Begin anew")


def test_a_call_is_renegotiated_in_its_seat(client: TestClient, sdp: str) -> None:
    first = offer(client, sdp).json()
    again = offer(client, sdp, pc_id=first["pc_id"]).json()
    assert again["pc_id"] == first["pc_id"]
    assert taken(client) == 1


def test_a_restarted_connection_has_a_new_name_only(client: TestClient, sdp: str) -> None:
    first = offer(client, sdp).json()["pc_id"]
    second = offer(client, sdp, pc_id=first, restart_pc=True).json()["pc_id"]
    assert second != first
    refused(offer(client, sdp, pc_id=first), 404, "Begin anew")
    third = offer(client, sdp, pc_id=second, restart_pc=True).json()["pc_id"]
    refused(add(client, second, CANDIDATE), 404, "Begin anew")
    assert add(client, third, CANDIDATE).status_code == 200
    assert taken(client) == 1


def test_what_has_ended_is_not_renegotiated(client: TestClient, sdp: str) -> None:
    pc_id = offer(client, sdp).json()["pc_id"]
    end_calls(client)
    refused(offer(client, sdp, pc_id=pc_id), 404, "Begin anew")
    refused(add(client, pc_id, CANDIDATE), 404, "Begin anew")


def test_renegotiating_what_is_not_there(client: TestClient, sdp: str) -> None:
    refused(offer(client, sdp, pc_id="gone"), 404, "Begin anew", "without pc_id")
    assert taken(client) == 0


def test_a_bad_restart_leaves_the_call_alone(client: TestClient, sdp: str) -> None:
    pc_id = offer(client, sdp).json()["pc_id"]
    refused(offer(client, "v=0", pc_id=pc_id, restart_pc=True), 400)
    assert offer(client, sdp, pc_id=pc_id).json()["pc_id"] == pc_id


def _without(sdp: str, *starts: str) -> str:
    return "".join(x for x in sdp.splitlines(keepends=True) if not x.startswith(starts))


def _only(sdp: str, kind: str) -> str:
    head, *media = re.split(r"(?=^m=)", sdp, flags=re.MULTILINE)
    return head + "".join(m for m in media if m.startswith(f"m={kind}"))


@pytest.mark.parametrize("sdp", ["0", "v=0\r\n", "{}", "v=x", "m=audio", "\0", "v=0\r\n" * 9000])
def test_what_is_no_offer_takes_no_seat(client: TestClient, sdp: str) -> None:
    refused(offer(client, sdp), 400)
    assert taken(client) == 0


def test_offers_that_cannot_become_a_call_take_no_seat(client: TestClient, sdp: str) -> None:
    refused(offer(client, _only(sdp, "video")), 400, "audio track")
    refused(offer(client, _without(sdp, "a=ice-pwd")), 400, "ice-pwd")
    refused(offer(client, _without(sdp, "a=fingerprint")), 400, "fingerprint")
    refused(offer(client, _without(sdp, "a=rtpmap", "a=fmtp")), 400)
    assert taken(client) == 0


def test_an_answer_is_no_offer(client: TestClient, sdp: str) -> None:
    response = conforms(client.post("/api/offer", json={"sdp": sdp, "type": "answer"}))
    refused(response, 422, "type: Input should be 'offer'", "/openapi.json")


@pytest.mark.parametrize("more", [{"restart_pc": "yes"}, {"restart_pc": 1}, {"pc_id": 5}])
def test_values_of_another_type_are_not_guessed_at(
    client: TestClient, sdp: str, more: dict[str, object]
) -> None:
    refused(offer(client, sdp, **more), 422, *more)
    assert taken(client) == 0


def test_when_all_seats_are_taken(client: TestClient, sdp: str) -> None:
    for _ in range(2):
        offer(client, sdp)
    response = offer(client, sdp)
    refused(response, 503, "try again")
    assert response.json()["error"] == "server_full"
    assert int(response.headers["Retry-After"]) > 0
    assert taken(client) == 2


async def test_a_conversation_that_cannot_begin_is_not_answered() -> None:
    sdp = await make_offer()
    nowhere = PipecatService(service="pipecat.services.nowhere.NoService")
    with TestClient(light_app(stt=nowhere)) as client:
        response = offer(client, sdp)
        refused(response, 500, "log")
        assert taken(client) == 0
        # Neither is its connection kept.
        refused(add(client, "anything", CANDIDATE), 404)


def feel(client: TestClient, pc_id: str, **body: object) -> httpx.Response:
    return conforms(client.post(f"/api/calls/{quote(pc_id, safe='')}/emotion", json=body))


def test_the_face_of_a_call_feels_what_it_is_told(client: TestClient, sdp: str) -> None:
    pc_id = offer(client, sdp).json()["pc_id"]
    assert feel(client, pc_id, emotion="happy", intensity=0.6).json() == {"status": "success"}
    refused(feel(client, pc_id, emotion="hungry"), 422, "hungry", "neutral, happy")
    refused(feel(client, pc_id, emotion="happy", intensity=2), 422, "intensity")
    refused(feel(client, "nobody", emotion="happy"), 404, "no such call")
