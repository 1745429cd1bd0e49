"""The dashboard as a web application: Streamlit's, whose pages say where their server is."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PAGES = "|".join(sorted(file.stem for file in (Path(__file__).parent / "app_pages").glob("[a-z]*.py")))
_HERE = (
    "<head><script>window.__streamlit={BACKEND_BASE_URL:location.origin"
    rf"+location.pathname.replace(/\/({_PAGES})?\/?$/,'')}}</script>"
).encode()
"""Whatever stands before the page's own name: a proxy may serve the dashboard below a path."""


class TellWhere:
    """Says in each page where its server is; else the browser looks below the path of the page first, and finds 404."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        headers = dict(scope.get("headers", ()))
        if scope.get("method") not in ("GET", "HEAD") or b"text/html" not in headers.get(b"accept", b""):
            await self._app(scope, receive, send)
            return
        start: Message = {}
        parts: list[bytes] = []

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message):
                start.update(message)
                return
            if not start:
                await send(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body", False):
                return
            body = b"".join(parts).replace(b"<head>", _HERE, 1)
            answered = MutableHeaders(raw=start["headers"])
            answered["content-length"] = str(len(body))
            # They are of the page as Streamlit has it.
            for name in ("etag", "last-modified"):
                del answered[name]
            await send(start)
            await send({"type": "http.response.body", "body": body})

        # What is compressed, or not sent as it is known, could not be added to.
        left = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
        asked = [(name, value) for name, value in scope["headers"] if name not in left]
        # Of what HEAD asks for, only the whole page tells the length; the server does not send it.
        await self._app({**scope, "method": "GET", "headers": asked}, receive, tell)


def _is_page(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")


app = st.App(Path(__file__).with_name("streamlit_app.py"), middleware=[Middleware(TellWhere)])
