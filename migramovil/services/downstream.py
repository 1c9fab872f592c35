"""What headquarters sent down, at work: newer lists, settings, people, appointments, decisions.

It comes over the link or on a stick and is checked here alike. The lists serve whoever sits down
next; what is about people is opened in memory only, while somebody is inside.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from migramovil.core import downstream
from migramovil.core.downstream import (
    PERSONAL,
    Appointment,
    Card,
    Decision,
    Download,
    Kind,
    Manifest,
    OlderDownload,
    StationSettings,
)
from migramovil.core.record import Signed
from migramovil.core.roles import Act, BadAccount
from migramovil.core.trouble import Trouble, Who
from migramovil.devices.lanes import Lane, Ticket
from migramovil.services import catalogues
from migramovil.services.accounts import Accounts, Inside
from migramovil.services.catalogues import Catalogues
from migramovil.services.clock import StationClock
from migramovil.services.people import People
from migramovil.settings import Settings
from migramovil.store import downloads
from migramovil.store.downloads import Held
from migramovil.store.outbox import Outbox

log = logging.getLogger(__name__)

T = TypeVar("T")
KEEP_PERSONAL = timedelta(days=7)
"""How long after its time a list of people still rests here, sealed."""
_SEEN, _APPLIED = "downstream.seen", "downstream.applied"


class Expired(Trouble):
    code = "DWN-05"
    what = "Una lista de sede central ya venció."
    advice = "Siga trabajando. Conecte la estación o traiga una memoria USB de sede central."
    who = Who.SUPERVISOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind as a page shows it. `version` is 0 where only what came with the program is used.

    `issued` and `expires` are UTC, ISO 8601, "" where unknown or never; `age` since it was issued.
    """

    kind: Kind
    version: int = 0
    issued: str = ""
    expires: str = ""
    age: timedelta | None = None
    expired: bool = False
    trouble: Trouble | None = None


class Downstream:
    """Safe from any thread; `settle` and what it calls are for the desk's own thread."""

    def __init__(
        self, accounts: Accounts, people: People, outbox: Outbox, clock: StationClock, desk: Lane
    ) -> None:
        self._accounts = accounts
        self._people = people
        self._outbox = outbox
        self._clock = clock
        self._desk = desk
        self._guard = threading.Lock()
        self._loaded: tuple[dict[str, int], Catalogues] | None = None
        self._refused: dict[str, Trouble] = {}
        self._listeners: list[Callable[[], object]] = []
        self.link_troubles: Callable[[], Mapping[str, Trouble]] = dict

    # ---- where downloads come in -----------------------------------------------------------
    def wanted(self, signed: Signed) -> Manifest | None:
        """The manifest if it is of a known kind and newer than what is here.

        BadDownload, NotForThisStation; OlderDownload when headquarters goes back on itself.
        """
        manifest = self._read(signed)
        if manifest.kind not in set(Kind):
            return None
        here = downloads.held(self._outbox).get(manifest.kind)
        if here is None or here.version < manifest.version:
            return manifest
        if here.version > manifest.version:
            raise OlderDownload(f"{manifest.kind} {manifest.version}")
        return None

    def file(self, download: Download) -> None:
        """Keep a newer version, once everything that can be checked locked holds."""
        manifest = self.wanted(download.signed)
        if manifest is None:
            return
        downstream.check_body(manifest, download.body)
        if not manifest.sealed:
            content = downstream.open_content(manifest, download.body)
            downstream.check_content(Kind(manifest.kind), content)
        now = self._clock.now().utc
        downloads.put(self._outbox, manifest.kind, manifest.version, download, now)
        self._refused.pop(manifest.kind, None)
        if self._accounts.session is not None:
            self._desk.run(lambda _: self.settle_owed())
        self._tell()

    def when_changed(self, call: Callable[[], object]) -> None:
        """Call `call`, on whatever thread, when something came down or was put to use."""
        self._listeners.append(call)

    # ---- what anyone may know --------------------------------------------------------------
    def rows(self) -> tuple[Row, ...]:
        """Every kind with its age, the downloaded version or what came with the program."""
        held, troubles = downloads.held(self._outbox), {**self.link_troubles(), **self._refused}
        return tuple(self._row(kind, held.get(kind.value), troubles.get(kind)) for kind in Kind)

    def keys_version(self) -> int:
        """Which of headquarters' descriptors, signed by its root, is believed here."""
        return self._accounts.descriptor().version

    def trouble(self) -> Trouble | None:
        """Expired, while a list's time is over; it warns and stops nothing."""
        late = [row.kind.value for row in self.rows() if row.expired]
        return Expired(" ".join(late)) if late else None

    def catalogues(self) -> Catalogues:
        """The newest lists, each as headquarters sent it or else as it came with the program."""
        with self._guard:
            held = downloads.held(self._outbox)
            versions = {name: one.version for name, one in held.items() if one.whole}
            if self._loaded is None or self._loaded[0] != versions:
                self._loaded = versions, catalogues.load(self._clear(versions))
            return self._loaded[1]

    def settings(self) -> StationSettings:
        """What headquarters set for this station; nothing set where it said nothing."""
        content = self._clear({Kind.SETTINGS.value: 0}).get(Kind.SETTINGS)
        return StationSettings() if content is None else downstream.read_settings(content)

    # ---- for whoever is inside ---------------------------------------------------------------
    def appointments(self) -> Ticket[tuple[Appointment, ...]]:
        return self._asked(Kind.APPOINTMENTS, downstream.read_appointments)

    def cards(self) -> Ticket[tuple[Card, ...]]:
        return self._asked(Kind.CARDS, downstream.read_cards)

    def decisions(self) -> Ticket[tuple[Decision, ...]]:
        return self._asked(Kind.DECISIONS, downstream.read_decisions)

    def settle(self) -> None:
        """Put accounts to use, remember in the vault what was seen, let go of old lists.

        For the desk's own thread, right after somebody entered. Again changes nothing.
        """
        inside = self._accounts.inside()
        self._refuse_older(inside)
        if self._apply_accounts(inside):
            self._tell()
        self._let_go()

    def settle_owed(self) -> None:
        """The same where a trouble must keep nobody out: what failed is owed until the next."""
        try:
            if self._accounts.session is not None:
                self.settle()
        except Trouble as trouble:
            log.warning("what came down is owed: %s", trouble.code)

    # ---- within ------------------------------------------------------------------------------
    def _read(self, signed: Signed) -> Manifest:
        here = self._accounts.station()
        registrars = self._accounts.descriptor().registrars
        return downstream.read_manifest(signed, registrars, realm=here.realm, station=here.station)

    def _row(self, kind: Kind, held: Held | None, trouble: Trouble | None) -> Row:
        if held is None:
            return Row(kind=kind, trouble=trouble)
        now = self._clock.utc()
        try:
            manifest = self._read(held.signed)
        except Trouble as wrong:
            return Row(kind=kind, version=held.version, trouble=wrong)
        return Row(
            kind=kind,
            version=held.version,
            issued=manifest.issued,
            expires=manifest.expires,
            age=max(timedelta(0), now - datetime.fromisoformat(manifest.issued).astimezone(UTC)),
            expired=downstream.is_expired(manifest, now),
            trouble=trouble,
        )

    def _clear(self, kinds: Mapping[str, int]) -> dict[Kind, bytes]:
        """The contents of those of these kinds that are here and not sealed.

        Whatever is wrong with one is its trouble, and what came with the program serves instead.
        """
        found: dict[Kind, bytes] = {}
        for kind in (one for one in Kind if one.value in kinds and one not in PERSONAL):
            try:
                download = downloads.get(self._outbox, kind.value)
                if download is not None:
                    manifest = self._read(download.signed)
                    content = downstream.open_content(manifest, download.body)
                    downstream.check_content(kind, content)
                    found[kind] = content
            except Trouble as trouble:
                self._refused[kind.value] = trouble
        return found

    def _asked(self, kind: Kind, read: Callable[[bytes], tuple[T, ...]]) -> Ticket[tuple[T, ...]]:
        def look(_: threading.Event) -> tuple[T, ...]:
            content = self._opened(self._accounts.demand(Act.SEE_QUEUE), kind)
            return () if content is None else read(content)

        return self._desk.run(look)

    def _opened(self, inside: Inside, kind: Kind) -> bytes | None:
        download = downloads.get(self._outbox, kind.value)
        if download is None:
            return None
        try:
            manifest = self._read(download.signed)
            content = downstream.open_content(
                manifest, download.body, inside.vault.station_keys()[1]
            )
            downstream.check_content(kind, content)
        except Trouble as trouble:
            self._refused[kind.value] = trouble
            raise
        return content

    def _refuse_older(self, inside: Inside) -> None:
        """An outbox that was put back to an older day brings nothing older into use."""
        seen = _numbers(inside.vault.setting(_SEEN))
        held = downloads.held(self._outbox)
        for kind, version in seen.items():
            if kind in held and held[kind].version < version:
                downloads.forget(self._outbox, kind, version)
                self._refused[kind] = OlderDownload(kind)
        newest = {kind: max(one.version, seen.get(kind, 0)) for kind, one in held.items()}
        if newest != seen:
            inside.vault.set_setting(_SEEN, msgspec.json.encode({**seen, **newest}).decode())

    def _let_go(self) -> None:
        """Lists of people do not stay long after their time."""
        now = self._clock.utc()
        for kind, held in downloads.held(self._outbox).items():
            manifest = self._read(held.signed) if held.whole and kind in set(PERSONAL) else None
            if manifest is not None and downstream.is_expired(manifest, now - KEEP_PERSONAL):
                downloads.forget(self._outbox, kind, held.version)

    def _apply_accounts(self, inside: Inside) -> bool:
        """Whether there was a version of the people list not put to use before."""
        held = downloads.held(self._outbox).get(Kind.ACCOUNTS.value)
        done = _numbers(inside.vault.setting(_APPLIED))
        if held is None or not held.whole or done.get(Kind.ACCOUNTS.value) == held.version:
            return False
        content = self._opened(inside, Kind.ACCOUNTS) or b"[]"
        for signed in downstream.read_accounts(content):
            try:
                self._people.accept(signed)
            except BadAccount as trouble:
                self._refused[Kind.ACCOUNTS.value] = trouble
        after = self._accounts.inside_or_none()
        if after is not None:  # else the list itself put out who was inside; the next does it again
            done[Kind.ACCOUNTS.value] = held.version
            after.vault.set_setting(_APPLIED, msgspec.json.encode(done).decode())
        return True

    def _tell(self) -> None:
        for call in tuple(self._listeners):
            call()


def overlaid(chosen: Settings, said: StationSettings) -> Settings:
    """station.toml with headquarters' word over it."""
    return replace(
        chosen,
        session=_over(chosen.session, idle_minutes=said.idle_minutes),
        drafts=_over(chosen.drafts, days=said.draft_days),
        keeping=_over(
            chosen.keeping, retention_hours=said.retention_hours, jornada_ends=said.jornada_ends
        ),
    )


def _over(section: T, **said: int | None) -> T:
    given = {name: value for name, value in said.items() if value is not None}
    return replace(section, **given)  # type: ignore[type-var]


def _numbers(text: str | None) -> dict[str, int]:
    return msgspec.json.decode(text, type=dict[str, int]) if text else {}
