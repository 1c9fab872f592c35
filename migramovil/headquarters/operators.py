"""Who at headquarters may let a person, or a lost station, back in: never one alone."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from migramovil.core import canonical, sealing
from migramovil.core.record import Signed
from migramovil.core.recovery import ReleaseBody
from migramovil.core.trouble import Trouble
from migramovil.headquarters import people
from migramovil.headquarters.people import Operator, Release
from migramovil.headquarters.store import Store

MEMORY_KIB = 256 * 1024
SHORTEST = 12
NEEDED = 2


class OperatorTaken(Trouble):
    code = "HQ-10"
    what = "Ya hay una persona autorizada con ese nombre."
    advice = "Elija otro nombre."


class OperatorRefused(Trouble):
    code = "HQ-11"
    what = "El nombre o la frase de una persona autorizada no son correctos."
    advice = "Revíselos y repita. Sin dos aprobaciones no se entrega nada."


class TwoPeople(Trouble):
    code = "HQ-12"
    what = "Esto lo firman dos personas autorizadas distintas."
    advice = "Pida a otra persona autorizada que ponga su frase."


class ShortPassphrase(Trouble):
    code = "HQ-13"
    what = "La frase es demasiado corta."
    advice = "Use al menos 12 caracteres; una frase de varias palabras sirve bien."


class ReleasedToAnother(Trouble):
    code = "HQ-14"
    what = "Ese número ya se entregó para otro usuario de esa estación."
    advice = "Pida a la estación el número que muestra ahora."


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorBody:
    """What two operators sign to let a third in: the name and the public key."""

    format: str = "migramovil/operator/1"
    name: str
    public: str
    utc: str


Approvals = tuple[Signed, ...]
Approvers = Callable[[], Sequence[tuple[str, sealing.Signer]]]


def add(
    store: Store,
    name: str,
    passphrase: str,
    utc: str,
    *,
    approvers: Approvers = tuple,
    memory_kib: int = MEMORY_KIB,
) -> Operator:
    """A new operator, whose key only their passphrase opens; once there are two, two of them sign
    for each further one. OperatorTaken, ShortPassphrase, TwoPeople."""
    if len(_normal(passphrase)) < SHORTEST:
        raise ShortPassphrase
    if any(one.name == named(name) for one in authorized(store)):
        raise OperatorTaken
    signer, salt = sealing.Signer.new(), secrets.token_bytes(16)
    public, body, approvals = canonical.text(signer.public), "", ""
    if needs_approval(store):
        said = canonical.encode(OperatorBody(name=named(name), public=public, utc=utc))
        body = said.decode()
        approvals = canonical.encode(both(store, said, approvers())[1]).decode()
    key = sealing.from_password(_normal(passphrase), salt, memory_kib=memory_kib)
    one = Operator(
        name=named(name),
        public=public,
        salt=canonical.text(salt),
        memory_kib=memory_kib,
        wrapped=canonical.text(sealing.wrap(key, signer.dump(), _purpose(named(name)))),
        added=utc,
        body=body,
        approvals=approvals,
    )
    people.add_operator(store, one)
    return one


def needs_approval(store: Store) -> bool:
    """Whether the next operator is let in by two others."""
    return len(authorized(store)) >= NEEDED


def authorized(store: Store) -> list[Operator]:
    """The operators of these books, but for whoever was written into them without two signatures
    of those before."""
    found: list[Operator] = []
    for one in people.operators(store):
        if len(found) < NEEDED or _let_in(one, found):
            found.append(one)
    return found


def signed_by(said: bytes, approvals: str, among: Sequence[Operator]) -> set[str]:
    """The names of those who signed exactly this, whatever the approvals say of whose they are;
    BadSignature where one is nobody's."""
    return {_signer(said, one, among) for one in canonical.decode(approvals.encode(), Approvals)}


def _signer(said: bytes, approval: Signed, among: Sequence[Operator]) -> str:
    for one in among:
        try:
            if approval.verified(canonical.from_text(one.public)) == said:
                return one.name
        except sealing.BadSignature:
            continue
    raise sealing.BadSignature


def _let_in(one: Operator, before: Sequence[Operator]) -> bool:
    said = one.body.encode()
    try:
        body = canonical.decode(said, OperatorBody)
        names = signed_by(said, one.approvals, before)
    except (canonical.NotCanonical, sealing.BadSignature):
        return False
    return len(names) >= NEEDED and (body.name, body.public) == (one.name, one.public)


def unlock(store: Store, name: str, passphrase: str) -> sealing.Signer:
    """The operator's key; OperatorRefused whether name or passphrase is wrong."""
    one = next((one for one in authorized(store) if one.name == named(name)), None)
    if one is None:
        raise OperatorRefused
    salt = canonical.from_text(one.salt)
    key = sealing.from_password(_normal(passphrase), salt, memory_kib=one.memory_kib)
    try:
        return sealing.Signer.load(
            sealing.unwrap(key, canonical.from_text(one.wrapped), _purpose(one.name))
        )
    except sealing.CannotOpen:
        raise OperatorRefused from None


def approve(
    store: Store, body: ReleaseBody, approvers: Sequence[tuple[str, sealing.Signer]]
) -> Release:
    """Write down what two different operators signed; the first such word for the same user
    stays. TwoPeople, ReleasedToAnother."""
    said = canonical.encode(body)
    names, signed = both(store, said, approvers)
    release = Release(
        station=body.station,
        reference=body.reference,
        username=body.username,
        utc=body.utc,
        operators=names,
        body=said.decode(),
        approvals=canonical.encode(signed).decode(),
    )
    if people.keep_release(store, release):
        return release
    there = people.release(store, body.station, body.reference)
    if there is None or there.username != body.username:
        raise ReleasedToAnother
    return there


def both(
    store: Store, said: bytes, approvers: Sequence[tuple[str, sealing.Signer]]
) -> tuple[str, list[Signed]]:
    """The names (by comma) and signatures of two different operators of these books; TwoPeople."""
    known = {one.public for one in authorized(store)}
    signed = [Signed.by(signer, said) for _, signer in approvers]
    if len({one.public_key for one in signed} & known) < NEEDED:
        raise TwoPeople
    return ", ".join(named(name) for name, _ in approvers), signed


def _purpose(name: str) -> str:
    return f"migramovil/operator/1\n{name}"


def named(name: str) -> str:
    """A name as the books write it."""
    return _normal(name).strip().casefold()


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text)
