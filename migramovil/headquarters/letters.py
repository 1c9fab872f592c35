"""Letters from stations: each is kept as it came, answered once, and repeated verbatim.

A new account that a station's supervisor vouches for gets the registrar's own signature; a
revocation is written down. What is sealed inside stays sealed here: the edge opens nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migramovil.core import canonical, letters, roles, sealing
from migramovil.core.record import Descriptor, Signed
from migramovil.core.trouble import Trouble
from migramovil.headquarters import people
from migramovil.headquarters.people import KeptLetter
from migramovil.headquarters.store import Station, Store
from migramovil.headquarters.vouching import Unacceptable, check_chain, vouchers_of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a letter's content comes to: the answer's content, and what the books learn."""

    content: bytes = b""
    account: str = ""
    body: str = ""
    revoked: str = ""


class LetterBox:
    """Takes letters at the edge; `registrar` signs accounts, `signer` every answer."""

    def __init__(
        self,
        store: Store,
        descriptor: Descriptor,
        *,
        registrar: sealing.Signer,
        signer: sealing.Signer,
    ) -> None:
        self._store = store
        self._descriptor = descriptor
        self._registrar = registrar
        self._signer = signer

    def take(self, data: bytes, known: Callable[[str], Station], utc: str) -> bytes:
        """The answer (canonical Signed) to a letter that its station signed, else BadLetter."""
        named = letters.read(data)
        station = known(named.station)
        if station.revoked:
            raise letters.BadLetter("revoked")
        body = letters.read(data, canonical.from_text(station.signing))
        if body.realm != self._descriptor.realm:
            raise letters.BadLetter("realm")
        there = people.letter(self._store, station.station, body.id)
        if there is None:
            there = self._keep(station, body, data, utc)
        if there.body != data:
            raise letters.BadLetter("another letter of this name")
        return there.answer.encode()

    def _keep(
        self, station: Station, body: letters.LetterBody, data: bytes, utc: str
    ) -> KeptLetter:
        try:
            said = self._read(station, body, utc)
        except Trouble:
            said = _Said()  # kept all the same, without headquarters' word for what it asks
        answer = letters.answer(self._signer, data, body, said.content)
        kept = KeptLetter(
            station=station.station,
            id=body.id,
            kind=body.kind,
            body=data,
            received=utc,
            answer=canonical.encode(answer).decode(),
        )
        return people.keep_letter(
            self._store, kept, account=said.account, body=said.body, revoked=said.revoked
        )

    def _read(self, station: Station, body: letters.LetterBody, utc: str) -> _Said:
        if body.kind == "account":
            return self._account(station, body)
        if body.kind == "revocation":
            return self._revocation(station, body, utc)
        return _Said()

    def _account(self, station: Station, body: letters.LetterBody) -> _Said:
        chain = canonical.decode(canonical.from_text(body.clear), tuple[roles.Account, ...])
        account = self._checked(station, chain)
        signed = canonical.encode(Signed.by(self._registrar, canonical.encode(account)))
        return _Said(content=signed, account=account.account, body=signed.decode())

    def _revocation(self, station: Station, body: letters.LetterBody, utc: str) -> _Said:
        asked = canonical.decode(canonical.from_text(body.clear), roles.Revocation)
        by = self._checked(station, asked.chain)
        said = asked.signed.verified(canonical.from_text(by.signing))
        revoked = canonical.decode(said, roles.RevocationBody)
        about = (revoked.realm, revoked.station, by.role)
        if about != (self._descriptor.realm, station.station, roles.Role.SUPERVISOR):
            raise Unacceptable("revocation")
        signed = canonical.encode(Signed.by(self._registrar, said))
        return _Said(content=signed, account=revoked.account, revoked=utc)

    def _checked(self, station: Station, chain: tuple[roles.Account, ...]) -> roles.AccountBody:
        vouchers = vouchers_of(self._store, self._descriptor, station.station, station.signing)
        found = check_chain(chain, vouchers)
        if any(people.is_revoked(self._store, station.station, one.body.account) for one in chain):
            raise Unacceptable("revoked")
        return found
