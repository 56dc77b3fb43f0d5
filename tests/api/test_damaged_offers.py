"""Offers with damage: each is answered or refused in words, and leaves nothing behind."""

from __future__ import annotations

import psutil
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.api.conftest import end_calls
from tests.api.documentation import conforms

JUNK = st.text(max_size=40) | st.sampled_from(
    ["-1", "65536", "99999999999999999999", "\0", "a=", "m="]
)


@st.composite
def damage(draw: st.DrawFn, sdp: str) -> str:
    """`sdp` with one to three lines lost, doubled, moved, cut or filled with junk."""
    lines = sdp.splitlines()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        line = lines.pop(at)
        cut = draw(st.integers(0, len(line)))
        junk = draw(JUNK)
        lines[at:at] = draw(
            st.sampled_from(
                [[], [line, line], [line[:cut]], [line[:cut] + junk], [line, junk], [junk, line]]
            )
        )
        if not lines:
            break
    return "\r\n".join(lines) + "\r\n"


def open_sockets() -> int:
    return len(psutil.Process().net_connections("udp"))


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damaged_offers(client: TestClient, sdp: str, data: st.DataObject) -> None:
    before = open_sockets()
    body = {"sdp": data.draw(damage(sdp)), "type": "offer"}
    response = conforms(client.post("/api/offer", json=body))
    assert response.status_code in (200, 400), response.text
    seats = client.get("/api/status").json()["sessions"]
    assert seats == (1 if response.status_code == 200 else 0)
    end_calls(client)
    assert open_sockets() == before
