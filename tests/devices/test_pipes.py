"""Bytes to a device: all of them, in time, and no longer than somebody wants them to go."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from migramovil.devices.pipes import TcpPipe, _push_all
from migramovil.devices.trouble import Cancelled, TimedOut

LOTS = bytes(range(256)) * 80_000  # 20 MB: more than any socket holds


@pytest.fixture
def deaf() -> Iterator[TcpPipe]:
    """A line to somebody who picks up, and reads nothing."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        pipe = TcpPipe("127.0.0.1", door.getsockname()[1], timeout_s=2)
        line, _ = door.accept()
        with line, contextlib.closing(pipe):
            yield pipe


def test_a_write_nobody_takes_ends_in_time(deaf: TcpPipe) -> None:
    began = time.monotonic()
    with pytest.raises(TimedOut):
        deaf.write(LOTS, timeout_s=0.3)
    assert 0.25 < time.monotonic() - began < 2


def test_a_write_that_is_called_off_ends_soon(deaf: TcpPipe) -> None:
    off = threading.Event()
    threading.Timer(0.1, off.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        deaf.write(LOTS, timeout_s=20, cancelled=off)
    assert time.monotonic() - began < 2


def test_what_is_taken_little_by_little_arrives_once_and_whole() -> None:
    taken, counts = bytearray(), itertools.cycle((0, 1, 7, 300))

    def push(data: bytes, wait_s: float) -> int:
        assert wait_s <= 0.25
        some = data[: next(counts)]
        taken.extend(some)
        return len(some)

    _push_all(push, LOTS[:10_000], 5.0, None)
    assert bytes(taken) == LOTS[:10_000]
