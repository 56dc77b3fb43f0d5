"""A browser that draws the face fetches its bundle."""

from __future__ import annotations

import hashlib

import pytest
from fastapi import HTTPException
from hypothesis import assume, given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.api.test_calls import refused
from visavis.api.replica_files import serve_file
from visavis.replicas.bundle import Replica, ReplicaManifest
from visavis.replicas.catalog import load_stock

FILES = "/api/replica/files"


def test_every_file_the_manifest_names_is_there(client: TestClient) -> None:
    manifest = client.get(f"{FILES}/replica.json").json()
    assert manifest["kind"] == "portrait"
    assert manifest["checksums"]
    for name, checksum in manifest["checksums"].items():
        answer = client.get(f"{FILES}/{name}?v={checksum}")
        assert hashlib.sha256(answer.content).hexdigest() == checksum
        assert "immutable" in answer.headers["Cache-Control"]
    assert client.get(f"{FILES}/rig.glb").headers["Content-Type"] == "model/gltf-binary"


def test_a_known_file_is_not_sent_again(client: TestClient) -> None:
    first = client.get(f"{FILES}/rig.glb")
    assert first.headers["Cache-Control"] == "no-cache"
    again = client.get(f"{FILES}/rig.glb", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name", ["none.glb", "../replica.json", "%2e%2e/provenance.json", "/etc/passwd", "rig.glb/"]
)
def test_nothing_else_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"{FILES}/{name}").status_code in (404, 307)
    refused(client.get(f"{FILES}/none.glb"), 404, "replica.json lists them")


@pytest.fixture(scope="module")
def replica() -> Replica:
    return load_stock()


@given(name=st.text(min_size=1, max_size=60))
def test_only_names_of_the_bundle_open_anything(replica: Replica, name: str) -> None:
    assume(name not in replica.files and name != "replica.json")
    with pytest.raises(HTTPException) as e:
        serve_file(replica, name, None, None)
    assert e.value.status_code == 404


def test_where_consent_is_kept_is_not_told(client: TestClient) -> None:
    assert "consent" not in client.get(f"{FILES}/replica.json").json()
    assert "consent" in ReplicaManifest.model_fields


def test_a_call_can_be_drawn_by_the_browser(client: TestClient, sdp: str) -> None:
    for wish in ("browser", "server", "auto"):
        offer = {"sdp": sdp, "type": "offer", "requestData": {"render": wish}}
        assert client.post("/api/offer", json=offer).status_code == 200
        client.portal.call(_end, client)  # type: ignore[union-attr]
    wrong = {"sdp": sdp, "type": "offer", "requestData": {"render": "paper"}}
    refused(client.post("/api/offer", json=wrong), 422)


async def _end(client: TestClient) -> None:
    for session in list(client.app.state.sessions):  # type: ignore[attr-defined]
        await session.end("hangup")


def test_the_page_learns_who_draws(client: TestClient) -> None:
    persona = client.get("/api/persona").json()
    assert persona["render"] == "auto"
    assert persona["replica"]["drawable"] is True
