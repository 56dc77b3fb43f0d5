"""Naming inner tensors of a model, on a model small enough to write by hand."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from visavis.speech.onnx_graph import _field, extra_output, only_output_of


def varint_field(number: int, value: int) -> bytes:
    return bytes([number << 3, value])


def node(op: str, inputs: list[str], output: str) -> bytes:
    parts = b"".join(_field(1, i.encode()) for i in inputs)
    return _field(1, parts + _field(2, output.encode()) + _field(4, op.encode()))


def value_info(number: int, name: str) -> bytes:
    shape = _field(2, _field(1, varint_field(1, 3)))
    tensor = varint_field(1, 1) + shape  # float, (3,)
    return _field(number, _field(1, name.encode()) + _field(2, _field(1, tensor)))


def tiny_model() -> bytes:
    graph = (
        node("Ceil", ["x"], "inner")
        + node("Neg", ["inner"], "y")
        + _field(2, b"g")
        + value_info(11, "x")
        + value_info(12, "y")
    )
    return varint_field(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + varint_field(2, 13))


def test_an_inner_tensor_becomes_an_output() -> None:
    model = tiny_model()
    assert only_output_of("Ceil", model) == "inner"
    session = onnxruntime.InferenceSession(
        model + extra_output("inner"), providers=["CPUExecutionProvider"]
    )
    x = np.array([0.2, 1.0, -1.5], np.float32)
    y, inner = session.run(None, {"x": x})
    assert [o.name for o in session.get_outputs()] == ["y", "inner"]
    np.testing.assert_array_equal(inner, np.ceil(x))
    np.testing.assert_array_equal(y, -np.ceil(x))


def test_what_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 Floor"):
        only_output_of("Floor", tiny_model())
    with pytest.raises(ValueError, match="Not an ONNX model"):
        only_output_of("Ceil", b"\xff\xff")
