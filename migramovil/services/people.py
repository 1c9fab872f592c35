"""Who may enter this station: new people, forgotten passwords, revocations, and what headquarters
says of each. Every change is signed, audited, told to headquarters by letter, and changes the
vault's key.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from pathlib import Path

import uuid_utils

from migramovil.core import canonical, holdings, letters, recovery, sealing
from migramovil.core.holdings import HeldCompartment, Holdings
from migramovil.core.record import Signed
from migramovil.core.roles import (
    Account,
    AccountBody,
    Act,
    BadAccount,
    Revocation,
    RevocationBody,
    Role,
)
from migramovil.core.trouble import Trouble, Who
from migramovil.devices.lanes import Lane, Ticket
from migramovil.services.accounts import Accounts, Inside
from migramovil.services.clock import StationClock
from migramovil.store import acts, compartments, keys, rotation
from migramovil.store import letters as post
from migramovil.store.acts import StoredAct
from migramovil.store.keys import Slot
from migramovil.store.outbox import Outbox
from migramovil.store.rotation import REVOKE, Change, KnownSpare, Spares

log = logging.getLogger(__name__)

ACCOUNT, REVOCATION, SPARES = "account", "revocation", "recovery"
"""Kinds of letters."""
TOLD_EVERY_S = 3600.0
"""What a station holds may have changed for so long before headquarters is told again."""
_NUMBERS_AN_EPOCH = 1000


class NotOneself(Trouble):
    code = "ACC-11"
    what = "Esto no lo hace una persona con su propia cuenta."
    advice = "Para la contraseña propia use «Mi contraseña»; para lo demás, otra supervisión."
    who = Who.SUPERVISOR


class NoSuchAccount(Trouble):
    code = "ACC-12"
    what = "Esa cuenta no está activa en esta estación."
    advice = "Vuelva a abrir la lista de cuentas."
    who = Who.SUPERVISOR


class NoReason(Trouble):
    code = "ACC-13"
    what = "Falta el motivo de la anulación."
    advice = "Escríbalo en pocas palabras; queda firmado con la anulación."
    who = Who.SUPERVISOR


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """One account as supervision sees it.

    `vouched_by` is "" for headquarters, a username for a supervisor of this station, or
    "recovery:…" after a recovery headquarters allowed.
    """

    account: str
    username: str
    role: Role
    active: bool
    vouched_by: str
    oneself: bool
    revoked_utc: str = ""
    reason: str = ""


class People:
    """Every method works on the desk's lane; supervision only, except `change_password`."""

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
        self._told = -math.inf
        outbox.on_change(self.heard)
        accounts.on_leaving = self._tell_again

    # ---- what supervision does ---------------------------------------------------------
    def everyone(self) -> Ticket[tuple[PersonRow, ...]]:
        """All accounts there have been, active ones first."""
        return self._desk.run(lambda _: self._everyone(self._accounts.demand(Act.MANAGE_ACCOUNTS)))

    def add(self, username: str, password: str, role: Role) -> Ticket[None]:
        """A new account, countersigned here until headquarters does it."""
        return self._desk.run(lambda _: self._add(username, password, role))

    def reset(self, account: str, password: str) -> Ticket[None]:
        """New keys and a new password for somebody who forgot theirs."""
        return self._desk.run(lambda _: self._reset(account, password))

    def revoke(self, account: str, reason: str) -> Ticket[None]:
        """No way in any more; what they signed stays checkable."""
        return self._desk.run(lambda _: self._revoke(account, reason))

    def change_password(self, old: str, new: str) -> Ticket[None]:
        """One's own, whatever one's role; the same keys under a new password."""
        return self._desk.run(lambda _: self._change_password(old, new))

    # ---- what headquarters says --------------------------------------------------------
    def accept(self, signed: Signed) -> None:
        """Take an account or a revocation that headquarters' registrar signed; BadAccount.

        It confirms people made here and makes nobody: the registrar's key lies at the edge. For the
        desk's own thread, with somebody inside. Again, or late, changes nothing.
        """
        inside = self._accounts.inside()
        try:
            data = signed.verified_by_one_of(self._accounts.descriptor().registrars)
            if b'"format":"migramovil/revocation/1"' in data:
                self._accept_revocation(inside, canonical.decode(data, RevocationBody), signed)
            else:
                self._accept_account(inside, canonical.decode(data, AccountBody), signed)
        except (sealing.BadSignature, canonical.NotCanonical) as problem:
            raise BadAccount(problem.code) from None

    def settle(self) -> None:
        """Take headquarters' answers, write the letters that are owed, and keep enough spares.

        For the desk's own thread, right after somebody entered. Again changes nothing.
        """
        inside = self._accounts.inside()
        for kind in (ACCOUNT, REVOCATION):
            for letter in post.answered(self._outbox, kind):
                self._take_answer(letter.answer or b"")
        self._write_letters(inside)
        self._keep_spares(inside)
        self._tell_holdings(inside)

    def heard(self) -> None:
        """Something came to rest in the outbox, or headquarters spoke: have it told what is held
        here, at most hourly. From any thread; with nobody inside nothing new is held."""
        due = self._clock.running() >= self._told + TOLD_EVERY_S
        if due and self._accounts.session is not None:
            self._told = self._clock.running()
            self._desk.run(lambda _: self._tell_again())

    # ---- the desk's own work -----------------------------------------------------------
    def _everyone(self, inside: Inside) -> tuple[PersonRow, ...]:
        every = inside.vault.accounts()
        names = {one.body.account: one.body.username for one in every}
        gone = {one: self._revocation(inside, one) for one in rotation.revoked(inside.vault)}
        rows = [
            PersonRow(
                account=one.body.account,
                username=one.body.username,
                role=one.body.role,
                active=one.body.account not in gone,
                vouched_by=names.get(one.by, one.by),
                oneself=one.body.account == inside.session.account,
                revoked_utc=gone[one.body.account].utc if one.body.account in gone else "",
                reason=gone[one.body.account].reason if one.body.account in gone else "",
            )
            for one in every
        ]
        return tuple(sorted(rows, key=lambda row: (not row.active, row.username)))

    def _revocation(self, inside: Inside, account: str) -> RevocationBody:
        (act, *_) = (one for one in acts.about(inside.vault, account) if one.act == REVOKE)
        signed = canonical.decode(act.body, Revocation).signed
        return canonical.decode(canonical.from_text(signed.body), RevocationBody)

    def _add(self, username: str, password: str, role: Role) -> None:
        inside = self._accounts.demand(Act.MANAGE_ACCOUNTS)
        keys.check_free(self._folder, username)
        self._enter_keys(
            inside, keys.new_person(str(uuid_utils.uuid7()), username, role), password,
            "add-account",
        )  # fmt: skip

    def _reset(self, account: str, password: str) -> None:
        inside = self._accounts.demand(Act.MANAGE_ACCOUNTS)
        known = self._active(inside, account).body
        person = keys.new_person(account, known.username, known.role)
        self._enter_keys(inside, person, password, "reset-account")

    def _enter_keys(self, inside: Inside, person: keys.PersonKeys, password: str, act: str) -> None:
        slot = keys.slot_for(
            person,
            password,
            memory_kib=self._memory_kib,
            hardware=self._accounts.machine.strength,
        )
        new = self._vouched(inside, self._body(person))
        others = self._revouched(inside, person.account)
        change = Change(
            actor=inside.session.account,
            act=act,
            subject=person.account,
            at=self._clock.now(),
            accounts=(new, *others),
        )
        self._change(inside, change, slot)
        self._write_letters(inside)

    def _revoke(self, account: str, reason: str) -> None:
        inside = self._accounts.demand(Act.MANAGE_ACCOUNTS)
        if not reason.strip():
            raise NoReason
        known = self._active(inside, account).body
        said = RevocationBody(
            realm=known.realm,
            station=known.station,
            account=account,
            reason=reason.strip(),
            utc=self._clock.now().utc,
        )
        signed = Signed.by(inside.person.signer, canonical.encode(said))
        chain = self._accounts.chain(inside.session.account)
        revocation = Revocation(signed=signed, chain=chain)
        others = self._revouched(inside, account)
        self._change(inside, self._revoking(inside.session.account, said, revocation, others))
        self._write_letters(inside)

    def _change_password(self, old: str, new: str) -> None:
        inside = self._accounts.inside()
        username = inside.session.username
        with self._accounts.trying(username):
            keys.change_password(self._folder, username, old, new, self._accounts.machine.secrets)
        inside.vault.audit.append(inside.session.account, "change-password", "", self._clock.now())

    def _active(self, inside: Inside, account: str) -> Account:
        """Somebody else's account that is in force."""
        if account == inside.session.account:
            raise NotOneself
        gone = rotation.revoked(inside.vault)
        for one in inside.vault.accounts():
            if one.body.account == account and account not in gone:
                return one
        raise NoSuchAccount

    def _body(self, person: keys.PersonKeys) -> AccountBody:
        station = self._accounts.station()
        return AccountBody(
            realm=station.realm,
            station=station.station,
            account=person.account,
            username=person.username,
            role=person.role,
            signing=canonical.text(person.signer.public),
            sealing=canonical.text(person.opener.public),
        )

    def _vouched(self, inside: Inside, body: AccountBody) -> Account:
        vouched = Signed.by(inside.person.signer, canonical.encode(body))
        return Account(body=body, vouched=vouched, by=inside.session.account)

    def _revouched(self, inside: Inside, account: str) -> tuple[Account, ...]:
        """People whom only this account's present keys vouch for: whoever is inside does it now."""
        return tuple(
            self._vouched(inside, one.body)
            for one in inside.vault.accounts()
            if one.by == account and one.body.account != inside.session.account
        )

    def _change(self, inside: Inside, change: Change, entrant: Slot | None = None) -> None:
        recipient = self._accounts.recipients()[1]
        key = rotation.rotate(
            self._folder, inside.vault, change, recovery=recipient, entrant=entrant
        )
        self._accounts.rekeyed(key)

    def _revoking(
        self,
        actor: str,
        said: RevocationBody,
        revocation: Revocation,
        others: tuple[Account, ...] = (),
    ) -> Change:
        return Change(
            actor=actor,
            act=REVOKE,
            subject=said.account,
            at=self._clock.now(),
            accounts=others,
            signed=StoredAct(
                id=str(uuid_utils.uuid7()),
                act=REVOKE,
                subject=said.account,
                utc=said.utc,
                body=canonical.encode(revocation),
            ),
        )

    # ---- headquarters' word ------------------------------------------------------------
    def _take_answer(self, answer: bytes) -> None:
        said = canonical.decode(answer, Signed)
        body = canonical.decode(canonical.from_text(said.body), letters.AnswerBody)
        content = canonical.from_text(body.content)
        if content:
            self.accept(canonical.decode(content, Signed))

    def _accept_account(self, inside: Inside, body: AccountBody, signed: Signed) -> None:
        self._check_place(body.realm, body.station)
        known = next(
            (one for one in inside.vault.accounts() if one.body.account == body.account), None
        )
        if known is None or known.by == "" or known.body != body:
            return  # of nobody here, said before, or about keys this person has no more
        inside.vault.add_account(Account(body=body, vouched=signed))
        inside.vault.audit.append("", "account-confirmed", body.account, self._clock.now())

    def _accept_revocation(self, inside: Inside, said: RevocationBody, signed: Signed) -> None:
        self._check_place(said.realm, said.station)
        if said.account in rotation.revoked(inside.vault):
            return
        oneself = said.account == inside.session.account
        others = () if oneself else self._revouched(inside, said.account)
        self._change(inside, self._revoking("", said, Revocation(signed=signed), others))
        if oneself:
            self._accounts.put_out()

    def _check_place(self, realm: str, station: str) -> None:
        here = self._accounts.station()
        if (realm, station) != (here.realm, here.station):
            raise BadAccount("another station")

    # ---- letters -----------------------------------------------------------------------
    def _write_letters(self, inside: Inside) -> None:
        """A letter for every account headquarters has not countersigned, and every revocation."""
        for account in inside.vault.accounts():
            if account.by:
                chain = canonical.encode(self._accounts.chain(account.body.account))
                name = sealing.sha256(canonical.encode(account))[:32]
                self._put(inside, f"{ACCOUNT}-{name}", ACCOUNT, clear=chain)
        for gone in rotation.revoked(inside.vault):
            for act in acts.about(inside.vault, gone):
                if act.act == REVOKE and canonical.decode(act.body, Revocation).chain:
                    self._put(inside, f"{REVOCATION}-{act.id}", REVOCATION, clear=act.body)

    def _put(
        self, inside: Inside, letter: str, kind: str, *, clear: bytes = b"", secret: bytes = b""
    ) -> None:
        station = self._accounts.station()
        utc = self._clock.now().utc
        body = letters.write(
            inside.vault.station_keys()[0],
            realm=station.realm,
            station=station.station,
            letter=letter,
            kind=kind,
            utc=utc,
            clear=clear,
            secret=secret,
            recipients=self._accounts.recipients() if secret else (),
        )
        post.put(self._outbox, letter, kind, body, utc)

    def _tell_again(self) -> None:
        """A letter that cannot be written now is owed until the next time."""
        inside = self._accounts.inside_or_none()
        if inside is None:
            return
        try:
            self._tell_holdings(inside)
        except Trouble as trouble:
            log.warning("what is held here was not told: %s", trouble.code)

    def _tell_holdings(self, inside: Inside) -> None:
        """What is held here, whenever that is news."""
        self._told = self._clock.running()
        now = canonical.encode(self._holdings(inside))
        told = post.newest(self._outbox, holdings.KIND)
        if told is None or canonical.from_text(letters.read(told.body).clear) != now:
            letter = f"{holdings.KIND}-{uuid_utils.uuid7()}"
            self._put(inside, letter, holdings.KIND, clear=now)

    def _holdings(self, inside: Inside) -> Holdings:
        drafts = inside.vault.drafts()
        kept = compartments.every(inside.vault.database)
        return Holdings(
            epoch=self._accounts.station().epoch,
            finished=self._outbox.seq(),
            waiting=self._outbox.counts().sealed,
            drafts=len(drafts),
            oldest_draft=min((one.updated_utc for one in drafts), default=""),
            compartments=tuple(
                HeldCompartment(
                    jornada=one.jornada, purpose=one.purpose, ends=one.ends_utc, things=one.kept
                )
                for one in kept
                if not one.destroyed_utc
            ),
        )

    # ---- spares ------------------------------------------------------------------------
    def _keep_spares(self, inside: Inside) -> None:
        """Have enough spares made, and in force those whose secret headquarters has."""
        answered = {one.id for one in post.answered(self._outbox, SPARES)}
        waiting = {one.id for one in post.unanswered(self._outbox)}
        now = rotation.spares(inside.vault)
        kept = tuple(one for one in now.known if one.letter in answered | waiting)
        if len(kept) < recovery.FEWEST:
            self._make_spares(inside, replace(now, known=kept))
        delivered = frozenset(one.number for one in kept if one.letter in answered)
        sealed = keys.sealed_for_headquarters(self._folder)
        if delivered != frozenset(keys.spares(self._folder)) or not sealed:
            recipient = self._accounts.recipients()[1]
            rotation.deliver(self._folder, inside.vault, inside.vault_key, delivered, recipient)

    def _make_spares(self, inside: Inside, now: Spares) -> None:
        """The vault first: should the letter not be written, its numbers are never in force."""
        letter = f"{SPARES}-{uuid_utils.uuid7()}"
        first = max(now.last, (self._accounts.station().epoch - 1) * _NUMBERS_AN_EPOCH) + 1
        secrets = {first + n: sealing.new_key() for n in range(recovery.FEWEST)}
        made = tuple(
            KnownSpare(
                number=number,
                public=canonical.text(keys.opener_of(secret).public),
                letter=letter,
            )
            for number, secret in secrets.items()
        )
        rotation.put_spares(inside.vault, Spares(last=max(secrets), known=(*now.known, *made)))
        told = tuple(
            recovery.Spare(number=number, secret=canonical.text(secret))
            for number, secret in secrets.items()
        )
        self._put(inside, letter, SPARES, secret=canonical.encode(told))
