"""`migramovil store backup | restore | salvage | renew`: what they do, and with which status."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from click.testing import Result
from typer.testing import CliRunner

from migramovil import cli
from migramovil.core import canonical
from migramovil.core.record import Signed
from migramovil.core.roles import NotAllowed
from migramovil.core.trouble import Trouble
from migramovil.headquarters import operators, people
from migramovil.services.backups import SameDisk
from migramovil.services.restoring import FolderInUse
from migramovil.store.trouble import NeedsNewEpoch
from tests.headquarters.rig import Place
from tests.services import bench
from tests.services.bench import OFFICER, PASSWORD, SUPERVISOR, copied, enrolled, opened
from tests.services.test_backups import Real


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    place = Place(tmp_path_factory.mktemp("hq") / "hq").init()
    with place.serving():
        yield Real(place=place)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, real: Real) -> Path:
    """A station with a finished record and an open draft, enrolled at a real headquarters."""
    hq = cast(bench.Headquarters, real)
    folder = enrolled(tmp_path_factory.mktemp("cli") / "station", hq)
    with opened(folder, hq) as counter:
        counter.enter(SUPERVISOR)
        counter.fill()
        counter.enrolling.finish().result(10)
        counter.fill()
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return copied(template, tmp_path / "station")


UTC = "2026-11-23T12:00:00Z"
OPERATORS = {"ana": "el lago está frío hoy", "eva": "la puna tiene viento"}


def operators_say(*said: tuple[str, str]) -> str:
    return "".join(f"{name}\n{passphrase}\n" for name, passphrase in said)


@pytest.fixture(scope="module")
def with_operators(real: Real) -> Real:
    with real.place.books() as store:
        two = [(name, Real.operator(store, name)) for name in ("uno", "dos")]
        for name, passphrase in OPERATORS.items():
            operators.add(store, name, passphrase, UTC, approvers=lambda: two, memory_kib=64)
    return real


def run(*words: str | Path, typed: str = PASSWORD) -> Result:
    return CliRunner().invoke(cli.app, [str(word) for word in words], input=f"{typed}\n{typed}\n")


def line(result: Result) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        next(one for one in result.stdout.splitlines() if one.startswith("{"))
    )
    return found


def trouble(result: Result) -> type[BaseException]:
    assert isinstance(result.exception, Trouble), result.output
    return type(result.exception)


def test_without_a_person_packets_go_and_the_status_says_so(folder: Path, tmp_path: Path) -> None:
    done = run("store", "backup", "--to", tmp_path, "--data", folder, "--json")
    assert done.exit_code == 3, done.output
    assert (line(done)["copied"], line(done)["snapshot"]) == (1, "")


def test_a_supervisor_takes_everything_and_it_can_be_read_again(
    folder: Path, tmp_path: Path
) -> None:
    words = ("store", "backup", "--to", tmp_path, "--data", folder, "--json")
    assert trouble(run(*words, "--user", OFFICER)) is NotAllowed
    assert trouble(run(*words, "--user", SUPERVISOR)) is SameDisk
    done = run(*words, "--user", SUPERVISOR, "--same-disk")
    assert (done.exit_code, line(done)["drafts"]) == (0, 1)
    assert run(*words, "--check").exit_code == 0
    next(tmp_path.glob("migramovil-backup/*/packets/*")).write_bytes(b"")
    assert run(*words, "--check").exit_code == 1


def test_a_lost_station_comes_back_in_two_visits(real: Real, folder: Path, tmp_path: Path) -> None:
    hq = cast(bench.Headquarters, real)
    stick, new = tmp_path / "stick", tmp_path / "new"
    stick.mkdir()
    run("store", "backup", "--to", stick, "--data", folder, "--user", SUPERVISOR, "--same-disk")
    with opened(folder, hq) as counter:
        station = counter.outbox.station()
        assert station is not None
    shutil.rmtree(folder)
    words = ("store", "restore", "--from", stick, "--data", new, "--json")
    request = Path(str(line(run(*words))["request"]))
    answer = real.lend(request, tmp_path / "answer.json")
    assert run(*words, "--answer", answer).exit_code == 2  # no code, no url, no user
    code = real.renewed(station.station)
    done = run(
        *words, "--answer", answer, "--code", code, "--url", real.place.url, "--user", "mquispe"
    )
    assert (done.exit_code, line(done)["records"], line(done)["drafts"]) == (0, 1, 1), done.output
    with opened(new, hq) as counter:
        counter.enter("mquispe")
        assert len(counter.on_disk()) == 1
    again = run(
        *words, "--answer", answer, "--code", code, "--url", real.place.url, "--user", "mquispe"
    )
    assert trouble(again) is FolderInUse


def test_a_backups_key_is_lent_by_two_operators_never_by_one(
    with_operators: Real, folder: Path, tmp_path: Path
) -> None:
    data, out = with_operators.place.data, tmp_path / "answer.json"
    run("store", "backup", "--to", tmp_path, "--data", folder, "--user", SUPERVISOR, "--same-disk")
    words = ("store", "restore", "--from", tmp_path, "--data", tmp_path / "new", "--json")
    request = Path(str(line(run(*words))["request"]))

    def lent(*said: tuple[str, str]) -> Result:
        asked = ["hq", "restore-key", "--data", data, "--request", request, "--out", out, "--json"]
        typed = operators_say(*said)
        return CliRunner().invoke(cli.app, [str(word) for word in asked], input=typed)

    def allowed() -> list[people.Release]:
        with with_operators.place.books() as store:
            return people.releases(store)

    (ana, eva), before = OPERATORS.items(), allowed()
    for refused in ((ana, ana), (ana, ("eva", "otra frase cualquiera"))):
        assert lent(*refused).exit_code == 1
        assert not out.exists()
    assert allowed() == before
    done = lent(ana, eva)
    assert done.exit_code == 0, done.output
    assert out.exists()
    told = line(done)["reference"]
    (kept,) = (one for one in allowed() if one not in before)
    assert (kept.reference, kept.operators) == (told, "ana, eva")
    assert str(told) in run("hq", "recovery", "log", "--data", data, "--json").output
    with with_operators.place.books() as store:
        known = {one.name: one.public for one in people.operators(store)}
    signed = canonical.decode(kept.approvals.encode(), tuple[Signed, ...])
    publics = [canonical.from_text(known[name]) for name in OPERATORS]
    for public, approval in zip(publics, signed, strict=True):
        assert approval.verified(public) == kept.body.encode()


def test_a_damaged_station_goes_on_after_salvage(real: Real, folder: Path, tmp_path: Path) -> None:
    """Its outbox is gone, and with it who it is: headquarters gives it the next epoch."""
    hq = cast(bench.Headquarters, real)
    with opened(folder, hq) as counter:
        station = counter.outbox.station()
        assert station is not None
        (row,) = counter.outbox.rows()
    (folder / "outbox.db").write_bytes(b"rubbish")
    out = tmp_path / "out"
    done = run("store", "salvage", "--data", folder, "--out", out, "--user", OFFICER, "--json")
    assert (done.exit_code, line(done)["packets"], line(done)["drafts"]) == (4, 1, 1), done.output
    with opened(out, hq) as counter, pytest.raises(NeedsNewEpoch):
        counter.accounts.enroll("", "", "Móvil 1", "mquispe", PASSWORD).result(10)
    code = real.renewed(station.station)
    done = run(
        "store", "renew", "--data", out, "--code", code, "--url", real.place.url,
        "--user", "mquispe", "--opened-by", OFFICER, "--training",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    with opened(out, hq) as counter:
        counter.enter("mquispe")
        assert counter.vault.audit.verify() == len(counter.vault.audit.entries())
        (left,) = counter.on_disk()
        counter.enrolling.resume(left).result(10)
        assert counter.enrolling.finish().result(10).seq == 1
        real.send(counter)
        states = {one.record: str(one.state) for one in counter.outbox.rows()}
        assert states == {row.record: "opened", left: "opened"}


def test_salvage_with_nothing_lost_needs_nobody(folder: Path, tmp_path: Path) -> None:
    done = run("store", "salvage", "--data", folder, "--out", tmp_path / "out", "--json")
    assert (done.exit_code, line(done)["packets"], line(done)["drafts"]) == (0, 1, None)
