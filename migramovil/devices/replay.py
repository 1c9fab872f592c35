"""One impression from the first fingerprint reader there is: the technician's test, and replays."""

from __future__ import annotations

from threading import Event

from migramovil.devices.fingerprint import uru4000
from migramovil.devices.ports import FingerImage
from migramovil.devices.trouble import NoDevice

# Recorded traffic holds the key exchange that this seed began: with another it stalls.
RECORDED_SEED = 0x51EA2124


def capture_once(*, replay: bool = False, timeout_s: float = 15.0) -> FingerImage:
    """Open, capture one impression, close. `replay` makes the driver repeat a recording's bytes.

    DEV-05 without a reader; else what the driver raises.
    """
    found = uru4000.find_on()
    if not found:
        raise NoDevice
    seeds = (lambda: RECORDED_SEED) if replay else uru4000.random_seed
    reader = uru4000.Uru4000Reader(found[0], seeds=seeds)
    try:
        reader.open()
        return reader.capture(timeout_s=timeout_s, cancelled=Event())
    finally:
        reader.close()
