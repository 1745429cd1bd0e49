"""Serve the HTTP API: events, holds, routes, quotes, checks, usage, quotas, wallets and the catalogue, behind API keys.

Each minute it also does what time has made due (as `ratecard renew`), tells alerts (as `ratecard alerts send`) and
records what waits in a spool (as `ratecard meter drain`). It speaks plain HTTP: what other machines are to reach
belongs behind a proxy with TLS.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sync.command import add_common

if TYPE_CHECKING:
    from socket import socket


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser)
    parser.add_argument(
        "--port", type=_count, default=8080, help="where it listens; 0 takes a free one (default: 8080)"
    )
    parser.add_argument("--address", default="127.0.0.1", help="where it listens (default: 127.0.0.1)")
    parser.add_argument(
        "--requests-per-minute",
        type=_count,
        default=6_000,
        metavar="N",
        help="what one key may ask, in this process; 0 for any number (default: 6000)",
    )
    parser.add_argument("--no-sweep", action="store_true", help="only answer: renew no accounts, tell no alerts")
    parser.add_argument(
        "--book-file",
        metavar="FILE",
        help="where the rate book is kept for a start without database; beside it, in FILE.keys, hashes of known keys",
    )
    parser.add_argument(
        "--spool",
        metavar="DIR",
        help="where calls are kept while the database is away (default: the variable RATECARD_SPOOL)",
    )
    parser.add_argument("--openapi", action="store_true", help="print the OpenAPI document, and serve nothing")


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT, which let running requests come to their end."""
    if arguments.openapi:
        from metering.api.document import document_text

        print(document_text(), end="")
        return 0
    from metering.api.app import SWEEP_SECONDS, Options
    from metering.api.server import serve
    from metering.meter import BOOK_FILE_VARIABLE, Meter
    from sync.context import database_url
    from sync.serving import address_text

    book_file = arguments.book_file or os.environ.get(BOOK_FILE_VARIABLE)
    options = Options(
        requests_per_minute=arguments.requests_per_minute,
        sweep_seconds=0 if arguments.no_sweep else SWEEP_SECONDS,
        keys_file=Path(f"{book_file}.keys") if book_file else None,
    )
    with (
        Meter.open(
            database_url(arguments, None), book_file=book_file, spool=arguments.spool, name="ratecard serve"
        ) as meter,
        _listen(arguments.address, arguments.port) as listening,
    ):
        url = address_text(listening.getsockname()[1], arguments.address)

        def tell() -> None:
            print(json.dumps({"url": url}) if arguments.format == "json" else f"api: {url}", flush=True)

        serve(meter, listening, options, tell)
    return 0


def _listen(address: str, port: int) -> socket:
    from metering.api.server import listen
    from sync.errors import RefusedError

    try:
        return listen(address, port)
    except (OSError, OverflowError):
        raise RefusedError("PORT", f"port {port} of {address} cannot be used; name another with --port") from None


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 7:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number")
    return int(text)
