"""An application in this process, and offers to make to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.api.light_app import light_app, make_offer


@pytest.fixture(scope="package")
def sdp() -> str:
    return asyncio.run(make_offer())


@pytest.fixture(scope="package")
def running() -> Iterator[TestClient]:
    with TestClient(light_app(), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(running: TestClient) -> Iterator[TestClient]:
    """A server with two seats, both free again after each test."""
    yield running
    end_calls(running)


def end_calls(client: TestClient) -> None:
    app = client.app
    assert isinstance(app, FastAPI)
    assert client.portal is not None

    async def end() -> None:
        await asyncio.gather(*(s.end("hangup") for s in app.state.sessions))

    client.portal.call(end)
    assert len(app.state.sessions) == 0
