"""No bytes from a device can do more than raise a device's trouble."""

from __future__ import annotations

import pytest

from tests import fuzz
from tests.fuzz import TARGETS, Target


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_broken_message_is_a_trouble_and_nothing_worse(target: Target) -> None:
    assert fuzz.hunt(target, 150).findings == ()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_good_messages_are_understood(target: Target) -> None:
    for seed in target.seeds:
        target.run(seed)


def test_a_parser_that_falls_is_found_and_its_message_can_be_made_again() -> None:
    def fragile(data: bytes) -> None:
        if len(data) > 4:
            raise IndexError

    target = Target(name="fragile", run=fragile, seeds=(b"abcd",))
    findings = fuzz.hunt(target, 100).findings
    assert findings
    assert all(what.startswith("IndexError") for _, what in findings)
    assert all(len(fuzz.message(target, number)) > 4 for number, _ in findings)


def test_parsers_have_names_of_their_own() -> None:
    assert len({target.name for target in TARGETS}) == len(TARGETS)
