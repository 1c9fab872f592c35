"""The stick: what waits goes out as a copy, what headquarters says comes in, with no network ever.

Nothing personal is in clear on it, so it works with nobody inside. A copy removes nothing here: a
record leaves the line by headquarters' signed word alone, whichever way that comes.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from migramovil import medium
from migramovil.core import canonical, sealing
from migramovil.core.downstream import Download
from migramovil.core.letters import AnswerBody, BadLetter, check_answer
from migramovil.core.record import (
    BadReceipt,
    Descriptor,
    ReceiptBody,
    RecordState,
    Signed,
    check_receipt,
)
from migramovil.core.roles import Act
from migramovil.core.trouble import Trouble, Who
from migramovil.devices.lanes import Lane, Ticket
from migramovil.services.accounts import Accounts
from migramovil.services.clock import StationClock
from migramovil.services.downstream import Downstream
from migramovil.store import exports, files, letters, marks
from migramovil.store.exports import Packet
from migramovil.store.outbox import Outbox, StationIdentity
from migramovil.store.trouble import Damaged
from migramovil.sync import bundle, https, wire
from migramovil.sync.bundle import Answers, Carried, Item, NothingHere, StickFull, StickGone

T = TypeVar("T")
NUMBER = "usb.number"
_MARGIN = 8 * 1024 * 1024
_ASKED = 5_000


class SameDisk(Trouble):
    code = "USB-06"
    what = "Esa carpeta está en el mismo disco que la estación: no es una memoria USB."
    advice = "Coloque la memoria y elíjala cuando aparezca en la lista."
    who = Who.OFFICER


class CutShort(Trouble):
    code = "USB-07"
    what = "La copia a la memoria USB se detuvo antes de terminar."
    advice = "Nada se perdió y lo ya copiado se aprovecha. Repita la copia cuando quiera."
    who = Who.OFFICER


class NotEnrolled(Trouble):
    code = "USB-08"
    what = "Esta estación todavía no está dada de alta: no tiene nada que llevar ni traer."
    advice = "Dé de alta la estación con el código de sede central."


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What is on the stick now, every byte of it read back. `copied` packets are new there.

    `damaged` counts packet files that are not what was sealed; they were not copied.
    """

    packets: int
    copied: int
    bytes: int
    letters: int
    damaged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What the stick brought that was not known here, and what of it was not used.

    `receipts` and `opened` count records that moved on; `lists` names kinds of downloads.
    """

    receipts: int
    opened: int
    answers: int
    lists: tuple[str, ...]
    troubles: tuple[Trouble, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """One visit of a stick: `imported` is None when headquarters had put nothing on it yet."""

    imported: Imported | None
    exported: Exported


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """While one runs, `done` of `all` bytes are on the stick."""

    running: bool = False
    done: int = 0
    all: int = 0


class Bundles:
    """Safe from any thread; one stick at a time, on a lane of its own.

    `renewed` hears a newer word of headquarters' root key; `disk_of` tells which disk a folder is
    on.
    """

    def __init__(
        self,
        accounts: Accounts,
        outbox: Outbox,
        downstream: Downstream,
        clock: StationClock,
        *,
        renewed: Callable[[Descriptor, Signed], object] = lambda *_: None,
        disk_of: Callable[[Path], int] = lambda folder: folder.stat().st_dev,
    ) -> None:
        self._accounts = accounts
        self._outbox = outbox
        self._downstream = downstream
        self._clock = clock
        self._renewed = renewed
        self._disk_of = disk_of
        self._lane = Lane("usb")
        self._done = self._all = 0
        self._running: Ticket[Exchanged] | None = None
        self._listeners: list[Callable[[], object]] = []

    def close(self) -> None:
        self._lane.close()

    # ---- what anyone may know ----------------------------------------------------------------
    def standing(self) -> Standing:
        running = self._running is not None and not self._running.done()
        return Standing(running=running, done=self._done, all=self._all) if running else Standing()

    def when_changed(self, call: Callable[[], object]) -> None:
        """Call `call` on the stick's thread whenever more of it is done."""
        self._listeners.append(call)

    # ---- asked for ---------------------------------------------------------------------------
    def exchange(self, stick: Path, *, same_disk: bool = False) -> Ticket[Exchanged]:
        """First what headquarters put there, then a copy of all that still waits.

        The stick may be pulled out once this is done. `same_disk` allows any folder.
        """
        self._demand()
        if self._running is None or self._running.done():
            self._running = self._lane.run(lambda off: self._exchange(stick, off, same_disk))
            self._running.add_done_callback(lambda _: self._tell())
        return self._running

    def export(self, stick: Path, *, same_disk: bool = False) -> Ticket[Exported]:
        """Only the copy."""
        self._demand()

        def work(off: threading.Event) -> Exported:
            with self._apart(stick, same_disk):
                return self._export(stick, off)

        return self._lane.run(work)

    def bring_in(self, stick: Path) -> Ticket[Imported]:
        """Only what headquarters put there; NothingHere."""
        self._demand()

        def work(_: threading.Event) -> Imported:
            found = self._import(stick)
            if found is None:
                raise NothingHere
            return found

        return self._lane.run(work)

    def call_off(self) -> None:
        """Stop between two pieces; what is on the stick is whole."""
        if self._running is not None:
            self._running.cancel()

    # ---- the work ----------------------------------------------------------------------------
    def _demand(self) -> None:
        """Nobody inside is nobody to ask: what goes is sealed, as over the link."""
        if self._accounts.session is not None:
            self._accounts.demand(Act.SEND_NOW)

    def _exchange(self, stick: Path, off: threading.Event, same_disk: bool) -> Exchanged:
        with self._apart(stick, same_disk):
            imported = self._import(stick)
            return Exchanged(imported=imported, exported=self._export(stick, off))

    def _here(self) -> StationIdentity:
        station = self._outbox.station()
        if station is None:
            raise NotEnrolled
        return station

    @contextmanager
    def _apart(self, stick: Path, same_disk: bool) -> Iterator[None]:
        """On another disk than the station's, and on the same one to the end: where a stick was
        pulled out lies an empty folder that takes everything and keeps it here."""
        with bundle.on_stick():
            disk = self._disk_of(stick)
            if not same_disk and disk == self._disk_of(self._outbox.folder):
                raise SameDisk
        yield
        with bundle.on_stick():
            if self._disk_of(stick) != disk:
                raise StickGone("disk")

    # ---- out ---------------------------------------------------------------------------------
    def _export(self, stick: Path, off: threading.Event) -> Exported:
        here = self._here()
        home = bundle.home_name(here.station)
        self._done = self._all = 0
        wanted = exports.packets(self._outbox)
        with bundle.on_stick():
            folders = {
                name: medium.inside(stick, bundle.HOME, home, bundle.UP, name, make=True)
                for name in (bundle.PACKETS, bundle.LETTERS)
            }
            for folder in folders.values():
                medium.sweep(folder)
        copied, good = self._put_packets(folders[bundle.PACKETS], wanted, off)
        _go_on(off)
        mail = self._put_letters(folders[bundle.LETTERS])
        carried = Carried(
            realm=here.realm,
            station=here.station,
            epoch=here.epoch,
            number=int(marks.get(self._outbox, NUMBER) or 0) + 1,
            made_utc=self._clock.now().utc,
            packets=tuple(Item(record=p.record, digest=p.digest, size=p.size) for p in good),
            letters=mail,
            asked=tuple(one.record for one in self._outbox.unconfirmed(_ASKED)),
        )
        signed = Signed.by(sealing.Signer.load(here.transport), canonical.encode(carried))
        bundle.write(stick, home, bundle.UP, bundle.MANIFEST, signed)
        self._drop_arrived(folders[bundle.PACKETS])
        marks.put(self._outbox, NUMBER, str(carried.number))
        exports.mark(self._outbox, [one.record for one in good], carried.made_utc)
        self._audit("usb-export", f"{carried.number} {len(good)}")
        return Exported(
            packets=len(good),
            copied=copied,
            bytes=sum(one.size for one in good),
            letters=len(mail),
            damaged=len(wanted) - len(good),
        )

    def _put_packets(
        self, folder: Path, wanted: list[Packet], off: threading.Event
    ) -> tuple[int, list[Packet]]:
        """How many were not there yet, and all that are now, read back."""
        self._all = sum(one.size for one in wanted)
        there = {one.digest: folder / f"{one.digest}.packet" for one in wanted}
        good = [one for one in wanted if _is(there[one.digest], one.digest)]
        present = {one.digest for one in good}
        lacking = [one for one in wanted if one.digest not in present]
        self._demand_room(folder, sum(one.size for one in lacking))
        self._done = sum(one.size for one in good)
        for one in lacking:
            _go_on(off)
            try:
                self._put(there[one.digest], one, off)
            except Damaged:
                continue
            good.append(one)
        return len(good) - len(present), good

    def _put(self, target: Path, one: Packet, off: threading.Event) -> None:
        def check(digest: str) -> None:
            if digest != one.digest:
                raise Damaged(one.file)

        def pieces() -> Iterator[bytes]:
            for piece in files.pieces(self._outbox.packet_path(one.file)):
                _go_on(off)
                yield piece
                self._done += len(piece)
                self._tell()

        with bundle.on_stick():
            medium.put(target, pieces(), check)

    def _put_letters(self, folder: Path) -> tuple[str, ...]:
        """Every letter without an answer; those with one go."""
        mail = {sealing.sha256(one.body): one.body for one in letters.unanswered(self._outbox)}
        with bundle.on_stick():
            for digest, body in mail.items():
                if not _is(folder / f"{digest}.letter", digest):
                    medium.put(folder / f"{digest}.letter", [body])
            for path in folder.glob("*.letter"):
                if path.stem not in mail:
                    path.unlink()
        return tuple(mail)

    def _drop_arrived(self, folder: Path) -> None:
        """Give the room back of what headquarters signed for; anything unknown stays."""
        gone = exports.arrived(self._outbox)
        with bundle.on_stick():
            for path in folder.glob("*.packet"):
                if path.stem in gone:
                    path.unlink()

    def _demand_room(self, folder: Path, size: int) -> None:
        with bundle.on_stick():
            free = shutil.disk_usage(folder).free
        if size and free < size + _MARGIN:
            raise StickFull("free")

    # ---- in ----------------------------------------------------------------------------------
    def _import(self, stick: Path) -> Imported | None:
        """What is there for this station; None where headquarters put nothing yet."""
        here = self._here()
        home = bundle.home_name(here.station)
        try:
            if home not in bundle.homes(stick):
                return None
        except NothingHere:
            return None
        troubles: list[Trouble] = []
        self._hear_keys(stick, home, troubles)
        receipts = _found(stick, home, bundle.RECEIPTS, wire.Receipts, troubles)
        said = _found(stick, home, bundle.ANSWERS, Answers, troubles)
        if receipts is None and said is None and not troubles:
            return None
        moved, opened = self._file_receipts(receipts.receipts if receipts else (), troubles)
        answered = self._file_answers(said.answers if said else (), troubles)
        lists = self._file_lists(stick, home, troubles)
        self._audit("usb-import", f"{moved} {len(troubles)}")
        return Imported(
            receipts=moved,
            opened=opened,
            answers=answered,
            lists=lists,
            troubles=tuple(troubles),
        )

    def _hear_keys(self, stick: Path, home: str, troubles: list[Trouble]) -> None:
        """A newer word of the same root key comes first: the receipts may be by its keys."""
        signed = _found(stick, home, bundle.DESCRIPTOR, Signed, troubles)
        if signed is None:
            return
        known = self._accounts.descriptor()
        root = wire.root_hash(canonical.from_text(known.root))
        try:
            found = https.read_descriptor(signed, root, realm=known.realm)
        except Trouble as trouble:
            troubles.append(trouble)
            return
        if found.root == known.root and found.version > known.version:
            self._renewed(found, signed)

    def _file_receipts(
        self, receipts: tuple[Signed, ...], troubles: list[Trouble]
    ) -> tuple[int, int]:
        """How many records moved on, and how many of them to the end."""
        moved: dict[str, str] = {}
        keys, here = self._accounts.descriptor(), self._here()
        for signed in receipts:
            try:
                moved |= self._file_receipt(signed, keys, here.station)
            except BadReceipt as trouble:
                troubles.append(trouble)
        return len(moved), sum(state == RecordState.OPENED for state in moved.values())

    def _file_receipt(self, signed: Signed, keys: Descriptor, station: str) -> dict[str, str]:
        """The record and its new state, if it moved on; nothing for a record that is not here."""
        try:
            said = canonical.decode(canonical.from_text(signed.body), ReceiptBody)
        except canonical.NotCanonical:
            raise BadReceipt("form") from None
        row = self._outbox.row(said.record)
        if row is None:
            return {}
        body = check_receipt(
            signed, keys, station=station, record=row.record, digest=row.digest, size=row.size
        )
        self._outbox.file_receipt(row.record, signed, body)
        now = self._outbox.row(row.record)
        return {row.record: now.state} if now is not None and now.state != row.state else {}

    def _file_answers(self, answers: tuple[Signed, ...], troubles: list[Trouble]) -> int:
        keys = self._accounts.descriptor().receipt_keys("stored")
        waiting = {sealing.sha256(one.body): one for one in letters.unanswered(self._outbox)}
        filed = 0
        for signed in answers:
            letter = waiting.get(_about(signed))
            if letter is None:
                continue
            try:
                check_answer(signed, letter.body, keys)
            except BadLetter as trouble:
                troubles.append(trouble)
                continue
            letters.answer(self._outbox, letter.id, canonical.encode(signed))
            filed += 1
        return filed

    def _file_lists(self, stick: Path, home: str, troubles: list[Trouble]) -> tuple[str, ...]:
        listing = _found(stick, home, bundle.DOWNSTREAM, wire.Downstream, troubles)
        filed = []
        for signed in listing.manifests if listing else ():
            try:
                manifest = self._downstream.wanted(signed)
                if manifest is None:
                    continue
                name = f"{manifest.sha256}.bin"
                body = bundle.load(stick, home, bundle.DOWN, bundle.CONTENTS, name)
                self._downstream.file(Download(signed=signed, body=body))
            except Trouble as trouble:
                troubles.append(trouble)
                continue
            filed.append(manifest.kind)
        return tuple(filed)

    def _audit(self, act: str, subject: str) -> None:
        """What left and came by stick while somebody was inside; the vault is shut otherwise."""
        inside = self._accounts.inside_or_none()
        if inside is not None:
            with suppress(Trouble):  # locked this very moment
                inside.vault.audit.append(inside.session.account, act, subject, self._clock.now())

    def _tell(self) -> None:
        for call in tuple(self._listeners):
            call()


def _found(stick: Path, home: str, name: str, kind: type[T], troubles: list[Trouble]) -> T | None:
    """A list of headquarters' on the stick; one that is not what it should be is a trouble."""
    try:
        return bundle.read(stick, home, bundle.DOWN, name, kind)
    except medium.Suspicious as trouble:
        troubles.append(trouble)
        return None


def _about(signed: Signed) -> str:
    """Which letter (SHA-256) an answer says it is to; for finding it, never for trusting."""
    try:
        return canonical.decode(canonical.from_text(signed.body), AnswerBody).body_sha256
    except canonical.NotCanonical:
        return ""


def _go_on(off: threading.Event) -> None:
    if off.is_set():
        raise CutShort


def _is(path: Path, digest: str) -> bool:
    """Whether these bytes are on the stick already, as it gives them back now."""
    with bundle.on_stick():
        return not os.path.islink(path) and medium.digest_of(path) == digest
