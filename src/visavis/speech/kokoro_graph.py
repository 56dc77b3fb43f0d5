"""The Kokoro graph rewritten to run faster.

The published graph is cut in two: what is to be said when (quick), and the sound of it (slow).
Between the two the silence around the words, a third of a short sentence, can be left out, and a
long sentence can be divided.

The published int8 graph convolves with ``ConvInteger``, which onnxruntime computes for signals of
one dimension with a slow unfolding and, for unsigned weights, without the processor's int8 dot
products. The same products as one matrix multiplication over shifted copies of the signal
(``MatMulIntegerToFloat``; Chellapilla et al. 2006, "unrolling") take little more than half the
time (``benchmarks/voices.py``).
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

_MICROSOFT = "com.microsoft"
_TO_END = np.iinfo(np.int64).max

#: What lies between the two halves: frames each token lasts (float32, ``(1, tokens)``); the sounds
#: features by frame (``(1, 512, frames)``); pitch and energy by half frame (``(1, 2 * frames)``).
DURATIONS, FEATURES, PITCH, ENERGY = (
    "/encoder/Round_output_0",
    "/encoder/MatMul_1_output_0",
    "/encoder/Reshape_output_0",
    "/encoder/Reshape_1_output_0",
)


def halves(model: bytes) -> tuple[bytes, bytes]:
    """The published model as two: tokens to :data:`DURATIONS` and the rest; these to ``audio``."""
    prosody, sound = onnx.load_model_from_string(model), onnx.load_model_from_string(model)
    _set(prosody.graph.output, [DURATIONS, FEATURES, PITCH, ENERGY])
    _keep_used(prosody)
    _set(sound.graph.input, ["style", FEATURES, PITCH, ENERGY])
    _keep_used(sound)
    signed = _signed_products_are_exact()
    for half in (prosody, sound):
        unroll(half, signed=signed)
    return prosody.SerializeToString(), sound.SerializeToString()


def _set(values: Any, names: list[str]) -> None:
    """Make float tensors of these names a graph's inputs or outputs (a repeated field)."""
    del values[:]
    values.extend(helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names)


def _keep_used(model: ModelProto) -> None:
    """Drop the nodes whose results nobody reads, and the constants nobody needs."""
    graph = model.graph
    given = {i.name for i in graph.input}
    wanted = {o.name for o in graph.output}
    kept = []
    for node in reversed(graph.node):  # nodes stand in the order of computation
        if any(o in wanted and o not in given for o in node.output):
            kept.append(node)
            wanted.update(node.input)
    constants = [i for i in graph.initializer if i.name in wanted]
    del graph.node[:]
    graph.node.extend(reversed(kept))
    del graph.initializer[:]
    graph.initializer.extend(constants)


def unroll(model: ModelProto, *, signed: bool) -> None:
    """Make every plain integer convolution over time a matrix multiplication, in place.

    Convolutions with groups or strides stay as they are.

    Args:
        model: Quantised dynamically by onnxruntime's tools.
        signed: Give the weights as signed bytes; for processors that multiply them exactly.
    """
    _Unrolling(model, signed=signed).run()


class _Unrolling:
    def __init__(self, model: ModelProto, *, signed: bool) -> None:
        self._model = model
        self._graph = model.graph
        self._signed = signed
        self._constants = {i.name: i for i in model.graph.initializer}
        self._maker = {o: n for n in model.graph.node for o in n.output}
        self._readers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in model.graph.node:
            for name in node.input:
                self._readers[name].append(node)
        self._new: dict[str, TensorProto] = {}

    def run(self) -> None:
        instead: dict[str, list[NodeProto]] = {}  # by what the convolution gave
        gone: set[str] = set()  # what the replaced nodes gave
        for node in self._graph.node:
            if node.op_type == "ConvInteger" and (done := self._unroll(node)) is not None:
                instead[node.output[0]], chain = done
                gone.update(n.output[0] for n in chain)
        nodes: list[NodeProto] = []
        for node in self._graph.node:
            if node.output[0] in instead:
                nodes += instead[node.output[0]]
            elif node.output[0] not in gone:
                nodes.append(node)
        del self._graph.node[:]
        self._graph.node.extend(nodes)
        self._graph.initializer.extend(self._new.values())
        _keep_used(self._model)

    def _unroll(self, conv: NodeProto) -> tuple[list[NodeProto], list[NodeProto]] | None:
        """Nodes in place of a convolution and of what rescales its result; and those replaced.

        onnxruntime's tools write: ConvInteger, Add (the bias in integers; not always), Cast, Mul
        (by both scales).
        """
        attributes = {a.name: helper.get_attribute_value(a) for a in conv.attribute}
        if attributes.get("group", 1) != 1 or attributes.get("strides", [1]) != [1]:
            return None
        signal, weights, zero, weights_zero = conv.input
        quantiser = self._maker[signal]
        chain = [conv]
        while chain[-1].op_type != "Mul":
            readers = self._readers[chain[-1].output[0]]
            if len(readers) != 1 or len(chain) == 4:
                return None
            chain += readers
        scales = self._maker[self._other(chain[-1], chain[-2])]
        scale = next(n for n in scales.input if n in self._constants)
        bias = self._bias(self._other(chain[1], conv)) if chain[1].op_type == "Add" else ""

        name = conv.output[0]
        nodes = [helper.make_node("Transpose", [signal], [f"{name}_time"], perm=[0, 2, 1])]
        values = numpy_helper.to_array(self._constants[weights])
        out, channels, kernel = values.shape
        columns = f"{name}_time"
        if kernel > 1:
            made, columns = self._shifted(
                columns, zero, kernel, attributes.get("dilations", [1])[0], attributes["pads"]
            )
            nodes += made
        matrix = values.transpose(2, 1, 0).reshape(kernel * channels, out)
        offset = numpy_helper.to_array(self._constants[weights_zero])
        if self._signed:
            # The same differences from the zero point, in the type with the faster products.
            matrix = (matrix.astype(np.int16) - 128).astype(np.int8)
            offset = np.asarray(offset.astype(np.int16) - 128, np.int8)
        product = helper.make_node(
            "MatMulIntegerToFloat",
            [columns, self._constant(f"{weights}_matrix", matrix), quantiser.output[1], scale,
             zero, self._constant(f"{weights_zero}_matrix", offset), bias],
            [f"{name}_product"], domain=_MICROSOFT,
        )  # fmt: skip
        result = chain[-1].output[0]
        back = helper.make_node("Transpose", [f"{name}_product"], [result], perm=[0, 2, 1])
        return [*nodes, product, back], chain

    def _shifted(
        self, signal: str, zero: str, kernel: int, dilation: int, pads: list[int]
    ) -> tuple[list[NodeProto], str]:
        """Shifted copies of a signal ``(1, time, channels)`` side by side, and their name."""
        pad = self._constant(f"pads_{pads[0]}_{pads[1]}", np.array([0, pads[0], 0, 0, pads[1], 0]))
        nodes = [helper.make_node("Pad", [signal, pad, zero], [f"{signal}_padded"])]
        parts = []
        axis = self._constant("time_axis", np.array([1]))
        for i in range(kernel):
            first, last = i * dilation, (i - kernel + 1) * dilation
            start = self._constant(f"at_{first}", np.array([first]))
            end = self._constant(f"at_{last or 'end'}", np.array([last or _TO_END]))
            parts.append(f"{signal}_{i}")
            nodes.append(
                helper.make_node("Slice", [f"{signal}_padded", start, end, axis], [parts[-1]])
            )
        nodes.append(helper.make_node("Concat", parts, [f"{signal}_columns"], axis=2))
        return nodes, f"{signal}_columns"

    def _bias(self, name: str) -> str:
        """The constant from which a quantised bias is computed: Div, Floor, Cast, Reshape."""
        node = self._maker[name]
        while node.op_type != "Div":
            node = self._maker[node.input[0]]
        return str(node.input[0])

    @staticmethod
    def _other(node: NodeProto, than: NodeProto) -> str:
        return next(str(n) for n in node.input if n != than.output[0])

    def _constant(self, name: str, value: NDArray[np.generic]) -> str:
        if name not in self._new:
            self._new[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name


def _signed_products_are_exact() -> bool:
    """Whether this processor multiplies unsigned by signed bytes without saturating.

    Without int8 dot-product instructions (VNNI) the sum of two products is cut off at 16 bits.
    """
    x = helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 64])
    y = helper.make_tensor_value_info("y", TensorProto.INT32, None)
    weights = numpy_helper.from_array(np.full((64, 16), 127, np.int8), "w")
    node = helper.make_node("MatMulInteger", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "probe", [x], [y], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (product,) = session.run(None, {"x": np.full((1, 64), 255, np.uint8)})
    return bool(np.all(np.asarray(product) == 64 * 255 * 127))
