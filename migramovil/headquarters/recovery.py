"""Letting a person back into a station: a spare's secret read out, or a request file answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from migramovil.core import canonical, letters, recovery, sealing
from migramovil.core.record import Realm, Signed
from migramovil.core.recovery import ReleaseBody, ReplyBody, RequestBody, Spare
from migramovil.core.trouble import Trouble
from migramovil.headquarters import operators, people
from migramovil.headquarters.setup import Offline
from migramovil.headquarters.store import Station, Store

Approvers = Callable[[], Sequence[tuple[str, sealing.Signer]]]


class NoSuchSpare(Trouble):
    code = "HQ-15"
    what = "Esta sede no tiene ese número de esa estación."
    advice = "Confirme por radio la estación y el número que muestra su pantalla."


class StationRevoked(Trouble):
    code = "HQ-17"
    what = "Esa estación está anulada: puede estar en manos de otros."
    advice = "No se entregó nada. Para seguir con ella, dé un código de alta nuevo."


class BadRequestFile(Trouble):
    code = "HQ-16"
    what = "Esa solicitud no es de una estación de esta sede, o fue alterada."
    advice = "Pida que la hagan otra vez en la estación."


def station_called(store: Store, code: str) -> Station:
    """The enrolled station with this short code; NoSuchSpare, StationRevoked."""
    wanted = code.strip().upper()
    found = next((one for one in store.stations() if one.code == wanted and one.station), None)
    if found is None:
        raise NoSuchSpare(wanted[:12])
    _demand_in_force(found)
    return found


def _demand_in_force(station: Station) -> None:
    if station.revoked:
        raise StationRevoked(station.code)


def release(
    store: Store,
    openers: Sequence[sealing.Opener],
    approvers: Approvers,
    *,
    realm: Realm,
    code: str,
    number: int,
    username: str,
    utc: str,
) -> tuple[str, ...]:
    """The four lines to read out, once two operators approved. NoSuchSpare, StationRevoked,
    TwoPeople, ReleasedToAnother, OperatorRefused."""
    station = station_called(store, code)
    secret = _secret(store, (realm, station.station), openers, number)
    body = ReleaseBody(
        realm=realm,
        station=station.station,
        reference=str(number),
        username=username.strip().casefold(),
        utc=utc,
    )
    operators.approve(store, body, approvers())
    return recovery.spell(recovery.masked(secret, station.station, number, username))


def answer(
    store: Store, keys: Offline, approvers: Approvers, data: bytes, *, realm: Realm, utc: str
) -> bytes:
    """The reply to a request file, once two operators approved. BadRequestFile, StationRevoked,
    TwoPeople."""
    try:
        signed = canonical.decode(data, Signed)
        asked = canonical.decode(canonical.from_text(signed.body), RequestBody)
        station = store.station(asked.station)
        if station is None or asked.realm != realm:
            raise BadRequestFile
        signed.verified(canonical.from_text(station.transport))
        _demand_in_force(station)
        purpose = recovery.vault_purpose(station.station)
        vault_key = keys.recovery.open(canonical.from_text(asked.vault), purpose)
        reference = recovery.reference_of(signed)
        info = recovery.reply_purpose(asked.station, reference, asked.username)
        sealed = sealing.seal_to(canonical.from_text(asked.sealing), vault_key, info)
    except (canonical.NotCanonical, sealing.BadSignature, sealing.CannotOpen) as problem:
        raise BadRequestFile(problem.code) from None
    body = ReleaseBody(
        realm=realm,
        station=asked.station,
        reference=reference,
        username=asked.username,
        utc=utc,
        signing=asked.signing,
    )
    operators.approve(store, body, approvers())
    reply = ReplyBody(
        realm=realm,
        station=asked.station,
        reference=reference,
        username=asked.username,
        vault=canonical.text(sealed),
    )
    return canonical.encode(Signed.by(keys.root, canonical.encode(reply)))


def asked_by(data: bytes) -> RequestBody:
    """Who asks for what, for the operators to see; nothing is proven yet."""
    try:
        signed = canonical.decode(data, Signed)
        return canonical.decode(canonical.from_text(signed.body), RequestBody)
    except canonical.NotCanonical:
        raise BadRequestFile from None


def _secret(
    store: Store, place: tuple[Realm, str], openers: Sequence[sealing.Opener], number: int
) -> bytes:
    """Spare `number` of the station at `place`, by its own letters: the books lie at the edge,
    which could have put another station's letter among them."""
    for kept in people.letters_of(store, place[1], "recovery"):
        body = letters.read(kept.body)
        if (body.realm, body.station) != place:
            continue
        for opener in openers:
            try:
                told = letters.open_secret(body, opener)
            except letters.BadLetter:
                continue
            for spare in canonical.decode(told, tuple[Spare, ...]):
                if spare.number == number:
                    return canonical.from_text(spare.secret)
    raise NoSuchSpare(str(number))
