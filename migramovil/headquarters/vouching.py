"""Who vouches for a person of a station: headquarters' registrar, a supervisor, or a release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migramovil.core import canonical, roles
from migramovil.core.record import Descriptor, Realm
from migramovil.core.recovery import ReleaseBody
from migramovil.core.trouble import Trouble
from migramovil.headquarters import people
from migramovil.headquarters.store import Store


class Unacceptable(Trouble):
    """`detail` is the reason that goes into the `refused` receipt."""

    code = "HQ-05"
    what = "Un registro recibido no se puede aceptar."
    advice = "Sede central debe decidir si se reenvía o se descarta. La estación lo conserva."


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouchers:
    """Whose word counts for a station's people.

    `signing` is the station's own key, which vouches only for an account whose recovery `released`
    says headquarters allowed under that reference.
    """

    realm: Realm
    station: str
    registrars: tuple[bytes, ...]
    signing: bytes
    released: Callable[[str, roles.AccountBody], bool] = lambda _reference, _account: False
    recipients: frozenset[str] = frozenset()  # ids of keys that are or were headquarters' own


def vouchers_of(store: Store, descriptor: Descriptor, station: str, signing: str) -> Vouchers:
    def released(reference: str, account: roles.AccountBody) -> bool:
        """By its username; by its new key too, where that was known when it was allowed."""
        found = people.release(store, station, reference)
        if found is None or not account.username or found.username != account.username:
            return False
        allowed = canonical.decode(found.body.encode(), ReleaseBody)
        return allowed.signing in {"", account.signing}

    return Vouchers(
        realm=descriptor.realm,
        station=station,
        registrars=descriptor.registrars,
        signing=canonical.from_text(signing),
        released=released,
    )


def check_chain(chain: tuple[roles.Account, ...], vouchers: Vouchers) -> roles.AccountBody:
    """The first account of the chain, vouched step by step up to headquarters;
    Unacceptable, BadSignature."""
    if not chain:
        raise Unacceptable("account chain")
    for account, above in zip(chain, (*chain[1:], None), strict=True):
        body = account.body
        if (body.realm, body.station) != (vouchers.realm, vouchers.station):
            raise Unacceptable("account place")
        said = account.vouched.verified_by_one_of(_voucher(account, above, vouchers))
        if canonical.decode(said, roles.AccountBody) != body:
            raise Unacceptable("account body")
    return chain[0].body


def _voucher(
    account: roles.Account, above: roles.Account | None, vouchers: Vouchers
) -> tuple[bytes, ...]:
    """The keys that may have signed this account; a chain ends where headquarters' word does."""
    if above is not None:
        if above.body.account != account.by or above.body.role is not roles.Role.SUPERVISOR:
            raise Unacceptable("account chain")
        return (canonical.from_text(above.body.signing),)
    if account.by == "":
        return vouchers.registrars
    reference = account.by.removeprefix(roles.RECOVERED)
    if reference == account.by:
        raise Unacceptable("account chain")
    if not vouchers.released(reference, account.body):
        raise Unacceptable("recovery not released")
    return (vouchers.signing,)
