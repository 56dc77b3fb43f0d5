"""The rewritten graph computes the same numbers."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from visavis.speech.kokoro_graph import unroll


def convolution(
    rng: np.random.Generator,
    kernel: int,
    dilation: int,
    *,
    bias: bool = True,
    stride: int = 1,
    channels: int = 6,
    out: int = 5,
) -> ModelProto:
    """As onnxruntime's tools write it, over a signal ``(1, channels, time)``."""
    pad = dilation * (kernel - 1) // 2

    def constant(name: str, value: NDArray[np.generic]) -> TensorProto:
        return numpy_helper.from_array(np.asarray(value), name)

    constants = [
        constant("w", rng.integers(0, 256, (out, channels, kernel), np.uint8)),
        constant("wz", np.uint8(rng.integers(100, 156))),
        constant("ws", np.float32(0.013)),
        constant("b", rng.normal(size=out).astype(np.float32)),
        constant("shape", np.array([1, -1, 1])),
    ]
    node = helper.make_node
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        node(
            "ConvInteger", ["q", "w", "z", "wz"], ["products"],
            pads=[pad, pad], dilations=[dilation], strides=[stride],
        ),
        node("Mul", ["s", "ws"], ["scale"]),
        node("Div", ["b", "scale"], ["b1"]),
        node("Floor", ["b1"], ["b2"]),
        node("Cast", ["b2"], ["b3"], to=TensorProto.INT32),
        node("Reshape", ["b3", "shape"], ["b4"]),
        *([node("Add", ["products", "b4"], ["sum"])] if bias else []),
        node("Cast", ["sum" if bias else "products"], ["cast"], to=TensorProto.FLOAT),
        node("Mul", ["cast", "scale"], ["y"]),
    ]  # fmt: skip
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, channels, "time"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], constants)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def run(model: ModelProto, x: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {"x": x})[0])


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 1), (3, 5), (11, 3)])
@pytest.mark.parametrize("bias", [False, True])
def test_the_same_numbers(signed: bool, kernel: int, dilation: int, bias: bool) -> None:
    rng = np.random.default_rng(kernel * 10 + dilation)
    model = convolution(rng, kernel, dilation, bias=bias)
    # Small values: on a processor without int8 dot products, signed sums would be cut off.
    x = rng.normal(size=(1, 6, 50)).astype(np.float32)
    expected = run(model, x)
    unroll(model, signed=signed)
    assert not any(n.op_type == "ConvInteger" for n in model.graph.node)
    found = run(model, x)
    assert found.shape == expected.shape
    # The published graph rounds its bias down to a multiple of the scale; here it is exact.
    scale = float(np.ptp(x)) / 255 * 0.013
    np.testing.assert_allclose(found, expected, atol=1.01 * scale if bias else 1e-5)


def test_strided_convolutions_stay(rng_seed: int = 3) -> None:
    model = convolution(np.random.default_rng(rng_seed), 3, 1, stride=2)
    unroll(model, signed=True)
    assert any(n.op_type == "ConvInteger" for n in model.graph.node)
