"""The program is installed again over the same folder; or the folder lost its device key; or the
machine's secret came later."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from migramovil.core import canonical, sealing
from migramovil.core.record import Descriptor, Signed
from migramovil.services.accounts import NEWER_DESCRIPTOR, Accounts, HeadquartersChanged
from migramovil.services.clock import StationClock
from migramovil.store import keys, marks
from migramovil.store.hardware import Machine
from migramovil.store.keys import HardwareGone
from migramovil.store.outbox import Outbox
from migramovil.store.trouble import Damaged
from tests.services.bench import (
    OFFICER,
    PASSWORD,
    SUPERVISOR,
    Counter,
    Headquarters,
    copied,
    enrolled,
    opened,
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Headquarters]:
    headquarters = Headquarters()
    return enrolled(tmp_path_factory.mktemp("station") / "data", headquarters), headquarters


def test_installed_again_over_the_same_folder_everything_goes_on(
    template: tuple[Path, Headquarters], tmp_path: Path
) -> None:
    folder = copied(template[0], tmp_path / "data")
    with opened(folder, template[1]) as counter:
        counter.enter()
        record = counter.fill().record_id
        counter.settle()
    moved = tmp_path / "after the installation"
    folder.rename(moved)  # nothing outside the folder counts
    with opened(moved, template[1]) as counter:
        counter.enter()
        assert record in counter.on_disk()
        assert counter.accounts.station().station


def test_without_its_device_key_the_station_says_so_and_touches_nothing(
    template: tuple[Path, Headquarters], tmp_path: Path
) -> None:
    folder = copied(template[0], tmp_path / "data")
    (folder / "device.key").unlink()
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    with pytest.raises(Damaged) as told:
        Outbox(folder)
    assert "device.key" in told.value.detail
    after = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    assert {name: after[name] for name in before} == before
    unlocked = keys.open_slot(folder, SUPERVISOR, PASSWORD)
    assert unlocked.vault_key, "the vault still opens by its people"
    shutil.copy(template[0] / "device.key", folder / "device.key")
    Outbox(folder).close()


def say(counter: Counter, descriptor: Descriptor, signer: sealing.Signer) -> None:
    """Write a descriptor, and its signature by `signer`, where the wire would."""
    said = canonical.encode(descriptor)
    counter.outbox.renew_descriptor(said.decode())
    signed = canonical.encode(Signed.by(signer, said)).decode()
    marks.put(counter.outbox, NEWER_DESCRIPTOR, signed)


def test_a_headquarters_slipped_into_the_outbox_gets_nothing_sealed_to_it(
    template: tuple[Path, Headquarters], tmp_path: Path
) -> None:
    folder, headquarters = copied(template[0], tmp_path / "data"), template[1]
    thief = Headquarters()
    known = canonical.decode(canonical.from_text(headquarters.descriptor().body), Descriptor)
    wrong = replace(known, version=2, operational=canonical.text(thief.operational.public))
    right = replace(known, version=2, urls=("https://otra",))
    with opened(folder, headquarters) as counter:
        counter.enter()
        for descriptor in (wrong, right):
            say(counter, descriptor, thief.root)
            with pytest.raises(HeadquartersChanged):
                counter.enter()
        say(counter, right, headquarters.root)
        counter.enter()
        assert counter.accounts.descriptor().version == 2
        say(counter, known, headquarters.root)
        with pytest.raises(HeadquartersChanged):
            counter.enter()


class Chip:
    name = "chip"

    def __init__(self) -> None:
        self.there = True

    def secret(self, *, create: bool) -> bytes:
        if not self.there:
            raise HardwareGone("chip")
        return b"s" * 32


def test_a_slot_older_than_the_machines_secret_gets_its_strength_at_the_next_entrance(
    template: tuple[Path, Headquarters], tmp_path: Path
) -> None:
    folder, chip = copied(template[0], tmp_path / "data"), Chip()
    with opened(folder, template[1]) as counter:
        accounts = Accounts(
            folder, counter.outbox, counter.desk, StationClock(), template[1].enroll,
            template[1].realm, memory_kib=64,
            machine=Machine(secrets={"chip": chip}, chosen="chip"),
        )  # fmt: skip
        chip.there = False
        accounts.log_in(OFFICER, PASSWORD).result(10)
        assert accounts.inside().vault.audit.entries()[-1].act == "hardware-gone"
        chip.there = True
        accounts.log_in(OFFICER, PASSWORD).result(10)
        assert accounts.inside().vault.audit.entries()[-1].act == "strengthen-slot"
        chip.there = False
        with pytest.raises(HardwareGone):
            accounts.log_in(OFFICER, PASSWORD).result(10)
        accounts.lock()
    with pytest.raises(HardwareGone):
        keys.open_slot(folder, OFFICER, PASSWORD)


def test_the_command_says_the_number_and_writes_a_request_only_with_a_way_back(
    template: tuple[Path, Headquarters], tmp_path: Path
) -> None:
    folder = copied(template[0], tmp_path / "data")
    done = subprocess.run(
        [sys.executable, "-m", "migramovil", "recovery", "status", "--data", folder, "--json"],
        capture_output=True, text=True, check=False,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, '{"station": "T01", "number": null}')
