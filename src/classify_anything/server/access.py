"""Access control for the server.

The page shows what a camera sees, so a page on another site must not reach it through a visitor's
own browser: not by fetch, not by WebSocket, not by pointing its own name at 127.0.0.1 (DNS
rebinding). Hence:

* on this machine, the Host header must name this machine;
* an Origin header, where there is one, must be the page's own;
* a browser that says (``Sec-Fetch-Site``) that another site asks is refused the API;
* on any other address, every request needs the token, in a cookie, a header or the page's address.
"""

from __future__ import annotations

import hmac
import re
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classify_anything.errors import AccessError, ClassifyAnythingError, TooLargeError
from classify_anything.images import MAX_BYTES
from classify_anything.server.messages import ErrorReply
from classify_anything.settings import LOCAL_HOSTS

COOKIE = "classify_anything_token"
MAX_BODY = MAX_BYTES
MAX_UPLOAD = 64 * 2**30
"""Limit for an imported file, such as a zip or a video, which is streamed to disk."""

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
        "img-src 'self' blob: data:; media-src 'self' blob:; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """ASGI middleware that rejects foreign requests and adds security headers to every answer.

    Args:
        app: the application behind it.
        token: without one, only this machine's own names are served.
    """

    def __init__(self, app: ASGIApp, token: str | None = None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        try:
            self._check(scope, headers)
        except ClassifyAnythingError as error:
            await _refuse(error, scope, receive, send_secured)
            return
        if self._token and self._in_address(scope):
            response = _keep_token(scope, self._token)
            await response(scope, receive, send_secured)
            return
        await self._app(scope, receive, send_secured)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if self._token is None and not _is_local(host):
            raise AccessError(f"Host {host!r} is not allowed.")
        origin = headers.get("origin")
        if origin is not None and _host_of(origin) != host:
            raise AccessError(f"A page from {origin} may not use this server.")
        if scope["path"] != "/" and headers.get("sec-fetch-site", "none") not in (
            "same-origin",
            "none",
        ):
            raise AccessError("A page from another site may not use this server.")
        if self._token and not (self._in_address(scope) or _has_token(headers, self._token)):
            raise AccessError("Open the address with the token that the terminal has printed.")
        if scope["type"] == "http" and "transfer-encoding" in headers:
            raise TooLargeError("Send the length of the body (Content-Length).")
        limit = MAX_UPLOAD if scope["path"].startswith("/api/imports/") else MAX_BODY
        if int(headers.get("content-length", "0")) > limit:
            raise TooLargeError(f"At most {limit // 2**20} MB can be sent at once.")

    def _in_address(self, scope: Scope) -> bool:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return scope["type"] == "http" and scope["path"] == "/" and _same(given, self._token or "")


def _host_of(origin: str) -> str | None:
    """Return the host and port of an origin; None if the origin is malformed."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _is_local(host: str) -> bool:
    """Return whether this is a name of this machine; a tunnel may change the port."""
    found = re.fullmatch(r"\[?([\w.:-]+?)\]?(:\d+)?", host)
    return found is not None and found[1] in LOCAL_HOSTS


def _has_token(headers: Headers, token: str) -> bool:
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and _same(bearer, token):
        return True
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(_cookie(headers))
    except CookieError:
        return False
    return cookie is not None and _same(cookie.value, token)


def _cookie(headers: Headers) -> str:
    """Return the name of the token's cookie: browsers send cookies to every port of a host."""
    port = re.search(r":(\d+)$", headers.get("host", ""))
    return f"{COOKIE}_{port[1]}" if port else COOKIE


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _keep_token(scope: Scope, token: str) -> Response:
    """Move the token from the address into a cookie, out of sight."""
    response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    secure = scope["scheme"] == "https"
    name = _cookie(Headers(scope=scope))
    response.set_cookie(name, token, httponly=True, samesite="strict", secure=secure)
    return response


async def _refuse(error: ClassifyAnythingError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": str(error)})
        return
    status = HTTPStatus.FORBIDDEN
    if isinstance(error, TooLargeError):
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    reply = ErrorReply.of(error.code, str(error))
    await JSONResponse(reply.model_dump(), status)(scope, receive, send)
