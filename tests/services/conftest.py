from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.bench import Counter, Headquarters, copied, enrolled, opened


@pytest.fixture(scope="session")
def headquarters() -> Headquarters:
    return Headquarters()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, headquarters: Headquarters) -> Path:
    """An enrolled station's folder, to be copied: keys are made once."""
    return enrolled(tmp_path_factory.mktemp("template") / "station", headquarters)


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return copied(template, tmp_path / "station")


@pytest.fixture
def closed(folder: Path, headquarters: Headquarters) -> Iterator[Counter]:
    """The station, nobody inside."""
    with opened(folder, headquarters) as counter:
        yield counter


@pytest.fixture
def counter(closed: Counter) -> Counter:
    """The station, an officer inside."""
    closed.enter()
    return closed
