"""What came down is put to use for the next person; nothing older, nothing forged ever is."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from migramovil import resources, settings
from migramovil.core import canonical, downstream, sealing
from migramovil.core.downstream import BadDownload, Download, Kind, OlderDownload
from migramovil.core.record import Realm, Signed
from migramovil.core.roles import RevocationBody
from migramovil.services.accounts import NobodyInside
from migramovil.services.downstream import Downstream, overlaid
from migramovil.store import downloads
from tests.services.bench import NOW, OFFICER, OTHER, Counter, Headquarters, opened

CARDS = b'[{"serial":"A1","folio":"f","surnames":"S","names":"N"}]'


def at_work(counter: Counter) -> Downstream:
    made = Downstream(
        counter.accounts, counter.people, counter.outbox, counter.enrolling._clock, counter.desk
    )
    counter.enrolling.newest_catalogues = made.catalogues
    return made


def published(
    counter: Counter, hq: Headquarters, kind: Kind, content: bytes, version: int = 1, **more: Any
) -> Download:
    station = counter.accounts.station().station
    known: dict[str, Any] = {"issued": NOW.isoformat()}
    if kind in downstream.PERSONAL:
        known |= {"station": station, "recipient": counter.vault.station_keys()[1].public}
    return downstream.publish(
        content, hq.registrar, realm=Realm.TRAINING, kind=kind, version=version, **(known | more)
    )


def a_catalogue(version: str = "2027.1", name: str = "Permiso nuevo") -> bytes:
    known = json.loads(resources.read("catalogues/procedures.json"))
    known["version"] = version
    known["procedures"][0]["name"] = name
    return json.dumps(known).encode()


def row(made: Downstream, kind: Kind) -> Any:
    return next(one for one in made.rows() if one.kind is kind)


def test_a_newer_catalogue_serves_the_next_applicant_and_not_the_one_on_the_chair(
    counter: Counter, headquarters: Headquarters
) -> None:
    made = at_work(counter)
    before = counter.enrolling.start().result(10)
    made.file(published(counter, headquarters, Kind.PROCEDURES, a_catalogue()))
    assert counter.enrolling.catalogue.version == before.catalogue
    after = counter.enrolling.start().result(10)
    assert after.catalogue == counter.enrolling.catalogue.version == "2027.1"
    assert counter.enrolling.catalogue.procedures[0].name == "Permiso nuevo"
    assert row(made, Kind.PROCEDURES).version == 1
    assert row(made, Kind.COUNTRIES).version == 0  # still the one that came with the program


def test_a_newer_catalogue_is_there_after_a_restart(
    folder: Path, headquarters: Headquarters
) -> None:
    with opened(folder, headquarters) as counter:
        counter.enter()
        at_work(counter).file(published(counter, headquarters, Kind.PROCEDURES, a_catalogue()))
    with opened(folder, headquarters) as counter:
        assert at_work(counter).catalogues().version == "2027.1"


def test_an_older_version_is_refused_and_the_same_changes_nothing(
    counter: Counter, headquarters: Headquarters
) -> None:
    made = at_work(counter)
    newest = published(counter, headquarters, Kind.PROCEDURES, a_catalogue("b"), 5)
    made.file(newest)
    made.file(newest)
    with pytest.raises(OlderDownload):
        made.file(published(counter, headquarters, Kind.PROCEDURES, a_catalogue("a"), 4))
    assert made.catalogues().version == "b"


def test_an_outbox_put_back_to_an_older_day_brings_no_older_list_into_use(
    folder: Path, headquarters: Headquarters
) -> None:
    with opened(folder, headquarters) as counter:
        counter.enter()
        made = at_work(counter)
        made.file(published(counter, headquarters, Kind.PROCEDURES, a_catalogue("b"), 5))
        made.settle()
        counter.settle()
        old = published(counter, headquarters, Kind.PROCEDURES, a_catalogue("a"), 4)
        with counter.outbox.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM downloads")
        downloads.put(counter.outbox, "procedures", 4, old, NOW.isoformat())
        assert made.catalogues().version == "a"  # the outbox alone cannot know
    with opened(folder, headquarters) as counter:
        counter.enter()
        made = at_work(counter)
        made.settle()
        assert made.catalogues().version not in {"a", "b"}
        assert row(made, Kind.PROCEDURES).trouble.code == "DWN-02"
        with pytest.raises(OlderDownload):
            made.file(published(counter, headquarters, Kind.PROCEDURES, a_catalogue("a"), 4))


def test_nothing_forged_or_spoilt_is_kept(counter: Counter, headquarters: Headquarters) -> None:
    made = at_work(counter)
    good = published(counter, headquarters, Kind.PROCEDURES, a_catalogue())
    forged = Signed.by(sealing.Signer.new(), canonical.from_text(good.signed.body))
    for bad in (
        Download(signed=forged, body=good.body),
        Download(signed=good.signed, body=good.body + b"x"),
    ):
        with pytest.raises(BadDownload):
            made.file(bad)
    assert downloads.held(counter.outbox) == {}


def test_a_kind_of_a_later_time_is_left_where_it_is(
    counter: Counter, headquarters: Headquarters
) -> None:
    made = at_work(counter)
    known = published(counter, headquarters, Kind.SETTINGS, b"{}")
    body = canonical.from_text(known.signed.body).replace(b'"settings"', b'"horoscope"')
    later = Download(signed=Signed.by(headquarters.registrar, body), body=known.body)
    made.file(later)
    assert downloads.held(counter.outbox) == {}


def test_lists_of_people_rest_sealed_and_open_only_while_somebody_is_inside(
    counter: Counter, headquarters: Headquarters
) -> None:
    made = at_work(counter)
    made.file(published(counter, headquarters, Kind.CARDS, CARDS))
    assert [one.serial for one in made.cards().result(10)] == ["A1"]
    held = downloads.get(counter.outbox, "cards")
    assert held is not None
    assert b"A1" not in held.body
    counter.accounts.lock()
    with pytest.raises(NobodyInside):
        made.cards().result(10)
    counter.enter()
    assert made.appointments().result(10) == ()  # never published


def test_a_list_of_people_goes_a_week_after_its_time(
    folder: Path, headquarters: Headquarters
) -> None:
    with opened(folder, headquarters) as counter:
        counter.enter()
        tomorrow = (NOW + timedelta(days=1)).isoformat()
        listed = published(counter, headquarters, Kind.CARDS, CARDS, expires=tomorrow)
        at_work(counter).file(listed)
    for days, left in ((7, True), (9, False)):
        with opened(folder, headquarters, now=NOW + timedelta(days=days)) as counter:
            counter.enter()
            made = at_work(counter)
            made.settle()
            assert (downloads.get(counter.outbox, "cards") is not None) is left
            assert row(made, Kind.CARDS).version == 1
            assert row(made, Kind.CARDS).expired


def test_what_expired_warns_and_goes_on_being_used(
    counter: Counter, headquarters: Headquarters
) -> None:
    made = at_work(counter)
    yesterday = (NOW - timedelta(days=1)).isoformat()
    assert made.trouble() is None
    late = published(counter, headquarters, Kind.PROCEDURES, a_catalogue(), expires=yesterday)
    made.file(late)
    trouble = made.trouble()
    assert trouble is not None
    assert (trouble.code, trouble.detail) == ("DWN-05", "procedures")
    assert counter.enrolling.start().result(10).catalogue == "2027.1"


def revoking(counter: Counter, hq: Headquarters, username: str) -> Download:
    who = next(one for one in counter.accounts.people() if one.username == username)
    said = RevocationBody(
        realm=Realm.TRAINING, station=counter.accounts.station().station, account=who.account,
        reason="sede", utc=NOW.isoformat(),
    )  # fmt: skip
    signed = Signed.by(hq.registrar, canonical.encode(said))
    return published(counter, hq, Kind.ACCOUNTS, canonical.encode([signed]))


def test_a_revocation_of_headquarters_takes_hold_while_people_work(
    counter: Counter, headquarters: Headquarters
) -> None:
    made = at_work(counter)
    made.file(revoking(counter, headquarters, OTHER))
    counter.settle()
    assert OTHER not in {one.username for one in counter.accounts.people()}
    assert counter.accounts.session is not None
    made.settle()  # again changes nothing
    assert counter.audited().count("revoke-account") == 1


def test_whoever_is_revoked_is_put_out_at_once(
    counter: Counter, headquarters: Headquarters
) -> None:
    made = at_work(counter)
    made.file(revoking(counter, headquarters, OFFICER))
    counter.settle()
    assert counter.accounts.session is None


def test_an_entry_that_does_not_hold_leaves_the_others_in_force(
    counter: Counter, headquarters: Headquarters
) -> None:
    made = at_work(counter)
    listed = revoking(counter, headquarters, OTHER)
    manifest = made.wanted(listed.signed)
    assert manifest is not None
    content = downstream.open_content(manifest, listed.body, counter.vault.station_keys()[1])
    (good,) = downstream.read_accounts(content)
    forged = Signed.by(sealing.Signer.new(), canonical.from_text(good.body))
    both = canonical.encode([forged, good])
    made.file(published(counter, headquarters, Kind.ACCOUNTS, both))
    counter.settle()
    assert OTHER not in {one.username for one in counter.accounts.people()}
    assert row(made, Kind.ACCOUNTS).trouble.code == "ACC-15"


def test_headquarters_settings_lie_over_the_stations_own(
    counter: Counter, headquarters: Headquarters
) -> None:
    made = at_work(counter)
    own = settings.Settings()
    assert overlaid(own, made.settings()) == own
    made.file(published(counter, headquarters, Kind.SETTINGS, b'{"idle_minutes":3}'))
    got = overlaid(own, made.settings())
    assert (got.session.idle_minutes, got.drafts, got.keeping) == (3, own.drafts, own.keeping)
