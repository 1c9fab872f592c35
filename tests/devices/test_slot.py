"""What a slot promises of its device's state."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from threading import Event

import pytest

from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Lane
from migramovil.devices.ports import DeviceInfo, DeviceKind, DeviceState
from migramovil.devices.slot import DeviceSlot
from migramovil.devices.trouble import (
    Cancelled,
    DriverCrashed,
    NoDevice,
    NoFinger,
    Unplugged,
)

BUSY, READY, ABSENT, FAULTED = (
    DeviceState.BUSY,
    DeviceState.READY,
    DeviceState.ABSENT,
    DeviceState.FAULTED,
)


class Lamp:
    """A device that counts how often it was opened and closed."""

    def __init__(self, serial: str = "1") -> None:
        self.info = DeviceInfo(kind=DeviceKind.CAMERA, driver="lamp", model="Lamp", serial=serial)
        self.opened = self.closed = 0
        self.breaks_at_open: Exception | None = None

    def open(self) -> None:
        self.opened += 1
        if self.breaks_at_open is not None:
            raise self.breaks_at_open

    def close(self) -> None:
        self.closed += 1

    def fail(self, error: Exception) -> str:
        raise error


@pytest.fixture
def lane() -> Iterator[Lane]:
    lane = Lane("slot")
    yield lane
    lane.close()


def serial(lamp: Lamp, _cancelled: Event) -> str:
    return lamp.info.serial


def test_a_device_is_opened_at_its_first_use_and_only_then(lane: Lane) -> None:
    lamp = Lamp()
    slot = DeviceSlot(lamp, lane)
    assert (slot.state, lamp.opened) == (READY, 0)

    assert slot.use(serial).result(5) == "1"
    assert slot.use(serial).result(5) == "1"
    assert (slot.state, lamp.opened) == (READY, 1)


def test_a_use_lights_the_busy_lamp_and_puts_it_out(lane: Lane) -> None:
    states: list[DeviceState] = []
    slot = DeviceSlot(Lamp(), lane, states.append)
    slot.use(serial).result(5)
    assert states == [BUSY, READY]


def test_trouble_leaves_the_device_ready_and_open(lane: Lane) -> None:
    lamp = Lamp()
    slot = DeviceSlot(lamp, lane)
    with pytest.raises(NoFinger):
        slot.use(lambda device, _: device.fail(NoFinger())).result(5)

    assert slot.state is READY
    assert isinstance(slot.last_trouble, NoFinger)
    slot.use(serial).result(5)
    assert (lamp.opened, lamp.closed) == (1, 0)
    assert slot.last_trouble is None


def test_trouble_of_another_room_is_not_the_devices_trouble(lane: Lane) -> None:
    slot = DeviceSlot(Lamp(), lane)
    with pytest.raises(Trouble):
        slot.use(lambda device, _: device.fail(Trouble("elsewhere"))).result(5)
    assert (slot.state, slot.last_trouble) == (READY, None)


def test_an_unplugged_device_is_absent_until_it_is_found_again(lane: Lane) -> None:
    plugged: list[Lamp] = []
    lost = Lamp("old")
    slot = DeviceSlot(lost, lane, find_again=lambda: plugged[0] if plugged else None)
    with pytest.raises(Unplugged):
        slot.use(lambda device, _: device.fail(Unplugged())).result(5)
    assert (slot.state, slot.info, lost.closed) == (ABSENT, None, 1)

    with pytest.raises(NoDevice):
        slot.use(serial).result(5)
    assert slot.state is ABSENT
    assert slot.look().result(5) is ABSENT

    plugged.append(Lamp("new"))
    assert slot.use(serial).result(5) == "new"
    assert slot.state is READY


def test_looking_finds_a_device_without_opening_it(lane: Lane) -> None:
    lamp = Lamp()
    slot: DeviceSlot[Lamp] = DeviceSlot(None, lane, find_again=lambda: lamp)
    assert slot.state is ABSENT
    assert slot.look().result(5) is READY
    assert slot.info == lamp.info
    assert lamp.opened == 0


def test_a_crash_becomes_a_coded_trouble_without_the_values_that_caused_it(
    lane: Lane, caplog: pytest.LogCaptureFixture
) -> None:
    lamp = Lamp()
    slot = DeviceSlot(lamp, lane)
    with caplog.at_level(logging.ERROR), pytest.raises(DriverCrashed) as caught:
        slot.use(lambda device, _: device.fail(KeyError("Quispe Mamani"))).result(5)

    assert (slot.state, lamp.closed) == (FAULTED, 1)
    assert "KeyError" in caught.value.detail
    assert "test_slot.py" in caught.value.detail
    assert "KeyError" in caplog.text
    assert "Quispe" not in caplog.text + str(caught.value)
    caplog.clear()


def test_a_faulted_device_is_opened_anew_at_the_next_use(
    lane: Lane, caplog: pytest.LogCaptureFixture
) -> None:
    lamp = Lamp()
    slot = DeviceSlot(lamp, lane)
    with pytest.raises(DriverCrashed):
        slot.use(lambda device, _: device.fail(ValueError())).result(5)
    caplog.clear()

    assert slot.use(serial).result(5) == "1"
    assert (slot.state, lamp.opened) == (READY, 2)


def test_a_device_that_does_not_open_is_closed_and_opened_again_next_time(lane: Lane) -> None:
    lamp = Lamp()
    lamp.breaks_at_open = NoFinger()
    slot = DeviceSlot(lamp, lane)
    with pytest.raises(NoFinger):
        slot.use(serial).result(5)
    assert lamp.closed == 1

    lamp.breaks_at_open = None
    assert slot.use(serial).result(5) == "1"


def test_an_early_cancel_is_not_lost(lane: Lane) -> None:
    gate = Event()
    lane.run(lambda _: gate.wait(5))
    lamp = Lamp()
    slot = DeviceSlot(lamp, lane)
    ticket = slot.use(serial)
    ticket.cancel()
    gate.set()

    with pytest.raises(Cancelled):
        ticket.result(5)
    assert lamp.opened == 0


def test_a_closed_slot_has_closed_its_device_and_can_be_used_again(lane: Lane) -> None:
    lamp = Lamp()
    slot = DeviceSlot(lamp, lane)
    slot.use(serial).result(5)
    slot.close()
    assert lamp.closed == 1
    slot.use(serial).result(5)
    assert lamp.opened == 2
