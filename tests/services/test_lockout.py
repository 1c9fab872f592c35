"""The door after wrong passwords: waits that grow, that no clock shortens and no restart undoes."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from migramovil.core import sealing
from migramovil.core.roles import Role
from migramovil.services.lockout import WAITS_S, Lockout, MustWait
from migramovil.store import attempts
from migramovil.store.keys import PersonKeys, WrongPassword, add_slot
from migramovil.store.outbox import Outbox
from tests.services.bench import (
    NOW,
    OFFICER,
    PASSWORD,
    SUPERVISOR,
    Counter,
    Headquarters,
    opened,
)  # fmt: skip


class Hands:
    """The clock nobody can set, moved by the test."""

    ran_s = 1000.0

    def pass_s(self, seconds: float) -> None:
        self.ran_s += seconds


def fail(lockout: Lockout, name: str = "ana") -> None:
    with pytest.raises(WrongPassword), lockout.trying(name):
        raise WrongPassword


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:  # type: ignore[misc]
    with Outbox(tmp_path) as found:
        for name in ("ana", "eva", "ivo", "leo"):
            person = PersonKeys(
                account=name, username=name, role=Role.OFFICER, signer=sealing.Signer.new(),
                opener=sealing.Opener.new(),
            )  # fmt: skip
            add_slot(tmp_path, person, PASSWORD, vault_key=sealing.new_key(), memory_kib=64)
        yield found


def test_the_first_three_slips_cost_nothing_and_then_the_wait_grows(outbox: Outbox) -> None:
    hands = Hands()
    lockout = Lockout(outbox, lambda: hands.ran_s)
    waits = []
    for _ in range(12):
        fail(lockout)
        waits.append(lockout.wait_s("ana"))
        hands.pass_s(waits[-1])
    assert waits == [*WAITS_S[1:], 300, 300]


def test_a_wait_is_served_whole_again_after_a_restart(outbox: Outbox) -> None:
    hands = Hands()
    lockout = Lockout(outbox, lambda: hands.ran_s)
    for _ in range(7):
        hands.pass_s(lockout.wait_s("ana"))
        fail(lockout)
    hands.pass_s(29)
    assert lockout.wait_s("ana") == pytest.approx(1)
    hands.ran_s = 3.0  # the machine was switched off and on
    again = Lockout(outbox, lambda: hands.ran_s)
    assert again.wait_s("ana") == 30


def test_a_try_cut_off_by_the_plug_counts(outbox: Outbox) -> None:
    lockout = Lockout(outbox)
    trying = lockout.trying("ana")
    trying.__enter__()  # and the process is killed here
    assert set(attempts.failures(outbox).values()) == {1}


def test_a_try_that_could_not_be_made_does_not_count(outbox: Outbox) -> None:
    lockout = Lockout(outbox)
    with pytest.raises(OSError, match="disk"), lockout.trying("ana"):
        raise OSError("disk")
    assert attempts.failures(outbox) == {}


def test_a_good_entrance_forgives(outbox: Outbox) -> None:
    lockout = Lockout(outbox)
    fail(lockout)
    with lockout.trying("ana"):
        pass
    assert attempts.failures(outbox) == {}


def test_anothers_good_entrance_does_not_forgive_the_name(outbox: Outbox) -> None:
    hands = Hands()
    lockout = Lockout(outbox, lambda: hands.ran_s)
    for _ in range(4):
        fail(lockout, "ana")
    with lockout.trying("eva"):
        pass
    assert lockout.wait_s("ana") == 2


def test_going_through_the_names_is_slowed_too(outbox: Outbox) -> None:
    hands = Hands()
    lockout = Lockout(outbox, lambda: hands.ran_s)
    for n in range(12):
        fail(lockout, ("ana", "eva", "ivo", "leo")[n % 4])
    assert lockout.wait_s("nadie") == 2


def test_all_unknown_names_are_one(outbox: Outbox) -> None:
    lockout = Lockout(outbox, lambda: 0.0)
    for n in range(4):
        fail(lockout, f"nadie{n}")
    assert lockout.wait_s("cualquiera") == 2
    assert len(attempts.failures(outbox)) == 2
    assert lockout.wait_s("ana") == 0


def test_the_outbox_keeps_no_name(outbox: Outbox) -> None:
    fail(Lockout(outbox), "ana")
    kept = " ".join(attempts.failures(outbox))
    assert "ana" not in kept
    assert sealing.sha256(b"ana") not in kept


def test_tries_at_the_same_moment_are_all_counted(outbox: Outbox) -> None:
    lockout = Lockout(outbox, lambda: 0.0)
    start, refused = threading.Barrier(8), []

    def one() -> None:
        start.wait(5)
        try:
            fail(lockout)
        except MustWait:
            refused.append(1)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert attempts.failures(outbox)["station"] == 4
    assert len(refused) == 4


# ---- through the door itself ---------------------------------------------------------------
def wrong(counter: Counter, times: int, name: str = OFFICER) -> None:
    for _ in range(times):
        with pytest.raises(WrongPassword):
            counter.accounts.log_in(name, "no es la clave").result(10)


def test_the_right_password_is_refused_while_the_wait_lasts(closed: Counter) -> None:
    hands = Hands()
    closed.accounts._lockout = Lockout(closed.outbox, lambda: hands.ran_s)
    wrong(closed, 4)
    with pytest.raises(MustWait) as right:
        closed.enter()
    with pytest.raises(MustWait) as other:
        closed.accounts.log_in(OFFICER, "no es la clave").result(10)
    assert (right.value.code, str(right.value)) == (other.value.code, str(other.value))
    assert attempts.failures(closed.outbox)["station"] == 4
    hands.pass_s(2)
    closed.enter()
    assert attempts.failures(closed.outbox) == {}


@pytest.mark.parametrize("turned", [timedelta(days=-400), timedelta(days=4000)])
def test_turning_the_clock_does_not_shorten_a_wait(
    folder: Path, headquarters: Headquarters, turned: timedelta
) -> None:
    with opened(folder, headquarters) as counter:
        wrong(counter, 4)
    with opened(folder, headquarters, now=NOW + turned) as counter:
        assert counter.accounts.wait_s(OFFICER) > 1
        with pytest.raises(MustWait):
            counter.enter()


def test_a_second_persons_password_is_guarded_too(counter: Counter) -> None:
    for _ in range(4):
        with pytest.raises(WrongPassword):
            counter.accounts.second_person(SUPERVISOR, "no es la clave")
    with pytest.raises(MustWait):
        counter.accounts.second_person(SUPERVISOR, PASSWORD)
