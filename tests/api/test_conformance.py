"""What the server answers is what its OpenAPI document says, whatever it is asked."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis import Case

from tests.api.documentation import OPERATIONS, schema
from tests.api.light_app import light_app


@pytest.fixture
def app() -> FastAPI:
    """A fresh one: schemathesis ends the lifespan of what it has called after each test."""
    return light_app()


def test_every_operation_is_known() -> None:
    assert {o.ok().label for o in schema.get_all_operations()} == OPERATIONS


@schema.parametrize()
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_answers_are_as_documented(case: Case, app: FastAPI) -> None:
    case.call_and_validate(app=app)
