"""Nobody alone lets another operator in, and whoever was only written into the books is nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from migramovil.core import canonical, sealing
from migramovil.headquarters import operators, people
from migramovil.headquarters.commands import app
from migramovil.headquarters.operators import OperatorRefused, OperatorTaken, TwoPeople
from migramovil.headquarters.store import Store
from tests.headquarters.rig import Place

UTC = "2026-11-23T12:00:00+00:00"
Signers = list[tuple[str, sealing.Signer]]


def words(name: str) -> str:
    return f"la frase larga de {name}"


def add(store: Store, name: str, by: Signers | None = None) -> None:
    operators.add(store, name, words(name), UTC, approvers=lambda: by or [], memory_kib=64)


def unlocked(store: Store, *names: str) -> Signers:
    return [(name, operators.unlock(store, name, words(name))) for name in names]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "books.db")
    add(made, "ana")
    add(made, "eva")
    yield made
    made.close()


def test_the_third_operator_is_let_in_by_two_and_then_counts(store: Store) -> None:
    add(store, "luz", unlocked(store, "ana", "eva"))
    assert [one.name for one in operators.authorized(store)] == ["ana", "eva", "luz"]
    assert operators.both(store, b"x", unlocked(store, "eva", "luz"))[0] == "eva, luz"
    add(store, "sol", unlocked(store, "luz", "ana"))
    assert len(operators.authorized(store)) == 4


@pytest.mark.parametrize("by", [(), ("ana",), ("ana", "ana")])
def test_nobody_alone_lets_a_third_one_in(store: Store, by: tuple[str, ...]) -> None:
    with pytest.raises(TwoPeople):
        add(store, "luz", unlocked(store, *by))
    assert [one.name for one in people.operators(store)] == ["ana", "eva"]


def test_strangers_let_nobody_in(store: Store) -> None:
    with pytest.raises(TwoPeople):
        add(store, "luz", [("ana", sealing.Signer.new()), ("eva", sealing.Signer.new())])


def forged(store: Store, how: str) -> people.Operator:
    """An operator somebody wrote into the books, with what they could get hold of."""
    luz, sol = (replace(people.operators(store)[at], name=n) for at, n in ((2, "luz"), (2, "sol")))
    if how == "nothing":
        return replace(sol, public=canonical.text(sealing.Signer.new().public), body="")
    if how == "another's":
        return replace(sol, public="x")
    body = operators.OperatorBody(name="sol", public="y", utc=UTC)
    said = canonical.encode(body)
    one = unlocked(store, "ana")[0][1]
    thief = sealing.Signer.new()
    signers = {"one, twice": (one, one), "one and a stranger": (one, thief)}[how]
    approvals = [operators.Signed.by(signer, said) for signer in signers]
    if how == "one, twice":  # under another's label
        approvals[1] = replace(approvals[1], public_key=people.operators(store)[1].public)
    return replace(
        luz, name="sol", public="y", body=said.decode(),
        approvals=canonical.encode(approvals).decode(),
    )  # fmt: skip


@pytest.mark.parametrize("how", ["nothing", "another's", "one, twice", "one and a stranger"])
def test_whoever_was_only_written_into_the_books_may_nothing(store: Store, how: str) -> None:
    add(store, "luz", unlocked(store, "ana", "eva"))
    people.add_operator(store, forged(store, how))
    assert [one.name for one in operators.authorized(store)] == ["ana", "eva", "luz"]
    with pytest.raises(OperatorRefused):
        operators.unlock(store, "sol", words("luz"))
    add(store, "sol", unlocked(store, "ana", "luz"))  # the name is free for who really has it
    assert len(operators.authorized(store)) == 4
    with pytest.raises(OperatorTaken):
        add(store, "sol", unlocked(store, "ana", "luz"))


def test_at_the_desk_two_passphrases_are_asked_for_the_third(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operators, "MEMORY_KIB", 64)
    monkeypatch.setattr(operators.add, "__kwdefaults__", {"approvers": tuple, "memory_kib": 64})
    place, run = Place(tmp_path / "data").init(), CliRunner()
    asked = ["--data", str(place.data)]
    twice = {name: f"{words(name)}\n{words(name)}\n" for name in ("ana", "eva", "luz")}
    ana, eva = (f"{name}\n{words(name)}\n" for name in ("ana", "eva"))

    def add_at_desk(name: str, typed: str) -> Result:
        return run.invoke(app, ["operators", "add", name, *asked], input=twice[name] + typed)

    assert [add_at_desk(name, "").exit_code for name in ("ana", "eva")] == [0, 0]
    alone = add_at_desk("luz", ana + ana)
    assert (alone.exit_code, "HQ-12" in alone.stderr) == (1, True)
    assert add_at_desk("luz", ana + eva).exit_code == 0
    with place.books() as store:
        people.add_operator(store, replace(people.operators(store)[0], name="x", public="x"))
    told = run.invoke(app, ["operators", "list", *asked]).stdout
    assert [line.split()[0] for line in told.splitlines()] == ["ana", "eva", "luz", "x"]
    assert [line.endswith("NOT AUTHORIZED") for line in told.splitlines()] == [False] * 3 + [True]
