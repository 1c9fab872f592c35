"""The benchmark of headquarters runs, and says what it promises to say."""

from __future__ import annotations

from benchmarks import headquarters


def test_what_receiving_costs_is_measured() -> None:
    size = headquarters.Size(packets=2, rounds=1, rows=20, long=10)
    found = headquarters.measure(size)
    assert {"store", "packets_per_s", "ratio", "rss_mb"} <= set(found)
    assert found["packets_per_s"] > 0
    assert found["full_per_s"] > 0
    assert 0 < found["rss_mb"] < 1000
