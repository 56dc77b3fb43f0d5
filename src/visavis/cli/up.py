"""``visavis up``: start the server."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from typing import Annotated

import typer
import uvicorn
import uvloop
from loguru import logger

from visavis.config import ConfigError, Settings, load_settings


def _fail(message: str) -> typer.Exit:
    typer.secho(message, fg=typer.colors.RED, err=True)
    return typer.Exit(1)


def _check_port(host: str, port: int) -> None:
    """Find out now, not after a minute of loading, that the port is taken."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
        except OSError as e:
            raise _fail(
                f"Port {port} on {host} cannot be used ({e.strerror}). "
                "Give another: visavis up --port 7861"
            ) from e


def _logging(verbose: bool) -> None:
    logger.remove()
    logger.add(sys.stderr, level="DEBUG" if verbose else "INFO", diagnose=False)
    logging.getLogger("aioice").setLevel(logging.WARNING)


class _Server(uvicorn.Server):
    """Says where the page is, once it is really there."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            typer.secho(f"\n  Ready. Open {self._url}\n", fg=typer.colors.GREEN, bold=True)


def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    verbose: Annotated[bool, typer.Option(help="Log in detail.")] = False,
) -> None:
    """Start the server and print the address of the page."""
    _logging(verbose)
    try:
        settings = load_settings()
    except ConfigError as e:
        raise _fail(str(e)) from e
    server = settings.server.model_copy(
        update={k: v for k, v in (("host", host), ("port", port)) if v is not None}
    )
    settings = settings.model_copy(update={"server": server})
    _check_port(server.host, server.port)
    serve(settings)


def serve(settings: Settings) -> None:
    """Run until told to stop; SIGTERM and Ctrl-C let running conversations end first."""
    from visavis.conversation.llm_server import LLMServerError
    from visavis.models import MissingModelError
    from visavis.replicas.errors import ReplicaError

    # Threads that wait must sleep, not spin: the models share the cores with the face. Read by
    # native libraries as they are loaded, and inherited by the language model's process.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except (ConfigError, MissingModelError, ReplicaError, LLMServerError) as e:
        raise _fail(str(e)) from e
    except KeyboardInterrupt:
        pass


async def _serve(settings: Settings) -> None:
    from visavis.api.app import create_app  # heavy: models and WebRTC

    app = create_app(settings)
    typer.echo("Loading the models …")
    await app.state.services.start()
    host = settings.server.host
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::") else host
    config = uvicorn.Config(
        app,
        host=host,
        port=settings.server.port,
        log_level="warning",
        # Requests are short; conversations are drained by the application itself.
        timeout_graceful_shutdown=5,
    )
    await _Server(config, f"http://{shown}:{settings.server.port}").serve()
