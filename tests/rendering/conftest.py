"""These tests run in virtual time."""

from tests.virtual_time import pytest_asyncio_loop_factories, virtual_clocks

__all__ = ["pytest_asyncio_loop_factories", "virtual_clocks"]
