from __future__ import annotations

import pytest

from schema.secrets import conceal, find_secrets

# Put together here so that no scanner of secrets takes this file for a leak.
KEYS = [
    "sk_" + "test_4eC39HqLyjWDarjt",
    "whsec_" + "2f9Qxk18MdwLz",
    "sk-" + "ant-api03-abcdefghijklmnop",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "xoxb-" + "17653672481-19874698323",
    "glpat-" + "a1B2c3D4e5F6g7H8i9J0",
    "-----BEGIN RSA " + "PRIVATE KEY-----",
]


@pytest.mark.parametrize("key", KEYS)
def test_keys_are_found_where_they_begin(key: str) -> None:
    assert list(find_secrets(f"a: 1\nb: '{key}'\n")) == [9]
    assert key[6:] not in conceal(key)


@pytest.mark.parametrize(
    "text",
    [
        "secret_env: STRIPE_SECRET_KEY_2",
        "webhook_secret_env: STRIPE_WEBHOOK_SECRET_2026_LIVE",
        "tokens_per_month: 50000000000000000000",
        "token_name: a-perfectly-normal-long-name",
        "task-skill_extraction: risk-assessment-of-everything",
        "password: short1",
        "claude-haiku-4-5-20251001-v1:0: {}",
    ],
)
def test_names_and_numbers_are_not_keys(text: str) -> None:
    assert list(find_secrets(text)) == []


def test_random_value_under_a_telling_name_is_found() -> None:
    text = "api_key: k7Jd92hfLq01mZx84TgBw"
    assert [text[offset:] for offset in find_secrets(text)] == ["k7Jd92hfLq01mZx84TgBw"]


def test_long_values_are_shortened() -> None:
    assert conceal("x" * 61) == f"'{'x' * 60}…'"
    assert conceal("x" * 60) == f"'{'x' * 60}'"
