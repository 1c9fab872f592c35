from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.bench import Disk, new_disk


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return new_disk(tmp_path / "station")
