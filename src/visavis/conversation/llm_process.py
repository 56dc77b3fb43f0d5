"""The language model's own process: ``python -m visavis.conversation.llm_process``.

It serves llama.cpp's OpenAI-compatible HTTP API on the loopback interface and ends when its
standard input closes, that is, when the parent is gone, however the parent ended.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

import xllamacpp


def serve(args: argparse.Namespace) -> None:
    """Load the model, answer requests until the parent goes away."""
    if hasattr(os, "nice"):
        # Hearing, voice and face come first: the rest of an answer has time while its beginning
        # is being spoken.
        os.nice(5)
    params = xllamacpp.CommonParams()
    params.model.path = args.model
    params.hostnames = ["127.0.0.1"]
    params.port = args.port
    params.n_gpu_layers = args.gpu_layers
    # Weights that are only mapped from the file are dropped by a system that is short of memory,
    # and an answer then waits for the disk.
    params.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
    params.n_parallel = args.slots
    params.n_ctx = args.context * args.slots
    params.cpuparams.n_threads = args.threads
    params.cpuparams_batch.n_threads = args.threads
    # Waiting workers must not spin: the same cores draw the face and hear the user.
    params.cpuparams.poll = 0
    params.cpuparams_batch.poll = 0
    params.cache_prompt = True
    params.cache_ram_mib = 256
    params.endpoint_slots = False
    server = xllamacpp.Server(params)
    print(json.dumps({"address": server.listening_address}), flush=True)
    while sys.stdin.buffer.read(4096):
        pass
    # The server's own shutdown can wait for a running generation; nobody is left to read it.
    os._exit(0)


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--context", type=int, default=4096, help="tokens per slot")
    parser.add_argument("--slots", type=int, default=1, help="prompts kept in cache side by side")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gpu-layers", type=int, default=0)
    serve(parser.parse_args())


if __name__ == "__main__":
    main()
