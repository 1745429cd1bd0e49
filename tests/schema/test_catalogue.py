from __future__ import annotations

from decimal import Decimal

from schema.catalogue import KEPT_BYTES, Catalogue, load_catalogue
from schema.findings import Finding, Place
from schema.keys import Key
from tests.small_config import SMALL_CONFIG


def load(files: dict[str, str], folder: str = "config") -> tuple[Catalogue, list[Finding]]:
    return load_catalogue({path: text.encode() for path, text in files.items()}, folder)


def test_entities_are_named_and_know_their_place() -> None:
    catalogue, findings = load(SMALL_CONFIG)
    assert findings == []
    price = catalogue.of("price")["anthropic/claude-haiku-4-5@2026-01-01"]
    assert price.key == Key("price", "anthropic/claude-haiku-4-5@2026-01-01")
    assert price.document.per_million["output"] == Decimal("5.00")
    assert price.place("per_million", "output") == Place("config/pricing/anthropic.yaml", 9, 17)
    assert price.place("margin", key=True) == Place("config/pricing/anthropic.yaml", 12, 7)
    assert catalogue.of("model")["openai/gpt-4o"].place(key=True) == Place("config/registry/openai.yaml", 4, 3)
    assert sorted(catalogue.of("route")) == [
        "anthropic/_default",
        "anthropic/chat_response",
        "anthropic/extraction",
        "openai/_default",
    ]
    assert catalogue.of("setting")["signup_grant_credits"].document == 1000


def test_kind_is_found_by_folder_or_name_at_any_depth_and_the_rest_is_left() -> None:
    catalogue, findings = load(
        {
            "registry/eu/west/one.yml": "provider: one\nmodels: {}\n",
            "tasks.YAML": "tasks: {a: {}}\n",
            "README.md": "# not read",
            ".hidden.yaml": "not: read",
            "registry/.backup/old.yaml": "not: read",
        }
    )
    assert findings == []
    assert list(catalogue.of("provider")) == ["one"]
    assert list(catalogue.of("task")) == ["a"]


def test_several_files_may_hold_one_provider() -> None:
    catalogue, findings = load(
        {
            "registry/a.yaml": "provider: p\nmodels: {m: {display_name: M, type: llm}}\n",
            "registry/b.yaml": "provider: p\ndisplay_name: The P\nmodels: {n: {display_name: N, type: llm}}\n",
        }
    )
    assert findings == []
    assert sorted(catalogue.of("model")) == ["p/m", "p/n"]
    assert catalogue.of("provider")["p"].document.display_name == "The P"


def test_two_names_of_one_provider_are_a_duplicate() -> None:
    _, findings = load(
        {
            "registry/a.yaml": "provider: p\ndisplay_name: P\n",
            "registry/b.yaml": "provider: p\ndisplay_name: Q\n",
        },
        "c",
    )
    assert [str(finding) for finding in findings] == [
        "c/registry/b.yaml:2:15: provider p is called 'Q' here and 'P' at c/registry/a.yaml:2:15 [DUPLICATE_ENTRY]"
    ]


def test_faulty_part_is_left_out_and_the_rest_kept() -> None:
    catalogue, findings = load(
        {"plans.yaml": "plans:\n  free: {name: Free, price: {monthly: 0}}\n  pro: {name: Pro, price: lots}\n"}
    )
    assert [str(finding) for finding in findings] == [
        "config/plans.yaml:3:27: 'price' must be a mapping or 'custom', not 'lots' [BAD_VALUE]"
    ]
    assert list(catalogue.of("plan")) == ["free"]
    assert catalogue.may_exist("plan", "pro")
    assert not catalogue.may_exist("plan", "team")
    assert not catalogue.complete("plan")
    assert catalogue.complete("model")


def test_file_that_cannot_be_read_makes_its_provider_doubtful_only() -> None:
    catalogue, _ = load(
        {"registry/p.yaml": "provider: p\nmodels: {}\nmodles: {}\n", "registry/q.yaml": "provider: q\n"}
    )
    assert catalogue.may_exist("model", "p/anything")
    assert not catalogue.may_exist("model", "q/anything")


def test_extra_settings_are_typed_as_yaml_types_them() -> None:
    text = "extra:\n  flag: true\n  count: 3\n  share: 0.10\n  nothing:\n  quoted: '3'\n  list: [1, no]\n"
    catalogue, findings = load({"settings.yaml": text})
    assert findings == []
    assert {name: entity.document for name, entity in catalogue.of("setting").items()} == {
        "extra.flag": True,
        "extra.count": 3,
        "extra.share": Decimal("0.10"),
        "extra.nothing": None,
        "extra.quoted": "3",
        "extra.list": [1, "no"],
    }


def test_run_units_and_people_are_entities() -> None:
    catalogue, findings = load(
        {
            "run_units.yaml": "minimum: 0.01\ntiers: {heavy: 1.5}\noverheads: {default: 0.1}\n",
            "access.yaml": "admins: [Owner@Example.com]\n",
        }
    )
    assert findings == []
    assert {name: str(entity.document) for name, entity in catalogue.of("run_unit").items()} == {
        "minimum": "0.01",
        "tier/heavy": "1.5",
        "tool/default": "0.1",
    }
    assert catalogue.of("access")["owner@example.com"].document == "admin"


def test_document_of_another_shape_is_told_without_a_traceback() -> None:
    for text in ("- a\n", "plain\n", "3\n", "null\n", "{}\n", "[[]]\n", "? [a]\n: b\n", "provider: [x]\n", "a: *b\n"):
        _, findings = load({"registry/x.yaml": text, "settings.yaml": text})
        assert findings, text
        assert all(finding.place.file.startswith("config/") for finding in findings)


def test_files_that_stay_as_they_are_are_read_once() -> None:
    before = {path: text.encode() for path, text in SMALL_CONFIG.items()}
    first, _ = load_catalogue(before)
    after = before | {"tasks.yaml": before["tasks.yaml"] + b"  another: {}\n"}
    second, findings = load_catalogue(after)
    again = {file for file, source in second.sources.items() if source is first.sources[file]}
    assert again == second.sources.keys() - {"config/tasks.yaml"}
    assert findings == []
    assert second.of("task").keys() - first.of("task").keys() == {"another"}


def test_large_files_are_not_kept_in_memory() -> None:
    large = {"tasks.yaml": b"tasks: {only: {}}\n" + b"#" * KEPT_BYTES}
    first, second = load_catalogue(large)[0], load_catalogue(large)[0]
    assert first.sources["config/tasks.yaml"] is not second.sources["config/tasks.yaml"]
    assert first.of("task").keys() == second.of("task").keys() == {"only"}
