"""The OpenAPI document: what is committed is what is served, and what is served keeps to it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from metering.api.document import document, document_text
from metering.errors import (
    AccountSuspendedError,
    EventConflictError,
    InsufficientBalanceError,
    MeteringError,
    NoRouteError,
    QuotaExceededError,
    UnknownAccountError,
)
from tests.metering.api.conftest import Api

DOCS = Path(__file__).parents[3] / "docs"
SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
REFUSING = {"/v1/holds", "/v1/quote", "/v1/route"}
"""What answers 503 for a model that is not registered or not priced, by contract; nothing else may answer 5xx."""

CODES = (
    "UNAUTHENTICATED",
    "FORBIDDEN",
    "NOT_FOUND",
    "RATE_LIMITED",
    "TOO_LARGE",
    "NOT_JSON",
    "BAD_JSON",
    "BAD_REQUEST",
    "METHOD_NOT_ALLOWED",
    "INTERNAL",
    "UNREGISTERED_MODEL",
    "NO_PRICING_CONFIG",
    "NO_ROUTE",
    "METERING_UNAVAILABLE",
    "INSUFFICIENT_BALANCE",
    "MODEL_NOT_IN_PLAN",
    "ACCOUNT_SUSPENDED",
    "UNKNOWN_ACCOUNT",
    "UNKNOWN_HOLD",
    "EVENT_CONFLICT",
    "UNKNOWN_UNIT",
    "BAD_EVENT",
    "QUOTA_EXCEEDED",
    "BAD_KEY",
)
"""What an answer may carry."""


def test_the_committed_document_is_current() -> None:
    committed = (DOCS / "openapi.json").read_text(encoding="utf-8")
    assert committed == document_text(), "write it again: ratecard serve --openapi > docs/openapi.json"


def test_the_running_api_serves_it(lite: Api) -> None:
    assert lite.get("/openapi.json", key=None).json == json.loads(document_text())


def test_every_error_that_is_documented_has_the_one_form() -> None:
    for path, found in document()["paths"].items():
        for method, told in found.items():
            for status, answer in told["responses"].items():
                if int(status) >= 400:
                    schema = answer["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}, (method, path, status)


def test_statuses_are_those_of_the_runtime() -> None:
    expected: dict[type[MeteringError], int] = {
        NoRouteError: 503,
        InsufficientBalanceError: 402,
        AccountSuspendedError: 403,
        UnknownAccountError: 404,
        EventConflictError: 409,
        QuotaExceededError: 429,
    }
    assert {error: error.status for error in expected} == expected


def test_the_page_names_every_operation_and_code() -> None:
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    for path, found in document()["paths"].items():
        for method in found:
            assert re.search(rf"`{method.upper()} {re.escape(path)}[`?]", page), f"{method.upper()} {path}"
    for code in CODES:
        assert f"`{code}`" in page, code


@pytest.mark.parametrize(
    ("backend", "key", "paths"),
    [
        # PostgreSQL is the one that minds more: zero characters, numbers beyond its range.
        ("postgresql", "meter", "^/v1/(?!admin)|^/health|^/ready|^/widget"),
        ("sqlite", "admin", "^/v1/admin|^/metrics"),
    ],
)
def test_schemathesis_finds_neither_a_crash_nor_a_breach(api: Api, tmp_path: Path, key: str, paths: str) -> None:
    api.meter.wallets.grant("acct-1", "purchase", key="money", usd="1000")
    # Whether a model exists, or an id is free, is no question of a schema: what is valid by it may be refused.
    (tmp_path / "schemathesis.toml").write_text(
        'phases.coverage.unexpected-methods = ["PUT"]\n'
        "[checks]\n"
        "positive_data_acceptance.enabled = false\n"
        'not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]\n'
    )
    command = [str(SCHEMATHESIS), "run", f"{api.url}/openapi.json", "--no-color", "--include-path-regex", paths]
    command += ["--phases", "examples,coverage,fuzzing", "--max-examples", "5"]
    command += ["--seed", "1", "--generation-deterministic", "--header", f"Authorization: Bearer {api.keys[key]}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-6_000:]
    generated = re.search(r"([0-9]+) generated", done.stdout)
    assert generated is not None
    assert int(generated.group(1)) > 100
    failed = re.findall(r'route="([^"]+)",status="5[0-9]{2}"', api.get("/metrics", key="admin").text)
    assert set(failed) <= REFUSING
