"""The threat model names only what exists."""

from __future__ import annotations

import re
from pathlib import Path

HOME = Path(__file__).parent.parent


def test_every_file_that_answers_a_threat_is_there() -> None:
    words = (HOME / "docs" / "threat-model.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:tests|migramovil|docs)/[\w./-]+)`", words))
    assert len(named) > 20
    assert sorted(name for name in named if not (HOME / name).exists()) == []
