"""Open the socket that the server listens on."""

from __future__ import annotations

import errno
import secrets
import socket
from dataclasses import dataclass

from classify_anything.errors import AddressError
from classify_anything.settings import LOCAL_HOSTS

_LAST_PORT = 65535
_TRIED_PORTS = 100


@dataclass(frozen=True, slots=True)
class Address:
    """An open socket, the page's address, and the required token."""

    socket: socket.socket
    url: str
    token: str | None


class PortTakenError(AddressError):
    """Another program uses the port; ``free`` is the next free one."""

    def __init__(self, port: int, free: int | None) -> None:
        hint = f" {free} is free: --port {free}" if free else ""
        super().__init__(f"Port {port} is taken by another program.{hint}")
        self.port = port
        self.free = free


def listen(host: str, port: int, token: str | None = None) -> Address:
    """Open the socket, with a token unless the host is local.

    Raises:
        PortTakenError: another program uses the port.
        AddressError: the host is not an address of this machine, or the port is not allowed.
    """
    if not 0 <= port <= _LAST_PORT:
        raise AddressError(f"Port {port}: ports go from 0 to {_LAST_PORT}.")
    try:
        opened = _bind(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(port, _free_port(host, port + 1)) from error
        raise AddressError(f"Cannot listen on {host}, port {port}: {error.strerror}.") from error
    port = opened.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    if host in LOCAL_HOSTS:
        return Address(opened, f"http://{shown}:{port}/", None)
    token = token or secrets.token_urlsafe(16)
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        shown = socket.gethostname()
    return Address(opened, f"http://{shown}:{port}/?token={token}", token)


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(place)
        opened.listen(128)
    except BaseException:
        opened.close()
        raise
    return opened


def _free_port(host: str, start: int) -> int | None:
    for port in range(start, min(start + _TRIED_PORTS, _LAST_PORT + 1)):
        try:
            _bind(host, port).close()
        except OSError:
            continue
        return port
    return None
