"""Our own OpenAPI document, as schemathesis reads it."""

from __future__ import annotations

import re

import httpx
import schemathesis
from schemathesis.config import SchemathesisConfig

from tests.api.light_app import light_app

CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"max-examples": 60, "deterministic": True, "database": "none"},
        "checks": {
            # A string can be all that the document asks for and still be no SDP.
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", "400", "404"],
            },
        },
    }
)

#: Operations that tests must reach; a new one belongs here and gets its tests.
OPERATIONS = {
    "GET /api/status",
    "GET /api/persona",
    "GET /api/replica/portrait",
    "GET /api/replica/files/{name}",
    "POST /api/offer",
    "PATCH /api/offer",
    "POST /api/calls/{pc_id}/emotion",
}

_app = light_app()
schema = schemathesis.openapi.from_dict(_app.openapi(), config=CONFIG)
schema.app = (
    _app  # makes schemathesis call in this process; each test gives an application of its own
)


def _template(path: str) -> str:
    """The documented path that this one is an instance of."""
    known = {operation.split()[1] for operation in OPERATIONS}
    for template in known:
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), path):
            return template
    return path


def conforms(response: httpx.Response) -> httpx.Response:
    """The response, if it is what the document promises for its operation.

    Raises:
        AssertionError: its status is not documented, or its body is not as documented.
    """
    request = response.request
    operation = schema[_template(request.url.path)][request.method]
    documented = operation.definition.raw["responses"]
    assert str(response.status_code) in documented, (response.status_code, response.text)
    operation.validate_response(response)
    return response
