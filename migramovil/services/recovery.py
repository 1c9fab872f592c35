"""«Olvidé mi contraseña»: the way back in that two operators at headquarters allow.

By voice: they read out a spare's secret, once. By file: they answer a request with the vault's key
sealed to the person's new key. Either way the person gets new keys, the vault a new key, and the
station itself vouches for them, naming what headquarters released.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from migramovil.core import canonical, recovery, sealing
from migramovil.core.record import Signed
from migramovil.core.recovery import ReplyBody, RequestBody
from migramovil.core.roles import RECOVERED, Account, AccountBody
from migramovil.core.trouble import Trouble, Who
from migramovil.devices.lanes import Lane, Ticket
from migramovil.services.accounts import Accounts
from migramovil.services.clock import StationClock
from migramovil.store import files, keys, marks, rotation
from migramovil.store.keys import NoSuchRecovery, PersonKeys, Slot
from migramovil.store.outbox import Outbox
from migramovil.store.rotation import Change
from migramovil.store.trouble import translated
from migramovil.store.vault import Vault


class NoSpareLeft(Trouble):
    code = "KEY-04"
    what = "Esta estación no tiene ahora un número para recuperar por voz."
    advice = "Pida la recuperación por archivo, o que supervisión le dé una contraseña nueva."
    who = Who.SUPERVISOR


class BadReply(Trouble):
    code = "KEY-05"
    what = "Ese archivo no es la respuesta de sede central a esta solicitud."
    advice = "Use el archivo que responde a la última solicitud de esta persona en esta estación."
    who = Who.HEADQUARTERS


class Recovery:
    """Works with nobody inside; every method runs on the desk's lane."""

    def __init__(
        self,
        folder: Path,
        accounts: Accounts,
        outbox: Outbox,
        desk: Lane,
        clock: StationClock,
        *,
        memory_kib: int = 256 * 1024,
    ) -> None:
        self._folder = folder
        self._accounts = accounts
        self._outbox = outbox
        self._desk = desk
        self._clock = clock
        self._memory_kib = memory_kib

    def number(self) -> int | None:
        """The number to tell headquarters now; None while there is none it knows of."""
        return next(iter(keys.spares(self._folder)), None)

    def by_voice(
        self, number: int, username: str, password: str, lines: Sequence[str]
    ) -> Ticket[None]:
        """Enter again by the four lines headquarters read out for this number and username.

        BadRecoveryCode names the lines to correct; NoSuchRecovery, WeakPassword, NoSpareLeft.
        """
        return self._desk.run(lambda _: self._by_voice(number, username, password, lines))

    def request(self, username: str, password: str) -> Ticket[bytes]:
        """What to take to headquarters; the new password is asked again with its reply."""
        return self._desk.run(lambda _: self._request(username, password))

    def take_reply(self, username: str, password: str, data: bytes) -> Ticket[None]:
        """Enter again by headquarters' reply file. BadReply, WrongPassword."""
        return self._desk.run(lambda _: self._take_reply(username, password, data))

    def save_request(self, username: str, password: str, path: Path) -> Ticket[None]:
        """`request`, written to `path`: whole or not at all."""
        return self._desk.run(lambda _: files.write(path, self._request(username, password)))

    def take_reply_from(self, username: str, password: str, path: Path) -> Ticket[None]:
        """`take_reply` of the file at `path`."""

        def take() -> None:
            with translated():
                data = path.read_bytes()
            self._take_reply(username, password, data)

        return self._desk.run(lambda _: take())

    # ---- by voice ----------------------------------------------------------------------
    def _by_voice(self, number: int, username: str, password: str, lines: Sequence[str]) -> None:
        if number not in keys.spares(self._folder):
            raise NoSpareLeft
        spoken = recovery.read(lines)
        known = self._known(username)
        station = self._accounts.station().station
        secret = recovery.masked(spoken, station, number, known.username)
        vault_key = keys.open_spare(self._folder, number, secret)
        person, slot = self._new_keys(known, password)
        self._let_in(vault_key, person, slot, str(number), used=number)

    # ---- by file -----------------------------------------------------------------------
    def _request(self, username: str, password: str) -> bytes:
        known = self._known(username)
        station = self._accounts.station()
        sealed = keys.sealed_for_headquarters(self._folder)
        if not sealed:
            raise NoSpareLeft("file")
        person, slot = self._new_keys(known, password)
        body = RequestBody(
            realm=station.realm,
            station=station.station,
            code=station.code,
            account=person.account,
            username=person.username,
            signing=canonical.text(person.signer.public),
            sealing=canonical.text(person.opener.public),
            vault=canonical.text(sealed),
            utc=self._clock.now().utc,
        )
        transport = sealing.Signer.load(station.transport)
        request = Signed.by(transport, canonical.encode(body))
        keys.keep_pending(self._folder, slot)
        marks.put(self._outbox, _mark(person.account), recovery.reference_of(request))
        return canonical.encode(request)

    def _take_reply(self, username: str, password: str, data: bytes) -> None:
        with self._accounts.trying(username):
            person, slot = keys.open_pending(
                self._folder, username, password, self._accounts.machine.secrets
            )
        reply = self._read(data)
        station = self._accounts.station()
        asked = marks.get(self._outbox, _mark(person.account))
        about = (reply.realm, reply.station, reply.reference, reply.username)
        if about != (station.realm, station.station, asked, person.username):
            raise BadReply("another request")
        purpose = recovery.reply_purpose(reply.station, reply.reference, reply.username)
        try:
            vault_key = person.opener.open(canonical.from_text(reply.vault), purpose)
        except sealing.CannotOpen:
            raise BadReply("sealed to another key") from None
        self._let_in(vault_key, person, slot, reply.reference)

    def _read(self, data: bytes) -> ReplyBody:
        root = canonical.from_text(self._accounts.descriptor().root)
        try:
            return canonical.decode(canonical.decode(data, Signed).verified(root), ReplyBody)
        except (canonical.NotCanonical, sealing.BadSignature) as problem:
            raise BadReply(problem.code) from None

    # ---- both --------------------------------------------------------------------------
    def _known(self, username: str) -> keys.SlotInfo:
        found = keys.account_named(self._folder, username)
        if found is None:
            raise NoSuchRecovery
        return found

    def _new_keys(self, known: keys.SlotInfo, password: str) -> tuple[PersonKeys, Slot]:
        person = keys.new_person(known.account, known.username, known.role)
        slot = keys.slot_for(
            person,
            password,
            memory_kib=self._memory_kib,
            hardware=self._accounts.machine.strength,
        )
        return person, slot

    def _let_in(
        self, vault_key: bytes, person: PersonKeys, slot: Slot, reference: str, *, used: int = 0
    ) -> None:
        """The person's new keys, vouched for by the station, under a new vault key: one step."""
        self._accounts.put_out()
        with contextlib.closing(Vault(self._folder, vault_key)) as vault:
            self._accounts.check_outbox(vault)
            every = {one.body.account: one for one in vault.accounts()}
            if person.account not in every or person.account in rotation.revoked(vault):
                raise NoSuchRecovery
            body = replace(
                every[person.account].body,
                signing=canonical.text(person.signer.public),
                sealing=canonical.text(person.opener.public),
            )
            signer, _ = vault.station_keys()
            new = Account(
                body=body,
                vouched=Signed.by(signer, canonical.encode(body)),
                by=f"{RECOVERED}{reference}",
            )
            others = tuple(
                _vouched(person, one.body) for one in every.values() if one.by == person.account
            )
            change = Change(
                actor=person.account,
                act="recover-account",
                subject=reference,
                at=self._clock.now(),
                accounts=(new, *others),
                used=used,
            )
            recipient = self._accounts.recipients()[1]
            rotation.rotate(self._folder, vault, change, recovery=recipient, entrant=slot)


def _vouched(person: PersonKeys, body: AccountBody) -> Account:
    """Somebody whom only the lost keys vouched for."""
    signed = Signed.by(person.signer, canonical.encode(body))
    return Account(body=body, vouched=signed, by=person.account)


def _mark(account: str) -> str:
    return f"recovery.{account}"
