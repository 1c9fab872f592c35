"""What a station seals is what headquarters promises the back office: the published shape."""

from __future__ import annotations

import msgspec

from migramovil.core import packet
from migramovil.headquarters import handover
from tests.services.bench import Counter, Headquarters


def record(counter: Counter, headquarters: Headquarters) -> bytes:
    finished = counter.enrolling.finish().result(10)
    data = counter.outbox.packet(finished.record_id)
    head = packet.check(data, counter.vault.station_keys()[0].public)
    key = packet.open_content_key(head, headquarters.operational)
    return packet.open_objects(data, head, key)[packet.RECORD_OBJECT]


def test_a_finished_record_has_exactly_the_published_shape(
    counter: Counter, headquarters: Headquarters
) -> None:
    counter.fill()
    told = msgspec.json.decode(record(counter, headquarters))
    assert handover.conforms(told)
    assert not handover.conforms({**told, "more": 1})
    assert not handover.conforms({**told, "content": {**told["content"], "schema": "two"}})
