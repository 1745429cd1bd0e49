"""`ratecard litellm keys`, against a real HTTP server that keeps keys as the proxy does."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine

from tests.metering.rate_card import apply_rows, plan_row, setting
from tests.metering.virtual_keys.key_server import MASTER_KEY, serving_keys
from tests.sync.command.conftest import Told

VARIABLE = "LITELLM_MASTER_KEY"
LITELLM = {"max_budget": "15", "budget_duration": "30d", "tpm_limit": None}


def test_keys_are_made_once_shown_once_and_deleted(told: Told, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_row("pro", limits={"tokens_per_month": 500_000}, litellm=LITELLM, monthly_nanos=10**9)
    with serving_keys() as keys:
        named = {"url": keys.address, "master_key_env": VARIABLE, "key_prefix": "shop"}
        apply_rows(engine, {"plan": [plan], "setting": [setting("litellm", named)]})
        for account in ("acme", "<zeta>"):
            assert told("subscription", "start", account, "pro")[0] == 0
        monkeypatch.delenv(VARIABLE, raising=False)
        unset = f"ratecard: the variable {VARIABLE}, which settings.litellm names, is not set\n"
        assert told("litellm", "keys") == (1, "", unset)

        monkeypatch.setenv(VARIABLE, MASTER_KEY)
        code, out, _ = told("litellm", "keys", "--dry-run")
        assert (code, out.splitlines()[-1]) == (0, "2 to create, 0 to change, 0 to delete, 0 as they should be")
        keys.serves = 1
        code, out, err = told("litellm", "keys")
        assert code == 1
        first, counts = out.splitlines()
        terms = "max_budget 15  budget_duration 30d  tpm_limit 11  rpm_limit null  models ("
        assert first.startswith(f"<zeta>: created  sk-0001  {terms}")
        assert counts == "1 created, 0 changed, 0 deleted, 0 as they should be"
        reason = "the LiteLLM proxy answered HTTP 500 to /key/generate: database lost"
        assert err == f"ratecard: acme: {reason}; the same command goes on from there\n"
        keys.serves = None
        code, out, err = told("litellm", "keys", "--format", "json")
        found = json.loads(out)
        (made,) = found.pop("changes")
        assert (code, err, found) == (0, "", {"format_version": 1, "dry_run": False, "unchanged": 1, "fault": None})
        assert (made["action"], made["account"], made["alias"]) == ("create", "acme", "shop-account-acme")
        assert (made["key"], made["fields"]["max_budget"], made["fields"]["tpm_limit"]) == ("sk-0002", "15", 11)
        last = "0 created, 0 changed, 0 deleted, 2 as they should be\n"
        assert told("litellm", "keys") == (0, last, "")

        assert told("subscription", "cancel", "acme", "--now")[0] == 0
        assert told("litellm", "keys")[1].splitlines()[0] == "shop-account-acme: deleted"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_without_a_proxy_there_is_nothing_to_match(told: Told) -> None:
    assert told("litellm", "keys") == (1, "", "ratecard: settings.litellm names no proxy\n")
