"""The sessions of one server: admission, draining, freeing."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator

from loguru import logger
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection

from visavis.conversation.services import Services
from visavis.conversation.session import Session


class ServerFullError(Exception):
    """All seats are taken; the person may try again later."""


class DrainingError(Exception):
    """The server is shutting down and takes no new conversations."""


class Sessions:
    """Holds the running conversations and admits new ones."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._running: dict[str, Session] = {}
        self._draining = False
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._running)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._running.values()))

    def find(self, pc_id: str) -> Session | None:
        """The conversation on the connection of this name."""
        return next((s for s in self if s.connection.pc_id == pc_id), None)

    @property
    def limit(self) -> int:
        """Conversations that may run at once."""
        return self._services.settings.server.max_sessions

    def check_room(self) -> None:
        """Raise if a new conversation cannot begin.

        Raises:
            DrainingError: the server is ending.
            ServerFullError: `max_sessions` conversations are running.
        """
        if self._draining:
            raise DrainingError("The server is shutting down.")
        if len(self._running) >= self.limit:
            raise ServerFullError("All conversations are taken at the moment.")

    def open(self, connection: SmallWebRTCConnection, *, in_browser: bool = False) -> Session:
        """Begin a conversation on an answered connection."""
        self.check_room()
        session = Session(
            secrets.token_hex(8), connection, self._services, self._ended, in_browser=in_browser
        )
        self._running[session.id] = session
        self._empty.clear()
        session.start()
        return session

    def _ended(self, session: Session) -> None:
        self._running.pop(session.id, None)
        if not self._running:
            self._empty.set()

    async def drain(self, patience: float) -> None:
        """Take nobody new; give running conversations `patience` seconds, then end them."""
        self._draining = True
        if self._running:
            logger.info("Waiting up to {:.0f} s for {} conversation(s)", patience, len(self))
        try:
            await asyncio.wait_for(self._empty.wait(), patience)
        except TimeoutError:
            await asyncio.gather(*(s.end("drain") for s in self), return_exceptions=True)
