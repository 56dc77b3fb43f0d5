"""Teach the network that moves the mouth from sound alone; see ``docs/visemes.md``.

    python scripts/audio_visemes_data.py FOLDER
    python scripts/train_audio_visemes.py FOLDER [--minutes 20] [--streams 900]

Needs PyTorch (``pip install visavis[train]``). Mixes the folder's speech into streams as they may
arrive in a call - other throats, rooms, noise, codecs, levels -, teaches a recurrent network the
tracks that :func:`visavis.animation.visemes.plan_speech` planned for it, and writes
``src/visavis/animation/weights/audio_visemes.onnx``.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import av
import numpy as np
import onnx
import soxr
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from scipy.signal import butter, fftconvolve, sosfilt

from visavis.animation import from_audio
from visavis.animation.face_state import STATE_RATE
from visavis.animation.from_audio import DELAY, OUTPUTS, STEP, from_rows
from visavis.animation.log_mel import BANDS, FRAME_RATE, LogMel
from visavis.animation.phonemes import visemes

RATE = 16_000
#: Of one stream, seconds.
LENGTH = 12.0
HIDDEN = 128
#: The only man among the voices learned from.
MAN = "joe"
LEARNING_RATE = 3e-3
#: Answers are this much wider than 0..1 before they are clipped, so that 0 can be reached.
MARGIN = 0.1
#: What matters to the eye: the weight of each output's error, and of errors during lip contact.
WEIGHTS = {"jawOpen": 3.0, "mouthClose": 0.7, "mouthLowerDown": 2.0, "mouthUpperUp": 2.0,
           "mouthFunnel": 1.5, "mouthPucker": 1.5, "tongueOut": 0.7}  # fmt: skip
CONTACT = 3.0

#: Number of each shape of the mouth, by the identity of its viseme; 0 is silence.
_SHAPES = {i: n for n, i in enumerate(dict.fromkeys(map(id, visemes().shapes.values())))}

Sound = NDArray[np.float64]


# -- streams ------------------------------------------------------------------------------------


def speech(
    rng: np.random.Generator, files: list[Path]
) -> tuple[Sound, NDArray[np.float32], NDArray[np.uint8]]:
    """One throat saying utterances with pauses: sound, the answers expected, and the shapes."""
    sound = np.zeros(round(LENGTH * RATE))
    times = (np.arange(round(LENGTH * FRAME_RATE)) + 1) / FRAME_RATE - DELAY
    rows = np.zeros((len(times), 53), np.float32)
    shapes = np.zeros(len(times), np.uint8)
    at = float(rng.choice([0.05, rng.uniform(0.05, 1.5)]))
    voices = sorted({_voice(f) for f in files})
    man = rng.random() < 0.3
    voice = MAN if man else str(rng.choice([v for v in voices if v != MAN]))
    same = [f for f in files if _voice(f) == voice]
    # The one man is deep already; the women go as far down as men's voices do.
    low, high = (0.88, 1.3) if man else (0.68, 1.15)
    factor = float(rng.uniform(low, high)) if rng.random() < 0.8 else 1.0
    while at < LENGTH - 1.0:
        with np.load(same[int(rng.integers(len(same)))]) as said:
            audio, track, start = said["audio"] / 32768.0, said["track"], float(said["start"])
            phones = json.loads(str(said["phones"]))
        audio = soxr.resample(audio, 24_000 * factor, RATE)
        level = 10 ** (rng.uniform(-4, 2) / 20)
        first = round(at * RATE)
        part = audio[: len(sound) - first]
        sound[first : first + len(part)] += level * part
        x = ((times - at) * factor - start) * STATE_RATE
        grid = np.arange(len(track))
        for c in np.flatnonzero(track.any(axis=0)):
            moved = np.interp(x, grid, track[:, c].astype(float), left=0.0, right=0.0)
            rows[:, c] = np.maximum(rows[:, c], moved)
        for ipa, begin, end in phones:
            kinds = [_SHAPES[id(v)] for v in visemes().sounds(ipa) or ()]
            edges = at + np.linspace(begin, end, len(kinds) + 1) / factor
            for kind, a, b in zip(kinds, edges[:-1], edges[1:], strict=True):
                shapes[(times >= a) & (times < b)] = kind
        at += len(audio) / RATE + float(rng.choice([rng.uniform(0.05, 0.5), rng.uniform(0.4, 2.5)]))
    return sound, from_rows(rows), shapes


def _voice(file: Path) -> str:
    return file.name.split("-")[0]


def noise(rng: np.random.Generator, files: list[Path]) -> Sound:
    """Something that is no speech to this face, with a root mean square of 1."""
    n = round(LENGTH * RATE)
    kind = str(rng.choice(["coloured", "coloured", "babble", "hum", "clicks", "chord"]))
    if kind == "babble":
        out = np.zeros(n)
        for f in rng.choice(files, 10):
            with np.load(f) as said:
                out += np.resize(soxr.resample(said["audio"] / 32768.0, 24_000, RATE), n)
    elif kind in ("hum", "chord"):
        t = np.arange(n) / RATE
        base = rng.choice([50, 60, 100]) if kind == "hum" else rng.uniform(150, 500)
        tones = base * (np.arange(1, 9) if kind == "hum" else rng.uniform(1, 6, 5))
        out = sum(rng.random() * np.sin(2 * np.pi * (f * t + rng.random())) for f in tones)
        if kind == "chord":
            out = out * (0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.2, 3) * t))
    else:
        spectrum = np.fft.rfft(rng.normal(size=n))
        hz = np.maximum(np.fft.rfftfreq(n, 1 / RATE), 20.0)
        out = np.fft.irfft(spectrum * hz ** -rng.uniform(0.0, 1.2), n)
        if kind == "clicks":
            beat = np.zeros(n)
            beat[rng.integers(0, n, int(rng.integers(10, 60)))] = 1.0
            out = out * fftconvolve(beat, np.exp(-np.arange(1600) / rng.uniform(60, 400)))[:n]
    return np.asarray(out / (np.sqrt(np.mean(out**2)) + 1e-9))


def room(rng: np.random.Generator, sound: Sound) -> Sound:
    """As heard some way from the mouth: the direct sound, then a decaying tail."""
    t = np.arange(round(0.6 * RATE)) / RATE
    tail = rng.normal(size=len(t)) * np.exp(-6.9 * t / rng.uniform(0.12, 0.6)) * (t > 0.004)
    tail *= 10 ** (rng.uniform(-16, -2) / 20) / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    return np.asarray(fftconvolve(sound, tail)[: len(sound)])


def codec(rng: np.random.Generator, sound: Sound) -> Sound:
    """Through a telephone (band, companding) or Opus at a low rate."""
    kind = rng.choice(["band", "mu-law", "opus"])
    if kind == "opus":
        return opus(sound, int(rng.choice([8_000, 12_000, 20_000])))
    sos = butter(3, [rng.uniform(80, 300), rng.uniform(3200, 3700)], "bandpass", fs=RATE,
                 output="sos")  # fmt: skip
    out = sosfilt(sos, sound)
    if kind == "mu-law":
        peak = np.abs(out).max() + 1e-9
        small = np.sign(out) * np.log1p(255 * np.abs(out) / peak) / np.log(256)
        small = np.round(small * 127) / 127
        out = np.sign(small) * peak * (256 ** np.abs(small) - 1) / 255
    return np.asarray(out)


def opus(sound: Sound, bit_rate: int) -> Sound:
    """Encoded and decoded again, in time with what went in."""
    file = io.BytesIO()
    pcm = np.clip(np.rint(sound * 32767), -32768, 32767).astype(np.int16)
    with av.open(file, "w", format="ogg") as out:
        stream = out.add_stream("libopus", rate=RATE, layout="mono")
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            out.mux(packet)
    file.seek(0)
    with av.open(file) as source:
        parts = [f.to_ndarray().reshape(-1) for f in source.decode(audio=0)]
        rate = source.streams.audio[0].rate
    decoded = np.concatenate(parts).astype(float)
    decoded = decoded / 32768.0 if np.abs(decoded).max() > 2 else decoded
    out = soxr.resample(decoded, rate, RATE)
    return np.asarray(np.pad(out, (0, max(0, len(sound) - len(out))))[: len(sound)])


def stream(
    seed: int, files: list[Path]
) -> tuple[NDArray[np.float16], NDArray[np.float16], NDArray[np.uint8]]:
    """A stream as it may arrive: the frames heard, the answers expected, and the shapes."""
    rng = np.random.default_rng(seed)
    only_noise = rng.random() < 0.06
    if only_noise:
        sound = np.zeros(round(LENGTH * RATE))
        answers = np.zeros((round(LENGTH * FRAME_RATE), len(OUTPUTS)), np.float32)
        shapes = np.zeros(len(answers), np.uint8)
    else:
        sound, answers, shapes = speech(rng, files)
    if rng.random() < 0.35:
        sound = room(rng, sound)
    if rng.random() < 0.5:  # of a microphone and what stands before it
        sos = butter(1, rng.uniform(300, 3000), str(rng.choice(["low", "high"])), fs=RATE,
                     output="sos")  # fmt: skip
        sound = sound + rng.uniform(-0.7, 2.0) * sosfilt(sos, sound)
    level = np.sqrt(np.mean(sound**2))
    if only_noise:
        sound = noise(rng, files) * 10 ** (rng.uniform(-60, -25) / 20)
    elif rng.random() < 0.7:
        sound = sound + noise(rng, files) * level * 10 ** (-rng.uniform(6, 40) / 20)
    if rng.random() < 0.3:
        sound = codec(rng, sound / (np.abs(sound).max() + 1e-9) * 0.9)
    if not only_noise:
        loud = 10 ** (rng.uniform(-38, -14) / 20)
        sound = sound * loud / (np.sqrt(np.mean(sound**2)) + 1e-9)
    pcm = np.clip(np.rint(sound * 32768), -32768, 32767).astype(np.int16)
    frames = LogMel(RATE).feed(pcm)
    return frames.astype(np.float16), answers.astype(np.float16), shapes


# -- the network --------------------------------------------------------------------------------


class Network(torch.nn.Module):
    """Two gated recurrent units between two dense layers.

    While it learns it also names the shape of each frame's sound, which teaches it to tell sounds
    apart long before the mouth's values would.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dense = torch.nn.Linear(STEP * BANDS, HIDDEN)
        self.grus = torch.nn.GRU(HIDDEN, HIDDEN, num_layers=2)
        self.out = torch.nn.Linear(HIDDEN, STEP * len(OUTPUTS))
        torch.nn.init.constant_(self.out.bias, -1.5)  # most of the time most of them are small
        self.name = torch.nn.Linear(HIDDEN, STEP * len(_SHAPES))

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Answers ``(batch, time, outputs)`` and names to frames ``(batch, time, bands)``."""
        steps = frames.unflatten(1, (-1, STEP)).flatten(2).transpose(0, 1)
        heard, _ = self.grus(torch.relu(self.dense(steps)))
        heard = heard.transpose(0, 1)
        answers = torch.sigmoid(self.out(heard)) * (1 + 2 * MARGIN) - MARGIN
        return tuple(v.unflatten(2, (STEP, -1)).flatten(1, 2) for v in (answers, self.name(heard)))


class Loss:
    """Squared errors of values and of their change over 20 ms, and of the names.

    Args:
        wanted: All answers expected: an output that varies little weighs more, up to a point.
    """

    def __init__(self, wanted: torch.Tensor) -> None:
        weight = torch.tensor([WEIGHTS.get(name, 1.0) for name in OUTPUTS])
        self._weight = weight / (wanted.flatten(0, 1).float().var(0) + 0.002)

    def __call__(
        self, said: torch.Tensor, names: torch.Tensor, wanted: torch.Tensor, shapes: torch.Tensor
    ) -> torch.Tensor:
        contact = wanted[..., OUTPUTS.index("contact")].unsqueeze(-1)
        weight = (1 + CONTACT * contact) * self._weight
        jaw = wanted[..., OUTPUTS.index("jawOpen")]
        # How far the lips make up for a jaw that is shut shows nowhere.
        weight[..., OUTPUTS.index("mouthClose")] *= torch.clamp(jaw * 15, 0.05, 1.0)
        values = ((said - wanted) ** 2 * weight).mean()
        speed = (said[:, 2:] - said[:, :-2]) - (wanted[:, 2:] - wanted[:, :-2])
        named = torch.nn.functional.cross_entropy(names.flatten(0, 1), shapes.flatten().long())
        return values + (speed**2 * weight[:, 2:]).mean() + 0.5 * named


def teach(
    x: torch.Tensor, y: torch.Tensor, z: torch.Tensor, minutes: float, crop: int = 400
) -> Network:
    """Batches of random pieces until the time is over."""
    torch.manual_seed(0)
    network, loss = Network(), Loss(y)
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-3)
    begun, step, total, kept = time.perf_counter(), 0, 0.0, 0
    held = slice(0, max(len(x) // 25, 1))
    while (part := (time.perf_counter() - begun) / (60 * minutes)) < 1.0:
        for group in optimiser.param_groups:
            warm = min(1.0, (step + 1) / 100)
            group["lr"] = LEARNING_RATE * warm * (0.5 + 0.5 * np.cos(np.pi * part))
        pick = torch.randint(held.stop, len(x), (32,))
        begin = torch.randint(0, x.shape[1] - crop, (32,))
        times = begin[:, None] + torch.arange(crop)
        frames, wanted = x[pick[:, None], times].float(), y[pick[:, None], times].float()
        # A microphone's colour, differently each time.
        colour = 0.05 * torch.cumsum(torch.randn(32, 1, BANDS), 2)
        said = network(frames + colour - colour.mean(2, keepdim=True))
        error = loss(*said, wanted, z[pick[:, None], times])
        optimiser.zero_grad()
        error.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step, total, kept = step + 1, total + error.item(), kept + 1
        if step % 100 == 0:
            with torch.no_grad():
                said, names = network(x[held].float())
                other = loss(said, names, y[held].float(), z[held])
                right = (names.argmax(-1) == z[held]).float().mean()
            print(f"{step}: {total / kept:.4f}, held out {other.item():.4f}, "
                  f"{right.item():.0%} named, {part:.0%}", flush=True)  # fmt: skip
            total, kept = 0.0, 0
    return network


def export(network: Network, path: Path) -> None:
    """As ONNX, with what the units remember between two calls as ``memory``."""
    p = {k: v.detach().numpy() for k, v in network.state_dict().items()}

    def gates(name: str, layer: int) -> NDArray[np.float32]:
        r, z, n = np.split(p[f"grus.{name}_l{layer}"], 3)
        return np.concatenate([z, r, n])[None]  # ONNX begins with the update gate

    weights = {
        "dense_w": p["dense.weight"].T, "dense_b": p["dense.bias"], "out_w": p["out.weight"].T,
        "out_b": p["out.bias"], "wide": np.float32(1 + 2 * MARGIN), "low": np.float32(MARGIN),
        "one": np.array([1], np.int64),
    }  # fmt: skip
    nodes = [
        helper.make_node("MatMul", ["frames", "dense_w"], ["d0"]),
        helper.make_node("Add", ["d0", "dense_b"], ["d1"]),
        helper.make_node("Relu", ["d1"], ["h0"]),
        helper.make_node("Split", ["memory"], ["m0", "m1"], axis=0, num_outputs=2),
    ]
    for i in (0, 1):
        weights |= {f"w{i}": gates("weight_ih", i), f"r{i}": gates("weight_hh", i)}
        weights[f"b{i}"] = np.concatenate([gates("bias_ih", i), gates("bias_hh", i)], axis=1)
        nodes.append(
            helper.make_node("GRU", [f"h{i}", f"w{i}", f"r{i}", f"b{i}", "", f"m{i}"],
                             [f"y{i}", f"n{i}"], hidden_size=HIDDEN, linear_before_reset=1)
        )  # fmt: skip
        nodes.append(helper.make_node("Squeeze", [f"y{i}", "one"], [f"h{i + 1}"]))
    nodes += [
        helper.make_node("MatMul", ["h2", "out_w"], ["o0"]),
        helper.make_node("Add", ["o0", "out_b"], ["o1"]),
        helper.make_node("Sigmoid", ["o1"], ["o2"]),
        helper.make_node("Mul", ["o2", "wide"], ["o3"]),
        helper.make_node("Sub", ["o3", "low"], ["answers"]),
        helper.make_node("Concat", ["n0", "n1"], ["memory_out"], axis=0),
    ]

    def value(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        "audio_visemes",
        [value("frames", ["steps", 1, STEP * BANDS]), value("memory", [2, 1, HIDDEN])],
        [value("answers", ["steps", 1, STEP * len(OUTPUTS)]), value("memory_out", [2, 1, HIDDEN])],
        [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(model.SerializeToString())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="written by scripts/audio_visemes_data.py")
    parser.add_argument("--minutes", type=float, default=20.0, help="of training")
    parser.add_argument("--streams", type=int, default=900, help="of 12 s each")
    parser.add_argument("--workers", type=int, default=2, help="that mix streams")
    parser.add_argument("--threads", type=int, default=1, help="that train; more wait for others")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    files = sorted((args.folder / "train").glob("*.npz"))
    if not files:
        parser.error(f"no speech in {args.folder}; run scripts/audio_visemes_data.py first")
    begun = time.perf_counter()
    with ProcessPoolExecutor(args.workers) as pool:
        made = pool.map(partial(stream, files=files), range(args.streams), chunksize=10)
        heard, wanted, shapes = zip(*made, strict=True)
    print(f"{args.streams} streams in {time.perf_counter() - begun:.0f} s", flush=True)
    x, y, z = (torch.from_numpy(np.stack(part)) for part in (heard, wanted, shapes))
    network = teach(x, y, z, args.minutes)
    export(network, Path(from_audio.__file__).parent / from_audio._FILE)


if __name__ == "__main__":
    main()
