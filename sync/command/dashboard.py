"""Open the dashboard: analytics, and forms that write proposals into the git repository of the working directory.

It answers this machine only, unless Streamlit's secrets have an [auth] table to sign in with.
"""

from __future__ import annotations

import argparse

from sync.command import add_common


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser)
    parser.add_argument("--port", type=int, default=8501, help="where it listens (default: 8501)")
    parser.add_argument("--address", default="127.0.0.1", help="where it listens (default: 127.0.0.1)")


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    import json

    from schema.database import require_current
    from sync.context import database_url, opened
    from sync.serving import address_text, serve

    url = database_url(arguments, None)
    with opened(url) as engine:
        require_current(engine)
    address = address_text(arguments.port, arguments.address)
    print(json.dumps({"url": address}) if arguments.format == "json" else f"dashboard: {address}", flush=True)
    return serve(url, arguments.port, arguments.address)
