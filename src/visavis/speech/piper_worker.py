"""The process in which Piper runs: reads requests on standard input, answers on standard output.

    python -m visavis.speech.piper_worker MODEL.onnx THREADS

Piper is GPL-3.0. It is used as a program of its own, started by who wants its voice, and nothing
of it is loaded into any other process of ours.

Protocol: each message is a line of JSON; an answer with audio is followed by as many bytes of
little-endian int16 samples as its ``bytes`` says. First the worker says ``{"ready": true,
"sample_rate": n}``. A request ``{"id": n, "text": "...", "length_scale": x}`` is answered by
``{"id": n, "bytes": n, "phonemes": [["h", samples], ...]}`` or ``{"id": n, "error": "..."}``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO


def main() -> int:
    """Serve until standard input ends."""
    model, threads = Path(sys.argv[1]), int(sys.argv[2])
    # Only messages may reach standard output; whatever else prints goes to standard error.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        import piper  # noqa: F401
    except ImportError as e:
        _send(out, {"missing": str(e)})
        return 3
    try:
        voice = _load(model, threads)
    except Exception as e:
        _send(out, {"error": f"{type(e).__name__}: {e}"})
        return 4
    _send(out, {"ready": True, "sample_rate": voice.config.sample_rate})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        try:
            audio, phonemes = _say(voice, request["text"], request["length_scale"])
        except Exception as e:
            _send(out, {"id": request["id"], "error": f"{type(e).__name__}: {e}"})
            continue
        _send(out, {"id": request["id"], "bytes": len(audio), "phonemes": phonemes}, audio)
    return 0


def _load(model: Path, threads: int) -> Any:
    import onnxruntime
    from piper.config import PiperConfig
    from piper.voice import PiperVoice

    from visavis.speech.onnx_graph import extra_output, only_output_of

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    raw = model.read_bytes()
    # VITS rounds phoneme durations up in its only Ceil; naming it gives the alignment.
    raw += extra_output(only_output_of("Ceil", raw))
    config = json.loads(model.with_name(model.name + ".json").read_text(encoding="utf-8"))
    session = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    return PiperVoice(session=session, config=PiperConfig.from_dict(config))


def _say(voice: Any, text: str, length_scale: float) -> tuple[bytes, list[tuple[str, int]]]:
    from piper.config import SynthesisConfig

    config = SynthesisConfig(length_scale=length_scale, normalize_audio=False)
    audio = b""
    phonemes: list[tuple[str, int]] = []
    for chunk in voice.synthesize(text, config, include_alignments=True):
        said = chunk.audio_int16_bytes
        timed = _timed(chunk)
        rest = len(said) // 2 - sum(samples for _, samples in timed)
        phonemes += timed
        if rest > 0:
            phonemes.append(("", rest))
        audio += said
    return audio, phonemes


def _timed(chunk: Any) -> list[tuple[str, int]]:
    """Phonemes and their lengths in samples; what is left at the end is silence.

    Between two phonemes the model has a blank of its own. Piper counts it to the phoneme before;
    the sound says that it belongs to the one after: with it there, the quietest moment of a p or k
    between vowels lies 20 ms nearer to the phoneme's middle.
    """
    out: list[tuple[str, int]] = []
    at = blank = 0
    for a in chunk.phoneme_alignments or ():
        lengths = [int(n) for n in chunk.phoneme_id_samples[at : at + len(a.phoneme_ids)]]
        at += len(lengths)
        after = lengths[-1] if len(lengths) > 1 else 0
        out.append((a.phoneme, blank + sum(lengths) - after))
        blank = after
    return out


def _send(out: BinaryIO, message: dict[str, Any], audio: bytes = b"") -> None:
    out.write(json.dumps(message).encode() + b"\n" + audio)
    out.flush()


if __name__ == "__main__":
    sys.exit(main())
