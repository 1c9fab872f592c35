"""Whatever happens on the way: every record once at headquarters, and nothing left behind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from migramovil.core import canonical, sealing
from migramovil.core.record import check_receipt
from tests.headquarters.rig import Place, Station
from tests.sync.storm import World

ACTS = 350


@pytest.mark.parametrize("seed", range(3))
def test_in_any_weather_every_record_arrives_exactly_once(seed: int, tmp_path: Path) -> None:
    place = Place(tmp_path / "hq").init()
    with place.serving():
        station = Station(place).enroll()
    world = World(place, station, seed)
    for _ in range(ACTS):
        world.act()
    world.clear_up()
    world.edge.close()

    # Nothing is left behind: the station holds nothing that headquarters has not opened.
    assert world.outbox.counts().opened == len(world.outbox.rows)
    # Exactly once: of every packet there ever was, at most one set of receipts and one file …
    said = [(body.record, body.kind) for body, _ in place.receipts()]
    assert max(Counter(said).values()) == 1
    files = Counter(path.parent.name for path in (place.data / "packets").rglob("*.packet"))
    assert max(files.values()) == 1
    # … and all of those the station still answers for are among them, whole.
    for record, (one, data) in world.outbox.rows.items():
        path = place.data / "packets" / one.station / record / f"{one.digest}.packet"
        assert path.read_bytes() == data
    # Weather is nobody's lie.
    with place.books() as books:
        assert books.rejections() == []
    # The receipts are one chain without a gap, and each is about what was sealed.
    previous = ""
    for serial, (body, signed) in enumerate(place.receipts(), 1):
        assert (body.serial, body.previous) == (serial, previous)
        previous = sealing.sha256(canonical.from_text(signed.body))
        one, _ = world.sealed[body.record]
        check_receipt(
            signed,
            place.descriptor,
            station=one.station,
            record=one.record,
            digest=one.digest,
            size=one.size,
        )
    assert world.edge.requests > 400, world.weather.happened
