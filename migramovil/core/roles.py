"""Who may do what, and how a person is known: accounts, countersignatures, personal acts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from migramovil.core.record import Realm, Signed
from migramovil.core.trouble import Trouble, Who


class Role(StrEnum):
    OFFICER = "officer"
    SUPERVISOR = "supervisor"
    TECHNICIAN = "technician"


class Act(StrEnum):
    ENROLL = "enroll"
    FINISH = "finish"
    APPROVE_EXCEPTION = "approve_exception"
    VOID_DRAFT = "void_draft"
    SEE_QUEUE = "see_queue"
    SEE_LEDGER = "see_ledger"
    SEE_AUDIT = "see_audit"
    CLOSE_JORNADA = "close_jornada"
    SEND_NOW = "send_now"
    MANAGE_ACCOUNTS = "manage_accounts"
    DIAGNOSE = "diagnose"
    BACK_UP = "back_up"
    SPEND = "spend"
    ASSIGN_DEVICES = "assign_devices"
    KEEP_CHECKLIST = "keep_checklist"


_MAY: dict[Role, frozenset[Act]] = {
    Role.OFFICER: frozenset(
        {
            Act.ENROLL,
            Act.FINISH,
            Act.APPROVE_EXCEPTION,
            Act.VOID_DRAFT,
            Act.SEE_QUEUE,
            Act.SEND_NOW,
            Act.DIAGNOSE,
        }
    ),
    Role.SUPERVISOR: frozenset(Act),
    Role.TECHNICIAN: frozenset({Act.DIAGNOSE, Act.SEND_NOW, Act.ASSIGN_DEVICES}),
}


class NotAllowed(Trouble):
    code = "ACC-01"
    what = "Su función no permite esta acción."
    advice = "Pida que la haga quien corresponde."
    who = Who.SUPERVISOR


def may(role: Role, act: Act) -> bool:
    return act in _MAY[role]


def demand(role: Role, act: Act) -> None:
    """Raise NotAllowed unless `role` may do `act`."""
    if not may(role, act):
        raise NotAllowed(f"{role} {act}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBody:
    """The public half of a person at a station; signed by the registrar or a supervisor."""

    format: str = "migramovil/account/1"
    realm: Realm
    station: str
    account: str  # UUIDv7
    username: str
    role: Role
    signing: str  # base64 Ed25519 public key
    sealing: str  # base64 KEM public key


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account and the chain that vouches for it: nearest countersignature first."""

    body: AccountBody
    vouched: Signed
    by: str = ""  # account id of the supervisor who signed; "" is headquarters' registrar


@dataclass(frozen=True, slots=True, kw_only=True)
class ActBody:
    """What a person signs with their own key: this act, record, station and realm."""

    format: str = "migramovil/act/1"
    act: str
    suite: str
    realm: Realm
    station: str
    record: str
    recipients: tuple[str, ...]
    account: str
    content_sha256: str
    utc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A personal signature inside a record, with the accounts that lead to the registrar."""

    signed: Signed
    chain: tuple[Account, ...]


RECOVERED = "recovery:"
"""Before a release's number in `Account.by`: the station's own key vouches, after a recovery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationBody:
    """A person may no longer enter; signed by a supervisor, or by headquarters' registrar."""

    format: str = "migramovil/revocation/1"
    realm: Realm
    station: str
    account: str
    reason: str
    utc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """A revocation and the accounts that lead from its signer to the registrar."""

    signed: Signed
    chain: tuple[Account, ...] = ()


class BadAccount(Trouble):
    code = "ACC-15"
    what = "Una cuenta o una anulación no se puede comprobar."
    advice = "No se usó. Avise al técnico con este código."
