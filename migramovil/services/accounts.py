"""Who works here: set-up of the station, logging in without a network, locking, new accounts."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

import uuid_utils

from migramovil.core import canonical, sealing
from migramovil.core.record import Descriptor, Realm, Signed
from migramovil.core.roles import Account, AccountBody, Act, ActBody, Approval, Role, demand
from migramovil.core.trouble import Trouble, Who
from migramovil.devices.lanes import Lane, Ticket
from migramovil.services.clock import StationClock
from migramovil.services.lockout import Lockout
from migramovil.store import finishing, keys, marks, rotation
from migramovil.store.hardware import NONE, Machine
from migramovil.store.outbox import Outbox, StationIdentity
from migramovil.store.trouble import DiskFull
from migramovil.store.vault import Vault

T = TypeVar("T")
NEWER_DESCRIPTOR = "headquarters.descriptor"
"""The mark that holds headquarters' newest signed descriptor."""
KNOWN_HEADQUARTERS = "headquarters.descriptor"
"""The vault's setting that holds the descriptor it believes."""


class NobodyInside(Trouble):
    code = "ACC-04"
    what = "La estación está bloqueada."
    advice = "Entre con su usuario y su contraseña."
    who = Who.OFFICER


class HeadquartersChanged(Trouble):
    code = "KEY-06"
    what = "Los datos de sede central en esta estación no son los que conocía."
    advice = "No se entró, para que nada se selle a un extraño. Avise al técnico con este código."


class NotThisStation(Trouble):
    code = "KEY-07"
    what = "Esta laptop dice ser otra estación, no la de sus cuentas."
    advice = (
        "No se entró, para que nada se selle a nombre de otra. Avise al técnico con este código."
    )


class Revoked(Trouble):
    code = "ACC-10"
    what = "Esta persona ya no puede entrar en esta estación."
    advice = "Su acceso fue anulado. Si no corresponde, hable con supervisión."
    who = Who.SUPERVISOR


class AlreadyEnrolled(Trouble):
    code = "ACC-31"
    what = "Esta estación ya está dada de alta."
    advice = "Nada se cambió. Para empezar de nuevo en esta laptop, avise al técnico."


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is inside."""

    account: str
    username: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDraft:
    """A draft that waits, as the login may tell it: no name."""

    step: str
    saved: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStation:
    """What enrolling at headquarters brings home."""

    identity: StationIdentity
    account: Signed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """The private keys made for one request (code, name, username) to be enrolled."""

    asked: tuple[str, str, str]
    signer: sealing.Signer
    opener: sealing.Opener
    transport: sealing.Signer
    person: keys.PersonKeys


class Enroller(Protocol):
    """The wire's part of a first contact; app.py gives it.

    `transport` is the private key; everything else are public halves.
    """

    def __call__(
        self,
        *,
        url: str,
        code: str,
        realm: Realm,
        name: str,
        signing: bytes,
        sealing: bytes,
        transport: bytes,
        supervisor: tuple[str, str, bytes, bytes],
    ) -> NewStation: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What is open while somebody is inside; nothing of it outlives the session."""

    session: Session
    person: keys.PersonKeys
    vault: Vault
    vault_key: bytes


class Accounts:
    """The door. Everything that needs the vault asks here for what is inside."""

    def __init__(  # noqa: PLR0917 - the rooms this service stands on
        self,
        folder: Path,
        outbox: Outbox,
        desk: Lane,
        clock: StationClock,
        enroller: Enroller,
        realm: Realm,
        *,
        memory_kib: int = 256 * 1024,
        machine: Machine | None = None,
    ) -> None:
        self._folder = folder
        self._outbox = outbox
        self._desk = desk
        self._clock = clock
        self._enroller = enroller
        self._realm = realm
        self._memory_kib = memory_kib
        self.machine = machine or Machine()
        self._inside: Inside | None = None
        self._kept: KeptDraft | None = None
        self._guard = threading.Lock()
        self._tried: _Attempt | None = None
        self._lockout = Lockout(outbox)
        self.on_enrolled: Callable[[], object] = lambda: None
        self.keepsake: finishing.Keep = finishing.keep_nothing
        self.make_room: Callable[[], bool] = lambda: False  # on a full disk: whether there is some
        self.on_entered: Callable[[], object] = lambda: None  # on the desk's thread
        self.on_lock: Callable[[], object] = lambda: None  # on the desk's thread, the vault open
        self.on_leaving: Callable[[], object] = lambda: None  # the same, once all is put away

    # ---- what anyone may know ----------------------------------------------------------
    @property
    def enrolled(self) -> bool:
        return self._outbox.station() is not None

    @property
    def session(self) -> Session | None:
        inside = self._inside
        return inside.session if inside else None

    def people(self) -> tuple[keys.SlotInfo, ...]:
        return keys.slots(self._folder)

    def wait_s(self, username: str) -> float:
        """Seconds until this person's password is looked at again; 0 when it is now."""
        return self._lockout.wait_s(username)

    def kept_draft(self) -> KeptDraft | None:
        """The draft left on this station while it has been running; known without the vault."""
        return self._kept

    def keep(self, kept: KeptDraft | None) -> None:
        self._kept = kept

    # ---- in and out --------------------------------------------------------------------
    def inside(self) -> Inside:
        inside = self._inside
        if inside is None:
            raise NobodyInside
        return inside

    def inside_or_none(self) -> Inside | None:
        return self._inside

    def demand(self, act: Act) -> Inside:
        """What is inside, if the person there may do `act`; refusals are audited."""
        inside = self.inside()
        try:
            demand(inside.session.role, act)
        except Trouble:
            inside.vault.audit.append(
                inside.session.account, f"refused:{act}", "", self._clock.now()
            )
            raise
        return inside

    def log_in(self, username: str, password: str) -> Ticket[Session]:
        return self._desk.run(lambda _: self.with_room(lambda: self._log_in(username, password)))

    def with_room(self, write: Callable[[], T]) -> T:
        """What must reach the disk, once more where it was full and room could be made."""
        try:
            return write()
        except DiskFull:
            if not self.make_room():
                raise
            return write()

    def lock(self) -> None:
        """Close the vault and forget every key. The draft stays, encrypted; sync goes on."""

        self._desk.run(lambda _: self._leave()).result()

    def _leave(self) -> None:
        """The vault closes whatever the disk says meanwhile."""
        inside = self._inside
        if inside is None:
            return
        try:
            self.on_lock()
            self.on_leaving()
            with contextlib.suppress(Trouble):
                inside.vault.audit.append(inside.session.account, "lock", "", self._clock.now())
        finally:
            with self._guard:
                self._inside = None
            inside.vault.close()

    def put_out(self) -> None:
        """Close the vault now; for the desk's own thread."""
        self._leave()

    def rekeyed(self, vault_key: bytes) -> None:
        """The vault that is open has this key from now on; for the desk's own thread."""
        with self._guard:
            if self._inside is not None:
                self._inside = replace(self._inside, vault_key=vault_key)

    def _log_in(self, username: str, password: str) -> Session:
        unlocked = self._open_slot(username, password)
        self._leave()
        with self._guard, contextlib.ExitStack() as undo:
            vault = undo.enter_context(Vault(self._folder, unlocked.vault_key))
            person = unlocked.person
            if person.account in rotation.revoked(vault):
                raise Revoked
            self.check_outbox(vault)
            finishing.reconcile(self._outbox, vault, actor=person.account, keep=self.keepsake)
            role = next(
                (a.body.role for a in vault.accounts() if a.body.account == person.account),
                Role(person.role),
            )
            session = Session(account=person.account, username=person.username, role=role)
            vault.audit.append(session.account, "login", "", self._clock.now())
            self._audit_clock(vault)
            self._inside = Inside(
                session=session, person=person, vault=vault, vault_key=unlocked.vault_key
            )
            undo.pop_all()
        self._strengthen(person, password, unlocked.vault_key)
        self.on_entered()
        return session

    def check_outbox(self, vault: Vault) -> None:
        """Before anything is sealed on the outbox's word, for whoever holds this machine can
        rewrite it: NotThisStation, HeadquartersChanged unless the vault knows the same."""
        self._check_place(vault)
        self._check_headquarters(vault)

    def _check_place(self, vault: Vault) -> None:
        """What packets will say of their station: its people's accounts, which others signed, must
        name it."""
        station = self.station()
        places = {(one.body.realm, one.body.station) for one in vault.accounts()}
        if places and (station.realm, station.station) not in places:
            raise NotThisStation

    def _check_headquarters(self, vault: Vault) -> None:
        """Whom packets are sealed to: it must be what the vault knows, or a newer word signed by
        the same root."""
        now, known = self.station().descriptor, vault.setting(KNOWN_HEADQUARTERS)
        if known == now:
            return
        if known is not None:
            believed = canonical.decode(known.encode(), Descriptor)
            try:
                word = marks.get(self._outbox, NEWER_DESCRIPTOR) or ""
                signed = canonical.decode(word.encode(), Signed)
                said = signed.verified(canonical.from_text(believed.root))
            except (canonical.NotCanonical, sealing.BadSignature):
                raise HeadquartersChanged from None
            if said != now.encode() or self.descriptor().version <= believed.version:
                raise HeadquartersChanged
        vault.set_setting(KNOWN_HEADQUARTERS, now)

    def _strengthen(self, person: keys.PersonKeys, password: str, vault_key: bytes) -> None:
        """Give a slot older than the machine's secret that secret's strength."""
        chosen = self.machine.chosen
        if chosen in {NONE, keys.hardware_of(self._folder, person.account)}:
            return
        try:
            keys.add_slot(
                self._folder,
                person,
                password,
                vault_key=vault_key,
                memory_kib=self._memory_kib,
                hardware=self.machine.strength,
            )
            act = "strengthen-slot"
        except keys.HardwareGone:  # the slot stays as weak as it was, and the audit says so
            act = "hardware-gone"
        self.inside().vault.audit.append(person.account, act, chosen, self._clock.now())

    def _audit_clock(self, vault: Vault) -> None:
        skew = self._clock.skew()
        if skew is not None:
            act = "clock-ahead" if skew.ahead else "clock-behind"
            vault.audit.append("", act, f"{skew.by.total_seconds():.0f} s", self._clock.now())

    # ---- a new station, new people -------------------------------------------------------
    def enroll(self, url: str, code: str, name: str, username: str, password: str) -> Ticket[None]:
        """Make this station's keys and its first supervisor, and have headquarters sign both."""
        return self._desk.run(lambda _: self._enroll(url, code, name, username, password))

    def _enroll(self, url: str, code: str, name: str, username: str, password: str) -> None:
        if self.enrolled:
            raise AlreadyEnrolled
        username = username.strip().lower()
        keys.check_password(username, password)
        tried = self._attempt(code, name, username)
        person = tried.person
        new = self._enroller(
            url=url,
            code=code,
            realm=self._realm,
            name=name,
            signing=tried.signer.public,
            sealing=tried.opener.public,
            transport=tried.transport.dump(),
            supervisor=(person.account, username, person.signer.public, person.opener.public),
        )
        Vault.discard(self._folder)
        vault_key = Vault.create(self._folder)
        with Vault(self._folder, vault_key) as vault:
            vault.save_station_keys(tried.signer, tried.opener)
            body = canonical.decode(canonical.from_text(new.account.body), AccountBody)
            vault.add_account(Account(body=body, vouched=new.account))
            vault.set_setting(KNOWN_HEADQUARTERS, new.identity.descriptor)
            vault.audit.append(
                person.account, "enroll-station", new.identity.station, self._clock.now()
            )
        keys.add_slot(
            self._folder,
            person,
            password,
            vault_key=vault_key,
            memory_kib=self._memory_kib,
            hardware=self.machine.strength,
        )
        self._outbox.enroll(new.identity)
        self._tried = None
        self.on_enrolled()

    def _attempt(self, code: str, name: str, username: str) -> _Attempt:
        """The keys to present: the same again for the same request, for headquarters answers one
        request per code, again and again, and its answer may have been lost on the way."""
        asked = (code, name, username)
        if self._tried is None or self._tried.asked != asked:
            self._tried = _Attempt(
                asked=asked,
                signer=sealing.Signer.new(),
                opener=sealing.Opener.new(),
                transport=sealing.Signer.new(),
                person=keys.new_person(str(uuid_utils.uuid7()), username, Role.SUPERVISOR),
            )
        return self._tried

    # ---- personal signatures -----------------------------------------------------------------
    def descriptor(self) -> Descriptor:
        return canonical.decode(self.station().descriptor.encode(), Descriptor)

    def recipients(self) -> tuple[bytes, bytes]:
        """Headquarters' two KEM public keys: operational, recovery."""
        known = self.descriptor()
        return canonical.from_text(known.operational), canonical.from_text(known.recovery)

    def sign_act(
        self, person: keys.PersonKeys, act: str, record: str, content_sha256: str
    ) -> Approval:
        """A person's own signature on one act, with the accounts that lead to the registrar."""
        station = self.station()
        body = ActBody(
            act=act,
            suite=sealing.SUITE,
            realm=station.realm,
            station=station.station,
            record=record,
            recipients=tuple(sealing.key_id(key) for key in self.recipients()),
            account=person.account,
            content_sha256=content_sha256,
            utc=self._clock.now().utc,
        )
        signed = Signed.by(person.signer, canonical.encode(body))
        return Approval(signed=signed, chain=self.chain(person.account))

    def second_person(self, username: str, password: str) -> keys.PersonKeys:
        """Another person's keys, opened for one signature by their own password."""
        self.inside()
        return self._open_slot(username, password).person

    def trying(self, username: str) -> AbstractContextManager[None]:
        """Goes round every look at a person's password: the door's waits count here too."""
        return self._lockout.trying(username)

    def _open_slot(self, username: str, password: str) -> keys.Unlocked:
        with self.trying(username):
            return keys.open_slot(self._folder, username, password, self.machine.secrets)

    def role_of(self, account: str) -> Role:
        known = {a.body.account: a.body.role for a in self.inside().vault.accounts()}
        if account not in known:
            raise NobodyInside(account)
        return known[account]

    def chain(self, account: str) -> tuple[Account, ...]:
        """The account and those that vouch for it, up to headquarters' word."""
        known = {a.body.account: a for a in self.inside().vault.accounts()}
        chain: list[Account] = []
        while account in known and len(chain) <= len(known):
            chain.append(known[account])
            account = known[account].by
        return tuple(chain)

    def station(self) -> StationIdentity:
        station = self._outbox.station()
        if station is None:
            raise NobodyInside("not enrolled")
        return station
