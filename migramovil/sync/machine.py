"""What to do next about the line of sealed records: pure decisions, no clock, thread or socket.

`step(state, event)` answers the new state and at most one effect; the engine carries it out and
comes back with what happened. Attempts, pauses and "sending" live only here, in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

from migramovil.core.record import BadReceipt, RefusedByHeadquarters, WrongRealm
from migramovil.core.trouble import Trouble
from migramovil.sync.ports import (
    BudgetSpent,
    CertificateExpired,
    DigestRefused,
    EngineFailed,
    HeadquartersBusy,
    ImagesHeld,
    LoginRefused,
    NoLink,
    NotHeadquarters,
    NotUnderstood,
    TooManyBadReceipts,
)

LONGEST_S = 300.0
BAD_RECEIPTS = 3
STUMBLES = 3


class Phase(Enum):
    RESTING = "resting"
    LOOKING = "looking"
    SENDING = "sending"
    CONFIRMING = "confirming"
    HALTED = "halted"


class Pause(Enum):
    """Why it rests: idle is cut by any call; back-off only by a new link or by a person."""

    IDLE = "idle"
    BACK_OFF = "back_off"


# --- events --------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Woke:
    """Somebody called: a record was sealed (both False), the link changed, or a person asked."""

    link_changed: bool = False
    asked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseOver:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The outbox as it stands, oldest first: what is sealed, and what is stored but not opened.

    `behind` more are sealed, all of them younger than those named and none of them set aside;
    `more` are stored than those named.
    """

    sealed: tuple[str, ...]
    stored: tuple[str, ...]
    behind: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """Headquarters holds `sent` of the `size` bytes of the record being sent."""

    sent: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A checked receipt was filed for the record being sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """Headquarters answered: records that came to rest, and those whose receipt was bad."""

    settled: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """What was being done failed; `jitter` is in [0, 1], `itself` says that only this record can
    fail so."""

    trouble: Trouble
    jitter: float = 1.0
    itself: bool = False


Event = Woke | PauseOver | Line | Progressed | Sent | Polled | Failed


# --- effects ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Read the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    record: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """Ask for these records' receipts; with none, just say hello."""

    records: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Do nothing for so long, or until woken; None: until a person asks."""

    seconds: float | None


Effect = Look | Send | Poll | Rest


# --- state --------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """`aside` comes back after a long rest; `suspects` (bad receipts) only when a person asks."""

    phase: Phase = Phase.RESTING
    pause: Pause = Pause.IDLE
    pause_s: float = 0.0
    sealed: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()
    behind: int = 0
    more: bool = False
    record: str = ""
    sent_bytes: int = 0
    size: int = 0
    run: int = 0
    failures: int = 0
    polls: int = 0
    stumbles: tuple[str, int] = ("", 0)
    aside: frozenset[str] = frozenset()
    suspects: frozenset[str] = frozenset()
    bad_receipts: int = 0
    aside_trouble: Trouble | None = None
    trouble: Trouble | None = None


StatusKind = Literal["offline", "sending", "up_to_date", "halted", "waiting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the header shows. `waiting` counts sealed records headquarters does not hold yet.

    `up_to_date`: headquarters opened everything. `waiting` (kind): something still rests here, or
    is stored there and not opened yet, and `trouble` says why when there is a reason. `aside` are
    records that let the others pass.
    """

    kind: StatusKind
    waiting: int
    sending_index: int
    sending_total: int
    record: str
    sent_bytes: int
    size: int
    next_try_s: float | None
    trouble: Trouble | None
    last_contact_utc: str
    aside: frozenset[str] = frozenset()


Next = tuple[State, tuple[Effect, ...]]


def step(state: State, event: Event) -> Next:
    """Decide. An event that does not belong to the phase changes nothing."""
    if isinstance(event, Woke):
        return _woken(state, event)
    if isinstance(event, Failed):
        return _failed(state, event)
    if isinstance(event, PauseOver) and state.phase is Phase.RESTING:
        rested = state.pause_s >= LONGEST_S
        return _look(replace(state, aside=frozenset() if rested else state.aside))
    if isinstance(event, Line) and state.phase is Phase.LOOKING:
        seen = replace(state, sealed=event.sealed, behind=event.behind)
        return _choose(replace(seen, stored=event.stored, more=event.more))
    if isinstance(event, Progressed) and state.phase is Phase.SENDING:
        return replace(state, sent_bytes=event.sent, size=event.size), ()
    if isinstance(event, Sent) and state.phase is Phase.SENDING:
        return _look(
            replace(
                state,
                run=state.run + 1,
                failures=0,
                polls=0,
                trouble=_lasting(state),
            )
        )
    if isinstance(event, Polled) and state.phase is Phase.CONFIRMING:
        return _polled(state, event)
    return state, ()


def status(state: State, last_contact_utc: str) -> Status:
    """The same, told to the header."""
    sending = state.phase is Phase.SENDING
    resting = state.phase is Phase.RESTING and state.pause is Pause.BACK_OFF
    return Status(
        kind=_kind(state),
        waiting=len(state.sealed) + state.behind,
        sending_index=state.run + 1 if sending else 0,
        sending_total=state.run + len(_ready(state)) + state.behind if sending else 0,
        record=state.record if sending else "",
        sent_bytes=state.sent_bytes if sending else 0,
        size=state.size if sending else 0,
        next_try_s=state.pause_s if resting else None,
        trouble=state.trouble,
        last_contact_utc=last_contact_utc,
        aside=state.aside | state.suspects,
    )


def following(state: State, record: str) -> str | None:
    """The record that would be sent after this one, as far as the line was read."""
    return next((one for one in _ready(state) if one != record), None)


def _kind(state: State) -> StatusKind:
    if state.phase is Phase.HALTED:
        return "halted"
    if state.phase is Phase.SENDING:
        return "sending"
    if isinstance(state.trouble, NoLink | NotHeadquarters):
        return "offline"
    if state.sealed or state.stored or state.more or state.trouble:
        return "waiting"
    return "up_to_date"


def _woken(state: State, event: Woke) -> Next:
    if event.asked:
        fresh = replace(state, aside=frozenset(), suspects=frozenset(), failures=0, polls=0)
        if state.phase is Phase.HALTED:
            fresh = replace(fresh, phase=Phase.RESTING, bad_receipts=0, trouble=None)
    elif event.link_changed:
        fresh = replace(state, aside=frozenset(), failures=0, polls=0)
    elif state.pause is Pause.BACK_OFF:
        return state, ()
    else:
        fresh = state
    return _look(fresh) if fresh.phase is Phase.RESTING else (state, ())


def _look(state: State) -> Next:
    return replace(state, phase=Phase.LOOKING, record="", sent_bytes=0, size=0), (Look(),)


def _ready(state: State) -> tuple[str, ...]:
    return tuple(one for one in state.sealed if one not in state.aside | state.suspects)


def _choose(state: State) -> Next:
    ready = _ready(state)
    if ready:
        chosen = replace(state, phase=Phase.SENDING, record=ready[0])
        return chosen, (Send(record=ready[0]),)
    asked = tuple(one for one in state.stored if one not in state.suspects)
    return replace(state, phase=Phase.CONFIRMING, run=0), (Poll(records=asked),)


def _polled(state: State, event: Polled) -> Next:
    open_still = tuple(one for one in state.stored if one not in event.settled)
    state = replace(
        state,
        stored=open_still,
        failures=0,
        polls=1 if event.settled else state.polls + 1,
        suspects=state.suspects | set(event.bad),
        bad_receipts=state.bad_receipts + len(event.bad),
    )
    if event.bad:
        state = replace(state, aside_trouble=BadReceipt())
    state = replace(state, trouble=_lasting(state))
    if state.bad_receipts >= BAD_RECEIPTS:
        return _halt(state, TooManyBadReceipts())
    if state.more and event.settled:
        return _look(state)  # the next ones, while there is something to hear
    expecting = state.more or any(one not in state.suspects for one in open_still)
    return _rest(state, Pause.IDLE, _longer(state.polls) if expecting else LONGEST_S)


def _failed(state: State, event: Failed) -> Next:
    state = replace(state, trouble=event.trouble)
    if isinstance(event.trouble, EngineFailed):
        return _halt(state, event.trouble)
    if state.phase is Phase.SENDING and isinstance(event.trouble, BadReceipt):
        state = replace(
            state,
            suspects=state.suspects | {state.record},
            bad_receipts=state.bad_receipts + 1,
            aside_trouble=event.trouble,
        )
        full = state.bad_receipts >= BAD_RECEIPTS
        return _halt(state, TooManyBadReceipts()) if full else _look(state)
    if state.phase is Phase.SENDING and (event.itself or _by_itself(event.trouble)):
        return _look(_set_aside(state, event.trouble))
    if state.phase is Phase.SENDING and isinstance(event.trouble, HeadquartersBusy):
        return _stumbled(state, event)
    return _back_off(state, event)


def _stumbled(state: State, event: Failed) -> Next:
    """The link holds but headquarters chokes: after three times the next record gets its turn."""
    before, times = state.stumbles
    times = times + 1 if before == state.record else 1
    if times < STUMBLES:
        return _back_off(replace(state, stumbles=(state.record, times)), event)
    return _look(_set_aside(replace(state, stumbles=("", 0)), event.trouble))


def _set_aside(state: State, trouble: Trouble) -> State:
    return replace(state, aside=state.aside | {state.record}, aside_trouble=trouble)


def _back_off(state: State, event: Failed) -> Next:
    state = replace(state, failures=state.failures + 1, run=0)
    lasting = isinstance(
        event.trouble, LoginRefused | WrongRealm | CertificateExpired | BudgetSpent
    )
    base = LONGEST_S if lasting else _longer(state.failures)
    return _rest(state, Pause.BACK_OFF, base * (0.5 + event.jitter / 2))


def _rest(state: State, why: Pause, seconds: float) -> Next:
    resting = replace(state, phase=Phase.RESTING, pause=why, pause_s=seconds, record="")
    return resting, (Rest(seconds=seconds),)


def _halt(state: State, trouble: Trouble) -> Next:
    return replace(state, phase=Phase.HALTED, record="", trouble=trouble), (Rest(seconds=None),)


def _by_itself(trouble: Trouble) -> bool:
    return isinstance(trouble, DigestRefused | NotUnderstood | RefusedByHeadquarters | ImagesHeld)


def _lasting(state: State) -> Trouble | None:
    """A success clears the trouble, except that of records that still stand aside."""
    return state.aside_trouble if state.aside or state.suspects else None


def _longer(times: int) -> float:
    """2, 4, 8 … 300 s."""
    return min(LONGEST_S, 2.0 ** min(times, 9))
