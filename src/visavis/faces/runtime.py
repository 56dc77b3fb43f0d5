"""Running the small networks that ship with the package, one core each."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
import onnxruntime as ort
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

#: Networks see and answer float32.
Float = NDArray[np.float32]


def weight_bytes(name: str) -> bytes:
    """The bytes of a network in ``visavis/faces/weights``."""
    return (files("visavis.faces") / "weights" / name).read_bytes()


class OnnxNetwork:
    """An ONNX network with one input; answers its outputs by name."""

    def __init__(self, name: str, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session: Any = ort.InferenceSession(
            weight_bytes(name), options, providers=["CPUExecutionProvider"]
        )
        self._input: str = self._session.get_inputs()[0].name
        self._outputs: list[str] = [o.name for o in self._session.get_outputs()]

    def __call__(self, x: Float) -> dict[str, Float]:
        values = self._session.run(self._outputs, {self._input: x})
        return dict(zip(self._outputs, values, strict=True))


class LiteNetwork:
    """A LiteRT network with one input; answers its outputs by name."""

    def __init__(self, name: str, threads: int = 1) -> None:
        self._interpreter: Any = Interpreter(model_content=weight_bytes(name), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input: int = self._interpreter.get_input_details()[0]["index"]
        self._outputs: dict[str, int] = {
            d["name"]: d["index"] for d in self._interpreter.get_output_details()
        }

    def __call__(self, x: Float) -> dict[str, Float]:
        self._interpreter.set_tensor(self._input, x)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(i) for name, i in self._outputs.items()}


def check_image(image: NDArray[np.uint8]) -> None:
    """Raise ValueError unless ``image`` is uint8 RGB, shape ``(height, width, 3)``."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(
            f"expected a uint8 RGB image of shape (height, width, 3), got {image.dtype} "
            f"{image.shape}; convert it first, for example with cv2.cvtColor"
        )
