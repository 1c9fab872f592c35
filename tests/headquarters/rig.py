"""A real headquarters on the loopback, a station enrolled at it, and real packets."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uuid_utils
import uvicorn

from migramovil.core import canonical, packet, roles, sealing
from migramovil.core.queue import Counts, Waiting
from migramovil.core.record import Descriptor, Realm, ReceiptBody, Signed, Stamp
from migramovil.headquarters import server, setup
from migramovil.headquarters.objects import Objects
from migramovil.headquarters.opener import PacketOpener, Verdict
from migramovil.headquarters.store import Store
from migramovil.sync import https, wire

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def uuid7() -> str:
    return str(uuid_utils.uuid7())


@dataclass
class Person:
    account: str = field(default_factory=uuid7)
    signer: sealing.Signer = field(default_factory=sealing.Signer.new)
    opener: sealing.Opener = field(default_factory=sealing.Opener.new)

    def body(self, station: str, role: roles.Role, realm: Realm) -> roles.AccountBody:
        return roles.AccountBody(
            realm=realm,
            station=station,
            account=self.account,
            username="quispe",
            role=role,
            signing=canonical.text(self.signer.public),
            sealing=canonical.text(self.opener.public),
        )


@dataclass
class Place:
    """A headquarters in a folder."""

    data: Path
    realm: Realm = Realm.TRAINING
    url: str = ""

    def init(self) -> Place:
        setup.init(self.data, realm=self.realm, url="https://127.0.0.1:8443")
        return self

    @property
    def descriptor(self) -> Descriptor:
        return setup.descriptor(self.data)

    @contextmanager
    def books(self) -> Iterator[Store]:
        store = Store(self.data / server.BOOKS)
        try:
            yield store
        finally:
            store.close()

    def code(self) -> str:
        token = uuid_utils.uuid4().bytes[: wire.TOKEN_BYTES]
        with self.books() as store:
            store.add_station(
                name="Unidad",
                place="Lima",
                token_sha256=sealing.sha256(token),
                until=(datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds"),
            )
        return wire.make_code(token, canonical.from_text(self.descriptor.root))

    @contextmanager
    def serving(self, *, wrong_receipt_key: bool = False) -> Iterator[Place]:
        up = threading.Event()
        owned: list[uvicorn.Server] = []

        def listening(url: str) -> None:
            self.url = url
            up.set()

        thread = threading.Thread(
            target=server.serve,
            args=(self.data,),
            kwargs={
                "host": "127.0.0.1",
                "port": 0,
                "listening": listening,
                "own": owned.append,
                "wrong_receipt_key": wrong_receipt_key,
            },
        )
        thread.start()
        try:
            assert up.wait(10)
            yield self
        finally:
            owned[0].should_exit = True
            thread.join(10)
            assert not thread.is_alive()

    def judge(self) -> list[Verdict]:
        with self.books() as store:
            return PacketOpener(
                store=store,
                objects=Objects(self.data),
                descriptor=self.descriptor,
                keys=setup.opener(self.data),
            ).once()

    def receipts(self) -> list[tuple[ReceiptBody, Signed]]:
        with self.books() as store:
            found = [one.signed for one in store.all_receipts()]
        return [
            (canonical.decode(canonical.from_text(one.body), ReceiptBody), one) for one in found
        ]


@dataclass
class Station:
    place: Place
    signer: sealing.Signer = field(default_factory=sealing.Signer.new)
    kem: sealing.Opener = field(default_factory=sealing.Opener.new)
    transport: sealing.Signer = field(default_factory=sealing.Signer.new)
    boss: Person = field(default_factory=Person)
    seq: int = 0
    body: wire.StationBody | None = None
    account: roles.Account | None = None

    def request(self, code: str, realm: Realm = Realm.TRAINING) -> wire.EnrollRequest:
        token, _ = wire.read_code(code)
        return wire.EnrollRequest(
            token=canonical.text(token),
            realm=realm,
            name="Unidad",
            signing=canonical.text(self.signer.public),
            sealing=canonical.text(self.kem.public),
            transport=canonical.text(self.transport.public),
            supervisor=wire.NewSupervisor(
                account=self.boss.account,
                username="quispe",
                signing=canonical.text(self.boss.signer.public),
                sealing=canonical.text(self.boss.opener.public),
            ),
        )

    def enroll(self) -> Station:
        code = self.place.code()
        known = https.first_contact(self.place.url, code, realm=self.place.realm)
        asked = self.request(code, self.place.realm)
        given, self.body, account = https.enroll(known, asked, url=self.place.url)
        self.account = roles.Account(body=account, vouched=given.account)
        return self

    @property
    def id(self) -> str:
        assert self.body is not None
        return self.body.station

    def client(self) -> https.HttpsHeadquarters:
        return https.HttpsHeadquarters(
            self.place.descriptor,
            self.id,
            self.transport,
            realm=self.place.realm,
            url=self.place.url,
        )

    def packet(
        self,
        *,
        photo: bytes = b"photo" * 50_000,
        approvals: Any = None,
        content: Mapping[str, Any] | None = None,
        **draught: Any,
    ) -> tuple[Waiting, bytes]:
        """A packet as `finish` will build it; `approvals(station, binding)` replaces the one."""
        self.seq += 1
        known = self.place.descriptor
        listed = {
            "id": "a1",
            "role": "portrait",
            "media_type": "image/jpeg",
            "sha256": sealing.sha256(photo),
            "name": "portrait.jpg",
        }
        inside = {
            "applicant": {"names": "MARIA ÑUSTA"},
            "content": {"objects": [listed], **(content or {})},
        }
        record = draught.pop("record", None) or uuid7()
        publics = [canonical.from_text(known.operational), canonical.from_text(known.recovery)]
        act = roles.ActBody(
            act=roles.Act.FINISH.value,
            suite=sealing.SUITE,
            realm=self.place.realm,
            station=self.id,
            record=record,
            recipients=tuple(sealing.key_id(public) for public in publics),
            account=self.boss.account,
            content_sha256=sealing.sha256(canonical.encode(inside)),
            utc="2026-11-23T12:00:00+00:00",
        )
        given = [self.approve(act)] if approvals is None else approvals(self, act)
        record_body = canonical.encode(
            {"format": "migramovil/record/1", **inside, "approvals": given}
        )
        made = packet.Draught(
            realm=self.place.realm,
            station=self.id,
            epoch=1,
            seq=self.seq,
            record=record,
            folio=f"01A-{self.seq:05d}",
            created=Stamp(utc="2026-11-23T12:00:00+00:00"),
            audit_head="0" * 64,
            software="0.1.0",
            record_body=record_body,
            objects={"a1": photo},
        )
        made = replace(made, **draught)
        data = packet.build(made, sealing.new_key(), publics, self.signer)
        return waiting(made, data), data

    def approve(self, act: roles.ActBody, person: Person | None = None) -> roles.Approval:
        assert self.account is not None
        signer = (person or self.boss).signer
        return roles.Approval(
            signed=Signed.by(signer, canonical.encode(act)), chain=(self.account,)
        )


def waiting(made: packet.Draught, data: bytes) -> Waiting:
    return Waiting(
        record=made.record,
        station=made.station,
        epoch=made.epoch,
        seq=made.seq,
        folio=made.folio,
        digest=sealing.sha256(data),
        size=len(data),
        sealed_utc=made.created.utc,
    )


class MemoryOutbox:
    """The outbox port in memory: only filed receipts move a record on."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[Waiting, bytes]] = {}
        self.filed: dict[str, list[ReceiptBody]] = {}

    def add(self, one: Waiting, data: bytes) -> None:
        self.rows[one.record] = (one, data)
        self.filed[one.record] = []

    def state(self, record: str) -> str:
        said = self.filed[record]
        again = max((at for at, body in enumerate(said, 1) if body.kind == "retry"), default=0)
        kinds = {body.kind for body in said[again:]}
        return next((kind for kind in ("opened", "refused", "stored") if kind in kinds), "sealed")

    def _in(self, state: str) -> list[Waiting]:
        found = [one for one, _ in self.rows.values() if self.state(one.record) == state]
        return sorted(found, key=lambda one: one.seq)

    def waiting(self, limit: int) -> list[Waiting]:
        return self._in("sealed")[:limit]

    def unconfirmed(self, limit: int, after: Waiting | None = None) -> list[Waiting]:
        return [one for one in self._in("stored") if after is None or one.seq > after.seq][:limit]

    def disputed(self, limit: int, after: Waiting | None = None) -> list[Waiting]:
        return [one for one in self._in("refused") if after is None or one.seq > after.seq][:limit]

    def packet(self, record: str) -> bytes:
        return self.rows[record][1]

    def file_receipt(self, record: str, signed: Signed, body: ReceiptBody) -> None:
        if body not in self.filed[record]:
            self.filed[record].append(body)

    def counts(self) -> Counts:
        kinds = ("sealed", "stored", "opened", "refused")
        return Counts(**{kind: len(self._in(kind)) for kind in kinds})
