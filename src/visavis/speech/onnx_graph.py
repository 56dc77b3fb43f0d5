"""Looking inside a model: naming one more tensor as an output, without the ``onnx`` package.

Protocol buffers merge repeated occurrences of a message field, so a model is extended by
appending a few bytes that say only what is new (Protocol Buffers encoding guide, "Last One
Wins"; embedded messages are merged).
"""

from __future__ import annotations

_GRAPH = 7  # ModelProto.graph
_OUTPUT = 12  # GraphProto.output
_NAME = 1  # ValueInfoProto.name


def extra_output(tensor: str) -> bytes:
    """Bytes that, appended to a serialised ModelProto, make `tensor` a graph output as well."""
    value_info = _field(_NAME, tensor.encode())
    return _field(_GRAPH, _field(_OUTPUT, value_info))


def only_output_of(op_type: str, model: bytes) -> str:
    """The name of what the model's only node of type `op_type` gives.

    Raises:
        ValueError: there is not exactly one such node.
    """
    names: list[str] = []
    for number, value in _fields(model):
        if number != _GRAPH:
            continue
        for graph_field, node in _fields(value):
            if graph_field != 1:  # GraphProto.node
                continue
            parts = list(_fields(node))
            if any(n == 4 and v == op_type.encode() for n, v in parts):  # NodeProto.op_type
                names += [v.decode() for n, v in parts if n == 2]  # NodeProto.output
    if len(names) != 1:
        raise ValueError(f"The model has {len(names)} {op_type} nodes; expected one.")
    return names[0]


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes([*out, n])


def _fields(message: bytes) -> list[tuple[int, bytes]]:
    """Length-delimited fields of a message; others are skipped."""
    out = []
    i = 0
    while i < len(message):
        key, i = _read_varint(message, i)
        match key & 7:
            case 0:
                _, i = _read_varint(message, i)
            case 1:
                i += 8
            case 2:
                size, i = _read_varint(message, i)
                out.append((key >> 3, message[i : i + size]))
                i += size
            case 5:
                i += 4
            case wire:
                raise ValueError(f"Not an ONNX model: wire type {wire}.")
    return out


def _read_varint(message: bytes, i: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if i >= len(message):
            raise ValueError("Not an ONNX model: it ends in the middle of a number.")
        byte = message[i]
        value |= (byte & 0x7F) << shift
        shift += 7
        i += 1
        if byte < 0x80:
            return value, i
