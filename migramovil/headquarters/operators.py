"""Who at headquarters may let a person, or a lost station, back in: never one alone."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Sequence

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


def add(
    store: Store, name: str, passphrase: str, utc: str, *, memory_kib: int = MEMORY_KIB
) -> Operator:
    """A new operator, whose key only their passphrase opens. OperatorTaken, ShortPassphrase."""
    if len(_normal(passphrase)) < SHORTEST:
        raise ShortPassphrase
    if any(one.name == named(name) for one in people.operators(store)):
        raise OperatorTaken
    signer, salt = sealing.Signer.new(), secrets.token_bytes(16)
    key = sealing.from_password(_normal(passphrase), salt, memory_kib=memory_kib)
    one = Operator(
        name=named(name),
        public=canonical.text(signer.public),
        salt=canonical.text(salt),
        memory_kib=memory_kib,
        wrapped=canonical.text(sealing.wrap(key, signer.dump(), _purpose(named(name)))),
        added=utc,
    )
    people.add_operator(store, one)
    return one


def unlock(store: Store, name: str, passphrase: str) -> sealing.Signer:
    """The operator's key; OperatorRefused whether name or passphrase is wrong."""
    one = next((one for one in people.operators(store) if one.name == named(name)), None)
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
    known = {one.public for one in people.operators(store)}
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
