"""What headquarters sends down proves itself, opens for one station, and never grows on the way."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from migramovil import resources
from migramovil.core import canonical, downstream, sealing
from migramovil.core.downstream import (
    BadContent,
    BadDownload,
    Download,
    Kind,
    Manifest,
    NotForThisStation,
)
from migramovil.core.procedures import BadCatalogue
from migramovil.core.record import Realm, Signed

REGISTRAR, KEM, OTHER_KEM = sealing.Signer.new(), sealing.Opener.new(), sealing.Opener.new()
STATION, OTHER = "0192-a", "0192-b"
APPOINTMENTS = json.dumps(
    [
        {
            "id": "1", "day": "2026-11-24", "hour": "09:30", "procedure": "CPP",
            "surnames": "Ñahui", "names": "Rosa",
        }
    ]
).encode()  # fmt: skip


def published(kind: Kind = Kind.SETTINGS, content: bytes = b"{}", **more: Any) -> Download:
    known: dict[str, Any] = {"realm": Realm.TRAINING, "version": 1, "issued": "2026-11-23T12:00Z"}
    if kind in downstream.PERSONAL:
        known |= {"station": STATION, "recipient": KEM.public}
    return downstream.publish(content, REGISTRAR, kind=kind, **(known | more))


def read(signed: Signed, station: str = STATION, realm: Realm = Realm.TRAINING) -> Manifest:
    return downstream.read_manifest(signed, [REGISTRAR.public], realm=realm, station=station)


def signed_again(download: Download, **changes: Any) -> Signed:
    body = canonical.decode(canonical.from_text(download.signed.body), Manifest)
    return Signed.by(REGISTRAR, canonical.encode(replace(body, **changes)))


def test_a_list_for_all_comes_out_as_it_went_in() -> None:
    content = resources.read("catalogues/procedures.json")
    made = published(Kind.PROCEDURES, content, version=7)
    assert read(made.signed, OTHER).version == 7
    assert downstream.open_content(read(made.signed), made.body) == content
    assert len(made.body) < len(content)


def test_what_is_about_people_opens_for_its_station_alone() -> None:
    made = published(Kind.APPOINTMENTS, APPOINTMENTS)
    assert "Ñahui".encode() not in made.body + canonical.encode(made.signed)
    manifest = read(made.signed)
    assert downstream.open_content(manifest, made.body, KEM) == APPOINTMENTS
    for opener in (None, OTHER_KEM):
        with pytest.raises(NotForThisStation):
            downstream.open_content(manifest, made.body, opener)
    with pytest.raises(NotForThisStation):
        read(made.signed, OTHER)


def test_a_sealed_list_cannot_pass_for_another_version() -> None:
    made = published(Kind.APPOINTMENTS, APPOINTMENTS)
    with pytest.raises(BadDownload):
        downstream.open_content(read(signed_again(made, version=2)), made.body, KEM)


@pytest.mark.parametrize("kind", sorted(downstream.PERSONAL))
def test_a_list_of_people_is_never_published_in_clear(kind: Kind) -> None:
    for more in ({"recipient": b""}, {"station": ""}):
        with pytest.raises(BadContent):
            published(kind, b"[]", **more)
    made = published(Kind.SETTINGS)
    with pytest.raises(BadDownload):
        read(signed_again(made, kind=kind, station=STATION))


def test_nobody_else_publishes() -> None:
    made = published()
    other = Signed.by(sealing.Signer.new(), canonical.from_text(made.signed.body))
    with pytest.raises(BadDownload):
        read(other)
    with pytest.raises(BadDownload):
        read(made.signed, realm=Realm.PRODUCTION)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 0}, {"size": 0}, {"size": downstream.LARGEST + 1}, {"sha256": "../../etc"},
        {"expires": "mañana"}, {"issued": "ayer"}, {"recipient": "x"},
    ],
)  # fmt: skip
def test_a_signed_manifest_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadDownload):
        read(signed_again(published(), **changes))


@pytest.mark.parametrize(
    "spoil",
    [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b"\0" + b[1:], lambda _: b""],
)
def test_other_bytes_are_refused(spoil: Callable[[bytes], bytes]) -> None:
    made = published()
    with pytest.raises(BadDownload):
        downstream.open_content(read(made.signed), spoil(made.body))


def test_a_signed_bomb_does_not_go_off() -> None:
    bomb = zlib.compress(b"\0" * (downstream.LARGEST_CONTENT + 1), 9)
    made = published()
    manifest = read(signed_again(made, sha256=sealing.sha256(bomb), size=len(bomb)))
    with pytest.raises(BadDownload):
        downstream.open_content(manifest, bomb)


def test_headquarters_signs_nothing_a_station_could_not_use() -> None:
    with pytest.raises(BadCatalogue):
        published(Kind.PROCEDURES, b'{"version":"1","procedures":[]}')
    for content in (b"", b"[]", b'{"idle_minutes":0}', b'{"retention_hours":1}', b"[" * 100_000):
        with pytest.raises(BadContent):
            published(Kind.SETTINGS, content)


def test_a_list_expires_when_it_says() -> None:
    manifest = read(published(expires="2026-11-24T00:00:00Z").signed)
    assert not downstream.is_expired(manifest, datetime(2026, 11, 23, 23, tzinfo=UTC))
    assert downstream.is_expired(manifest, datetime(2026, 11, 24, 0, tzinfo=UTC))
    assert not downstream.is_expired(read(published().signed), datetime(2999, 1, 1, tzinfo=UTC))
