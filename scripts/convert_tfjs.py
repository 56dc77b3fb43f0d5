"""Convert a TensorFlow.js graph model (``model.json`` + one ``.bin``) to ONNX.

Covers the operators of the face models this project ships (see ``src/visavis/faces/weights``):

    python scripts/convert_tfjs.py facemesh-attention-pinto.json attention_mesh.onnx
    python scripts/convert_tfjs.py faceres.json faceres.onnx

Needs the ``onnx`` package, which the project itself does not depend on. Activations keep
TensorFlow's NHWC layout; every convolution is wrapped in a pair of transposes, most of which
onnxruntime's transpose optimiser removes when it loads the model. Weights that TensorFlow.js
stored as float16 stay float16 in the file and are widened by a Cast node that onnxruntime folds.
"""

from __future__ import annotations

import argparse
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Node = dict[str, Any]
OPSET = 17


def read_weights(folder: Path, manifest: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Every weight by name; float16-quantised ones are returned as float16."""
    weights: dict[str, np.ndarray] = {}
    for group in manifest:
        blob = b"".join((folder / p).read_bytes() for p in group["paths"])
        at = 0
        for w in group["weights"]:
            quantization = w.get("quantization")
            if quantization and quantization["dtype"] != "float16":
                raise ValueError(f"{w['name']}: only float16 quantisation is supported")
            dtype = np.dtype(quantization["dtype"] if quantization else w["dtype"])
            count = int(np.prod(w["shape"], dtype=np.int64))
            array = np.frombuffer(blob, dtype, count, at).reshape(w["shape"])
            at += array.nbytes
            weights[w["name"]] = array
        if at != len(blob):
            raise ValueError(f"weight file holds {len(blob)} bytes, the manifest names {at}")
    return weights


class Converter:
    """Walks a TensorFlow.js graph in topological order and emits ONNX nodes."""

    def __init__(self, graph: dict[str, Any], weights: dict[str, np.ndarray]) -> None:
        self.nodes: dict[str, Node] = {n["name"]: n for n in graph["modelTopology"]["node"]}
        self.signature = graph.get("signature") or {}
        self.weights = weights
        self.out: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.done: set[str] = set()

    # -- small helpers ---------------------------------------------------------------------

    def const(self, name: str) -> np.ndarray:
        """The value of a constant input (float16 widened)."""
        if name not in self.weights:
            raise ValueError(f"{name} must be a constant")
        value = self.weights[name]
        return value.astype(np.float32) if value.dtype == np.float16 else value

    def initializer(self, name: str, value: np.ndarray) -> str:
        """Store a constant; float16 weights get a Cast to float32 behind them."""
        if name in self.initializers:
            return name
        if value.dtype == np.float16:
            stored = f"{name}__f16"
            self.initializers[name] = numpy_helper.from_array(value, stored)
            self.out.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
        else:
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def emit(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.out.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    @staticmethod
    def text(node: Node, key: str) -> str:
        return base64.b64decode(node["attr"][key]["s"]).decode()

    @staticmethod
    def ints(node: Node, key: str) -> list[int]:
        return [int(i) for i in node["attr"][key]["list"]["i"]]

    @staticmethod
    def flag(node: Node, key: str) -> bool:
        return bool(node["attr"].get(key, {}).get("b", False))

    @staticmethod
    def mask(node: Node, key: str) -> int:
        return int(node["attr"].get(key, {}).get("i", 0))

    # -- the walk --------------------------------------------------------------------------

    def visit(self, name: str) -> str:
        """Emit everything that ``name`` depends on, then ``name``; answers its tensor name."""
        name = name.split(":")[0].lstrip("^")
        if name in self.done:
            return name
        node = self.nodes[name]
        if node["op"] == "Const":
            self.initializer(name, self.weights[name])
        elif node["op"] != "Placeholder":
            inputs = [i.split(":")[0] for i in node.get("input", []) if not i.startswith("^")]
            self.emit_node(node, inputs)
        self.done.add(name)
        return name

    def emit_node(self, node: Node, inputs: list[str]) -> None:
        op, name = node["op"], node["name"]
        if op in _RENAMED:
            self.emit(_RENAMED[op], [self.visit(i) for i in inputs], name)
        elif op == "Square":
            x = self.visit(inputs[0])
            self.emit("Mul", [x, x], name)
        elif op == "Rsqrt":
            root = self.emit("Sqrt", [self.visit(inputs[0])], f"{name}__sqrt")
            self.emit("Reciprocal", [root], name)
        else:
            handler: Callable[[Node, list[str]], None] | None = getattr(
                self, f"op_{op.lstrip('_').lower()}", None
            )
            if handler is None:
                raise ValueError(f"operator {op} ({name}) is not supported")
            handler(node, inputs)

    # -- operators -------------------------------------------------------------------------

    def _spatial(self, node: Node, x: str, weight: np.ndarray, group: int, output: str) -> str:
        """A convolution with OIHW weights on an NHWC tensor."""
        name = node["name"]
        strides = self.ints(node, "strides")[1:3]
        dilations = self.ints(node, "dilations")[1:3] if "dilations" in node["attr"] else [1, 1]
        padding = {"SAME": "SAME_UPPER", "VALID": "VALID"}[self.text(node, "padding")]
        nchw = self.emit("Transpose", [x], f"{name}__in", perm=[0, 3, 1, 2])
        half = weight.dtype == np.float16
        stored = self.initializer(f"{name}__w", weight if half else weight.astype(np.float32))
        self.emit(
            "Conv",
            [nchw, stored],
            f"{name}__conv",
            strides=strides,
            dilations=dilations,
            auto_pad=padding,
            group=group,
        )
        return self.emit("Transpose", [f"{name}__conv"], output, perm=[0, 2, 3, 1])

    def _conv(self, node: Node, inputs: list[str], output: str) -> str:
        weight = self.weights[inputs[1]].transpose(3, 2, 0, 1)
        return self._spatial(node, self.visit(inputs[0]), weight, 1, output)

    def _depthwise(self, node: Node, inputs: list[str], output: str) -> str:
        h, w, channels, multiplier = self.weights[inputs[1]].shape
        weight = self.weights[inputs[1]].transpose(2, 3, 0, 1)
        weight = weight.reshape(channels * multiplier, 1, h, w)
        return self._spatial(node, self.visit(inputs[0]), weight, channels, output)

    def op_conv2d(self, node: Node, inputs: list[str]) -> None:
        self._conv(node, inputs, node["name"])

    def op_depthwiseconv2dnative(self, node: Node, inputs: list[str]) -> None:
        self._depthwise(node, inputs, node["name"])

    def _fused(self, node: Node, raw: str, extra: list[str]) -> None:
        """Apply the ``fused_ops`` of a fused node (bias, activation) one after the other."""
        name = node["name"]
        steps = [base64.b64decode(s).decode() for s in node["attr"]["fused_ops"]["list"]["s"]]
        for k, step in enumerate(steps):
            output = name if k == len(steps) - 1 else f"{name}__{step}"
            if step == "BiasAdd":
                self.emit("Add", [raw, self.visit(extra.pop(0))], output)
            elif step == "Relu":
                self.emit("Relu", [raw], output)
            elif step == "Prelu":
                self.emit("PRelu", [raw, self.visit(extra.pop(0))], output)
            else:
                raise ValueError(f"fused {step} ({name}) is not supported")
            raw = output

    def op_fusedconv2d(self, node: Node, inputs: list[str]) -> None:
        self._fused(node, self._conv(node, inputs[:2], f"{node['name']}__raw"), inputs[2:])

    def op_fuseddepthwiseconv2dnative(self, node: Node, inputs: list[str]) -> None:
        self._fused(node, self._depthwise(node, inputs[:2], f"{node['name']}__raw"), inputs[2:])

    def op_fusedmatmul(self, node: Node, inputs: list[str]) -> None:
        self._fused(node, self._matmul(node, inputs, f"{node['name']}__raw"), inputs[2:])

    def _matmul(self, node: Node, inputs: list[str], output: str) -> str:
        a, b = self.visit(inputs[0]), self.visit(inputs[1])
        if self.flag(node, "adj_x") or self.flag(node, "transpose_a"):
            raise ValueError(f"{node['name']}: a transposed left factor is not supported")
        if self.flag(node, "transpose_b"):
            b = self.emit("Transpose", [b], f"{output}__bt", perm=[1, 0])
        if self.flag(node, "adj_y"):
            b = self.emit("Transpose", [b], f"{output}__bt", perm=[0, 2, 1])
        return self.emit("MatMul", [a, b], output)

    def op_batchmatmulv2(self, node: Node, inputs: list[str]) -> None:
        self._matmul(node, inputs, node["name"])

    def op_matmul(self, node: Node, inputs: list[str]) -> None:
        self._matmul(node, inputs, node["name"])

    def op_prelu(self, node: Node, inputs: list[str]) -> None:
        x, slope, name = self.visit(inputs[0]), self.visit(inputs[1]), node["name"]
        if inputs[1] in self.weights and self.const(inputs[1]).max() <= 1:
            # The same for slopes up to 1, and faster: the face mesh takes 5.5 ms instead of 7.3.
            self.emit("Mul", [x, slope], f"{name}__leak")
            self.emit("Max", [x, f"{name}__leak"], name)
        else:
            self.emit("PRelu", [x, slope], name)

    def op_maxpool(self, node: Node, inputs: list[str]) -> None:
        name = node["name"]
        if self.text(node, "padding") != "VALID":
            raise ValueError(f"{name}: only VALID pooling is supported")
        x = self.emit("Transpose", [self.visit(inputs[0])], f"{name}__in", perm=[0, 3, 1, 2])
        kernel, strides = self.ints(node, "ksize")[1:3], self.ints(node, "strides")[1:3]
        self.emit("MaxPool", [x], f"{name}__pool", kernel_shape=kernel, strides=strides)
        self.emit("Transpose", [f"{name}__pool"], name, perm=[0, 2, 3, 1])

    def _indices(self, name: str, value: np.ndarray) -> str:
        return self.initializer(name, np.asarray(value, np.int64))

    def op_pad(self, node: Node, inputs: list[str]) -> None:
        pads = self.const(inputs[1])
        flat = np.concatenate([pads[:, 0], pads[:, 1]])
        stored = self._indices(f"{node['name']}__pads", flat)
        self.emit("Pad", [self.visit(inputs[0]), stored], node["name"])

    def op_reshape(self, node: Node, inputs: list[str]) -> None:
        shape = self._indices(f"{node['name']}__shape", self.const(inputs[1]))
        self.emit("Reshape", [self.visit(inputs[0]), shape], node["name"])

    def op_squeeze(self, node: Node, inputs: list[str]) -> None:
        axes = self._indices(f"{node['name']}__axes", np.array(self.ints(node, "squeeze_dims")))
        self.emit("Squeeze", [self.visit(inputs[0]), axes], node["name"])

    def op_transpose(self, node: Node, inputs: list[str]) -> None:
        perm = self.const(inputs[1]).tolist()
        self.emit("Transpose", [self.visit(inputs[0])], node["name"], perm=perm)

    def op_concatv2(self, node: Node, inputs: list[str]) -> None:
        axis = int(self.const(inputs[-1]))
        self.emit("Concat", [self.visit(i) for i in inputs[:-1]], node["name"], axis=axis)

    def op_softmax(self, node: Node, inputs: list[str]) -> None:
        self.emit("Softmax", [self.visit(inputs[0])], node["name"], axis=-1)

    def _reduce(self, op: str, node: Node, inputs: list[str]) -> None:
        axes = np.atleast_1d(self.const(inputs[1])).astype(np.int64)
        keep = int(self.flag(node, "keep_dims"))
        x, name = self.visit(inputs[0]), node["name"]
        if op == "ReduceSum":
            self.emit(op, [x, self._indices(f"{name}__axes", axes)], name, keepdims=keep)
        else:
            self.emit(op, [x], name, axes=axes.tolist(), keepdims=keep)

    def op_sum(self, node: Node, inputs: list[str]) -> None:
        self._reduce("ReduceSum", node, inputs)

    def op_mean(self, node: Node, inputs: list[str]) -> None:
        self._reduce("ReduceMean", node, inputs)

    def op_max(self, node: Node, inputs: list[str]) -> None:
        self._reduce("ReduceMax", node, inputs)

    def op_min(self, node: Node, inputs: list[str]) -> None:
        self._reduce("ReduceMin", node, inputs)

    def op_prod(self, node: Node, inputs: list[str]) -> None:
        self._reduce("ReduceProd", node, inputs)

    def op_cast(self, node: Node, inputs: list[str]) -> None:
        kinds = {"DT_INT32": TensorProto.INT32, "DT_FLOAT": TensorProto.FLOAT}
        self.emit(
            "Cast", [self.visit(inputs[0])], node["name"], to=kinds[node["attr"]["DstT"]["type"]]
        )

    def op_gatherv2(self, node: Node, inputs: list[str]) -> None:
        axis = int(self.const(inputs[2]))
        self.emit("Gather", [self.visit(inputs[0]), self.visit(inputs[1])], node["name"], axis=axis)

    def op_gathernd(self, node: Node, inputs: list[str]) -> None:
        name = node["name"]
        wide = self.emit("Cast", [self.visit(inputs[1])], f"{name}__i64", to=TensorProto.INT64)
        self.emit("GatherND", [self.visit(inputs[0]), wide], name)

    def op_stridedslice(self, node: Node, inputs: list[str]) -> None:
        name = node["name"]
        if self.mask(node, "ellipsis_mask") or self.mask(node, "new_axis_mask"):
            raise ValueError(f"{name}: ellipsis and new axes are not supported")
        begin, end, strides = (self.const(i).astype(np.int64).copy() for i in inputs[1:4])
        shrink = self.mask(node, "shrink_axis_mask")
        for axis in range(len(begin)):
            bit = 1 << axis
            if shrink & bit:
                # The end of a shrunk axis is meaningless in TensorFlow.
                begin_value = begin[axis]
                end[axis] = begin_value + 1 if begin_value != -1 else np.iinfo(np.int64).max
                continue
            if strides[axis] < 0:
                raise ValueError(f"{name}: negative strides are not supported")
            if self.mask(node, "begin_mask") & bit:
                begin[axis] = 0
            if self.mask(node, "end_mask") & bit:
                end[axis] = np.iinfo(np.int64).max
        axes = np.arange(len(begin))
        stored = [
            self._indices(f"{name}__{key}", value)
            for key, value in (("b", begin), ("e", end), ("a", axes), ("s", strides))
        ]
        squeezed = [int(a) for a in axes if shrink & (1 << int(a))]
        output = f"{name}__slice" if squeezed else name
        self.emit("Slice", [self.visit(inputs[0]), *stored], output)
        if squeezed:
            self.emit("Squeeze", [output, self._indices(f"{name}__q", np.array(squeezed))], name)

    # -- the model -------------------------------------------------------------------------

    def model(self) -> onnx.ModelProto:
        """The whole graph; outputs are those of the signature, or the nodes nobody consumes."""
        used = {i.split(":")[0] for n in self.nodes.values() for i in n.get("input", [])}
        outputs = [o["name"].split(":")[0] for o in self.signature.get("outputs", {}).values()]
        outputs = outputs or [n for n in self.nodes if n not in used]
        for name in outputs:
            self.visit(name)
        inputs = [
            helper.make_tensor_value_info(
                n["name"],
                TensorProto.FLOAT,
                [1, *(int(d["size"]) for d in n["attr"]["shape"]["shape"]["dim"][1:])],
            )
            for n in self.nodes.values()
            if n["op"] == "Placeholder"
        ]
        graph = helper.make_graph(
            self.out,
            "visavis",
            inputs,
            [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in sorted(outputs)],
            list(self.initializers.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = 9
        model = onnx.shape_inference.infer_shapes(model)
        del model.graph.value_info[:]
        onnx.checker.check_model(model)
        return model


_RENAMED = {
    "Add": "Add",
    "AddV2": "Add",
    "AddN": "Sum",
    "Sub": "Sub",
    "Mul": "Mul",
    "Abs": "Abs",
    "Floor": "Floor",
    "Maximum": "Max",
    "Minimum": "Min",
    "Relu": "Relu",
    "Sigmoid": "Sigmoid",
}


def convert(source: Path) -> onnx.ModelProto:
    """Convert the TensorFlow.js graph model whose ``model.json`` is ``source``."""
    graph = json.loads(source.read_text())
    return Converter(graph, read_weights(source.parent, graph["weightsManifest"])).model()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="the model's .json; its .bin lies beside it")
    parser.add_argument("target", type=Path, help="the .onnx to write")
    options = parser.parse_args()
    onnx.save(convert(options.source), options.target)
    print(f"{options.target}: {options.target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
