"""The technician's page shows what the commands say: every fault that was tried, and real codes."""

from __future__ import annotations

import re

import pytest

from tests import technician
from tests.technician import FAULTS, PAGE
from tests.test_codes import troubles


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.title)
def test_every_fault_has_its_section_with_its_code_and_todays_words(
    fault: technician.Fault,
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    section = page.split(f"## {fault.title}\n")[1].split("\n## ")[0]
    assert fault.told in section
    if fault.code:
        known = {kind.code: kind for kind in troubles()}[fault.code]
        assert known.advice in section
        assert f"{fault.code}  " in section


def test_every_code_on_the_page_exists() -> None:
    named = set(re.findall(r"\b[A-Z]{2,4}-\d\d\b", PAGE.read_text(encoding="utf-8")))
    assert named
    assert named <= {kind.code for kind in troubles()} | {"HQ-00"}
