"""The sockets of an HTTP session, known, so that their end can be waited for.

aiohttp ends TLS in the background: a request that was given up leaves a connection behind that takes its leave of the
server after the session was closed. Where the event loop ends before that, nobody closes the socket.
"""

from __future__ import annotations

import asyncio
import socket
import weakref

from aiohttp import AddrInfoType

LOOKS, LOOK_S = 400, 0.005
"""A server that does not answer a farewell within 2 s is not waited for any longer."""


class Sockets:
    """Makes a session's sockets: `TCPConnector(socket_factory=sockets.make)`."""

    def __init__(self) -> None:
        self._made: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def make(self, address: AddrInfoType) -> socket.socket:
        """Return a socket for an address as `getaddrinfo` gives it."""
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        self._made.add(made)
        return made

    async def closed(self) -> None:
        """Wait, after the session was closed, until the last one is."""
        for _ in range(LOOKS):
            if all(one.fileno() < 0 for one in self._made):
                return
            await asyncio.sleep(LOOK_S)
