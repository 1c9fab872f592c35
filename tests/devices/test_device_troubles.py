"""Every device trouble has a code of its own and words an officer can act on."""

from __future__ import annotations

import re

import pytest

from migramovil.core.trouble import Trouble
from migramovil.devices import trouble as troubles

KINDS = [
    kind
    for kind in vars(troubles).values()
    if isinstance(kind, type) and issubclass(kind, troubles.DeviceTrouble)
]


def test_no_two_causes_share_a_code() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(codes) == len(set(codes))
    assert all("code" in vars(kind) for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_a_trouble_says_what_happened_and_what_to_do_in_the_stations_words(
    kind: type[Trouble],
) -> None:
    assert re.fullmatch(r"(DEV|FPR|CAM|PRN|MRZ|GNS)-\d\d", kind.code)
    assert kind.what != Trouble.what
    for words in (kind.what, kind.advice):
        assert words.endswith(".")
        assert not re.search(r"!|\berror\b|\bpor favor\b", words, re.IGNORECASE)
        assert len(words) <= 120
