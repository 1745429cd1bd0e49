"""Findings and errors, as people and programs read them."""

from __future__ import annotations

import pytest

from schema import errors
from schema.errors import ConfigError, RatecardError
from schema.findings import Finding, Place, did_you_mean

FINDING = Finding("DUPLICATE_KEY", "'a' stands twice", Place("config/plans.yaml", 3, 5))


def test_a_finding_is_one_line():
    assert str(FINDING) == "config/plans.yaml:3:5: 'a' stands twice [DUPLICATE_KEY]"


def test_a_finding_as_json():
    assert FINDING.as_json() == {
        "code": "DUPLICATE_KEY",
        "message": "'a' stands twice",
        "file": "config/plans.yaml",
        "line": 3,
        "column": 5,
    }


def test_places_sort_as_people_read():
    places = [Place("b", 1, 1), Place("a", 10, 1), Place("a", 9, 2), Place("a", 9, 1)]
    assert sorted(places) == [Place("a", 9, 1), Place("a", 9, 2), Place("a", 10, 1), Place("b", 1, 1)]


@pytest.mark.parametrize(
    ("word", "hint"),
    [("inputs", "; did you mean 'input'?"), ("zebra", ""), ("", ""), ("ouput", "; did you mean 'output'?")],
)
def test_did_you_mean(word, hint):
    assert did_you_mean(word, ("input", "output")) == hint


def test_an_error_of_the_configuration_counts_and_shows_the_first():
    assert str(ConfigError([])) == "0 errors in the configuration"
    assert str(ConfigError([FINDING])) == f"1 error in the configuration: {FINDING}"
    error = ConfigError([FINDING, FINDING])
    assert str(error) == f"2 errors in the configuration: {FINDING}"
    assert error.findings == (FINDING, FINDING)


def test_every_error_has_a_code_of_its_own():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, RatecardError)]
    assert len({kind.code for kind in kinds}) == len(kinds)
