"""The processes of the server: one, or several that share a port, under uvicorn."""

import asyncio
import functools
import ipaddress
import os
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from undin.serve.app import create
from undin.serve.house import Settings
from undin.serve.ledger import Ledger
from undin.serve.websocket import VoiceProtocol

HEADER_BYTES = 2**14


def serve(settings: Settings, *, host: str, port: int, certificate: str | None = None, key: str | None = None) -> None:
    """Serve until SIGTERM or SIGINT; what has begun may come to its end then, for `drain_seconds`.

    Parameters
    ----------
    settings : Settings
    host, port
        Where it listens; port 0 takes one that is free.
    certificate, key : str, optional
        PEM files, for TLS.

    Raises
    ------
    ValueError
        It would listen to other machines, and nobody needs a token.
    OSError
        The address cannot be listened at.
    """
    if not settings.tokens and not is_loopback(host):
        raise ValueError(f"without a token undin listens on loopback alone, and {host} is not: give --token-file")
    app = functools.partial(create, settings, Ledger(settings.workers))
    config = uvicorn.Config(
        app,
        factory=True,
        host=host,
        port=port,
        workers=settings.workers,
        http=TimedProtocol,
        ws=VoiceProtocol,
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_graceful_shutdown=int(settings.limits.drain_seconds) + 1,
        timeout_keep_alive=int(settings.limits.header_seconds),
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    config.header_seconds = settings.limits.header_seconds
    config.most_connections = settings.limits.connections
    listening = _listen(host, port)
    scheme = "https" if certificate else "http"
    name, at = listening.getsockname()[:2]
    print(f"undin serves at {scheme}://{f'[{name}]' if ':' in name else name}:{at}/", flush=True)
    if settings.workers > 1:
        _Workers(config, sockets=[listening]).run()
    else:
        uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # on Windows another program could take the address away
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, error.strerror, f"{host}:{port}") from None
    listening.set_inheritable(True)
    return listening


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Workers(Multiprocess):
    """Several processes; when they are to end, their parent must not go on listening, where nobody would answer."""

    def terminate_all(self) -> None:
        for listening in self.sockets:
            listening.close()
        super().terminate_all()


class TimedProtocol(H11Protocol):
    """HTTP of uvicorn, which else waits for a request for ever, and takes any number of connections."""

    def __init__(self, config: uvicorn.Config, server_state: Any, app_state: dict[str, Any], _loop: Any = None):
        super().__init__(config, server_state, app_state | {"connection": self}, _loop)

    def cut(self) -> None:
        """End it at once, with what is not sent."""
        self.transport.abort()

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        super().connection_made(transport)
        self._timer = asyncio.get_running_loop().call_later(self.config.header_seconds, self._late)
        if len(self.connections) > self.config.most_connections:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._timer.cancel()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: Any) -> None:
        """From here on it is a voice's."""
        self._timer.cancel()
        super().handle_websocket_upgrade(event)

    def _late(self) -> None:
        if self.cycle is None and self.scope is None:
            self.transport.close()
