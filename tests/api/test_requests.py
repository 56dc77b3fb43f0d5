"""Requests that are wrong before they mean anything."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.api.documentation import conforms
from tests.api.test_calls import refused
from visavis.api.app import MAX_BODY, MAX_SDP

METHODS = pytest.mark.parametrize("method", ["POST", "PATCH"])
JSON = {"Content-Type": "application/json"}


@METHODS
@pytest.mark.parametrize(
    "body", [b"{", b"", b"[1]", b'"offer"', b"{}", b"\xff\xfe{}", b"[" * 50_000]
)
def test_bodies_that_are_no_use(client: TestClient, method: str, body: bytes) -> None:
    response = conforms(client.request(method, "/api/offer", content=body, headers=JSON))
    assert response.status_code in (400, 422)
    refused(response, response.status_code)


def test_bad_json_is_told_where(client: TestClient) -> None:
    response = client.post("/api/offer", content=b'{"sdp": }', headers=JSON)
    refused(response, 422, "not JSON", "character 8")


def test_a_form_is_told_to_be_json(client: TestClient) -> None:
    refused(conforms(client.post("/api/offer", data={"sdp": "v=0"})), 422, "application/json")


def test_every_wrong_field_is_named(client: TestClient) -> None:
    body = {"candidates": [{"candidate": 1, "sdp_mid": "0", "sdp_mline_index": -1}]}
    response = conforms(client.patch("/api/offer", json=body))
    refused(response, 422, "pc_id:", "candidates.0.candidate:", "candidates.0.sdp_mline_index:")


def test_half_a_character_is_refused(client: TestClient) -> None:
    body = b'{"sdp": "\\ud800", "type": "offer"}'
    refused(conforms(client.post("/api/offer", content=body, headers=JSON)), 422, "sdp")


@METHODS
def test_an_oversize_body_is_refused(client: TestClient, method: str) -> None:
    response = conforms(client.request(method, "/api/offer", content=b" " * (MAX_BODY + 1)))
    refused(response, 413, "too large", f"{MAX_BODY:,}")
    assert response.json()["error"] == "too_large"


@METHODS
def test_an_oversize_body_of_unknown_length_is_refused(client: TestClient, method: str) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(8):
            yield b" " * (MAX_BODY // 4)

    request = client.build_request(method, "/api/offer", content=chunks(), headers=JSON)
    assert "content-length" not in request.headers
    refused(conforms(client.send(request)), 413, "too large")


def test_an_announced_size_is_not_waited_for(client: TestClient) -> None:
    headers = {**JSON, "Content-Length": str(MAX_BODY + 1)}
    refused(conforms(client.post("/api/offer", content=b"{}", headers=headers)), 413)


def test_the_longest_offer_fits(client: TestClient) -> None:
    """Emoji take the most bytes as JSON; the limit on the text refuses, not that on the body."""
    longest = json.dumps({"sdp": "\N{GRINNING FACE}" * MAX_SDP, "type": "offer"})
    assert len(longest) > MAX_SDP * 12
    refused(conforms(client.post("/api/offer", content=longest, headers=JSON)), 400)
    longer = json.dumps({"sdp": "x" * (MAX_SDP + 1), "type": "offer"})
    refused(conforms(client.post("/api/offer", content=longer, headers=JSON)), 422, "200000")


def test_methods_that_an_address_has_not(client: TestClient) -> None:
    response = client.put("/api/offer", json={})
    refused(response, 405, "PATCH or POST", "not PUT")
    assert response.headers["Allow"] == "PATCH, POST"
    response = client.post("/api/status")
    refused(response, 405, "takes GET")
    assert response.headers["Allow"] == "GET"


def test_addresses_that_are_not_there(client: TestClient) -> None:
    response = client.get("/api/nothing")
    refused(response, 404, "/api/nothing", "/openapi.json")
    assert response.json()["error"] == "not_found"
