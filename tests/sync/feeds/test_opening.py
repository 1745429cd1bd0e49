from __future__ import annotations

import json

import pytest

from sync.errors import SyncError, UsageError
from sync.feeds.opening import MAX_BYTES, read_feed

LITELLM = {"gpt-4o": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2.5e-06}}
GENAI_PRICES = [{"id": "openai", "models": [{"id": "gpt-4o", "prices": {"input_mtok": 2.5}}]}]


@pytest.mark.parametrize("document", [LITELLM, GENAI_PRICES])
def test_the_form_of_a_file_tells_what_it_is(tmp_path, document):
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    feed = read_feed(str(path))
    assert (feed.title, feed.url) == ("prices.json", "")
    assert [(model.key, str(model.prices[0].rates["input"])) for model in feed.models] == [("openai/gpt-4o", "2.5")]


def test_numbers_are_read_from_their_text(tmp_path):
    path = tmp_path / "prices.json"
    path.write_text('[{"id": "x", "models": [{"id": "m", "prices": {"input_mtok": 0.123456, "output_mtok": 1e-1}}]}]')
    (model,) = read_feed(str(path)).models
    assert {unit: str(rate) for unit, rate in model.prices[0].rates.items()} == {"input": "0.123456", "output": "0.1"}


def test_installed_lists_have_names():
    assert read_feed("genai-prices").title.startswith("genai-prices 0.")
    assert read_feed("litellm").title.startswith("litellm 1.")


def test_what_is_no_list_and_no_file_is_wrong_usage():
    with pytest.raises(UsageError) as caught:
        read_feed("openai-prices")
    assert str(caught.value) == "--from: 'openai-prices' is neither genai-prices nor litellm nor a file"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "{path}:1:1: not JSON: Expecting value"),
        (b'{"a": 1,\n "b" 2}', "{path}:2:6: not JSON: Expecting ':' delimiter"),
        (b"provider: openai\n", "{path}:1:1: not JSON: Expecting value"),
        (b'"\xff"', "{path} is not UTF-8: byte 2 cannot be read"),
        (b"[" * 100_000, "{path} is nested too deeply"),
        (b"{}", "{path} is no list of prices that is known here"),
        (b"[1, 2]", "{path} is no list of prices that is known here"),
        (b'{"models": {"gpt-4o": 2.5}}', "{path} is no list of prices that is known here"),
        (b"3", "{path} is no list of prices that is known here"),
    ],
)
def test_files_that_cannot_be_read_say_why(tmp_path, content, message):
    path = tmp_path / "prices.json"
    path.write_bytes(content)
    with pytest.raises(SyncError) as caught:
        read_feed(str(path))
    assert str(caught.value).startswith(message.format(path=path))


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "prices.json"
    with path.open("wb") as opened:
        opened.truncate(MAX_BYTES + 1)
    with pytest.raises(SyncError, match="a list of prices has at most"):
        read_feed(str(path))


def test_numbers_that_are_none_have_a_reason(tmp_path):
    path = tmp_path / "prices.json"
    path.write_text('{"m": {"litellm_provider": "openai", "input_cost_per_token": NaN, "output_cost_per_token": 1e99}}')
    (model,) = read_feed(str(path)).models
    assert [reason.code for reason in model.reasons] == ["BAD_NUMBER", "BAD_NUMBER"]
