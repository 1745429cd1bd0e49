"""What the server adds to Streamlit's answers: pages say where their server is, and all else is as it was."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.responses import HTMLResponse, Response
from starlette.types import Message

from dashboard.server import TellWhere

PAGE = "<!DOCTYPE html><html><head><title>Streamlit</title></head></html>"


def answer(response: Response, accept: str, method: str = "GET") -> tuple[dict[str, str], bytes, dict[str, str]]:
    """Headers and body of an answer to a browser, and the headers that were asked with behind."""
    sent: list[Message] = []
    asked: dict[str, str] = {}

    async def behind(scope, receive, send):
        asked.update({name.decode(): value.decode() for name, value in scope["headers"]})
        # As servers of files answer: with the length of what they do not send.
        await response(
            scope, receive, send if scope["method"] == "GET" else lambda message: send({**message, "body": b""})
        )

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request"}

    headers = [(b"accept", accept.encode()), (b"accept-encoding", b"gzip"), (b"if-none-match", b'"1"')]
    scope = {"type": "http", "method": method, "path": "/usage", "headers": headers}
    # Playwright has a loop of its own in this thread.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(TellWhere(behind)(scope, receive, send))).result()
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return found, b"".join(message.get("body", b"") for message in sent[1:]), asked


def test_a_page_says_where_its_server_is() -> None:
    headers, body, asked = answer(HTMLResponse(PAGE, headers={"etag": '"1"'}), "text/html,*/*;q=0.8")
    assert body.startswith(b"<!DOCTYPE html><html><head><script>window.__streamlit={BACKEND_BASE_URL:location.origin")
    assert body.endswith(b"</script><title>Streamlit</title></head></html>")
    assert b"|profit|" in body
    assert headers["content-length"] == str(len(body))
    assert "etag" not in headers
    assert asked == {"accept": "text/html,*/*;q=0.8"}


def test_the_head_of_a_page_is_that_of_the_page() -> None:
    page, head = (answer(HTMLResponse(PAGE), "text/html", method)[0] for method in ("GET", "HEAD"))
    assert head == page
    assert int(head["content-length"]) > len(PAGE)


@pytest.mark.parametrize("accept", ["text/html,*/*;q=0.8", "*/*"])
def test_a_file_that_is_no_page_is_left_as_it_is(accept: str) -> None:
    file = Response(PAGE, media_type="text/csv", headers={"etag": '"1"'})
    headers, body, _ = answer(file, accept)
    assert body == PAGE.encode()
    assert headers["etag"] == '"1"'
    assert headers["content-length"] == str(len(PAGE))


def test_what_is_no_page_may_be_compressed_and_known() -> None:
    _, _, asked = answer(Response("{}", media_type="application/json"), "*/*")
    assert asked == {"accept": "*/*", "accept-encoding": "gzip", "if-none-match": '"1"'}
