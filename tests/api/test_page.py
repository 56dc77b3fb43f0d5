"""The page, and what is said when it is not built."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.api.light_app import light_app
from tests.api.test_calls import refused


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<title>Vis-à-vis</title>", "utf-8")
    (tmp_path / "licenses.md").write_text("# Licences", "utf-8")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index-1.js").write_text("export {}", "utf-8")
    return tmp_path


def open_app(page: Path) -> TestClient:
    return TestClient(light_app(page=page))  # without its lifespan: no page needs one


def test_the_page_and_its_parts(built: Path) -> None:
    client = open_app(built)
    page = client.get("/")
    assert page.text == "<title>Vis-à-vis</title>"
    assert page.headers["Cache-Control"] == "no-cache"
    assert page.headers["Content-Type"].startswith("text/html")
    assert "javascript" in client.get("/assets/index-1.js").headers["Content-Type"]
    assert client.get("/licenses.md").text == "# Licences"
    assert client.head("/").status_code == 200


def test_nothing_else_is_served(built: Path) -> None:
    client = open_app(built)
    (built.parent / "secret").write_text("secret", "utf-8")
    for address in ("/assets/none.js", "/none", "/assets/../../secret", "/%2e%2e/secret"):
        refused(client.get(address), 404, "/openapi.json")


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_a_missing_page_says_how_to_build_it(tmp_path: Path, folder: str) -> None:
    client = open_app(tmp_path / folder)
    response = client.get("/")
    refused(response, 503, "not built", "make web")
    assert response.json()["error"] == "no_page"
    assert client.get("/api/status").status_code == 200  # the API is there all the same
