"""What headquarters' answers mean here: messages, or a refusal named by who can act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from migramovil.core import canonical
from migramovil.core.record import Signed, WrongRealm
from migramovil.core.trouble import Trouble, Who
from migramovil.sync import wire
from migramovil.sync.ports import (
    DigestRefused,
    HeadquartersBusy,
    HeadquartersFull,
    LoginRefused,
    NotHeadquarters,
    NotUnderstood,
)

T = TypeVar("T")


class EnrolmentRefused(Trouble):
    code = "SET-03"
    what = "Sede central no aceptó el código de alta: ya se usó, venció o no es suyo."
    advice = "Pida otro código a sede central."
    who = Who.TECHNICIAN


def read(answer: bytes, kind: type[T]) -> T:
    """The message; NotHeadquarters for a page of a portal or of anybody else."""
    try:
        return canonical.decode(answer, kind)
    except canonical.NotCanonical:
        raise NotHeadquarters("answer") from None


def receipts(status: int, answer: bytes) -> Sequence[Signed]:
    if status != 200:
        raise NotHeadquarters("answer")
    return read(answer, wire.Receipts).receipts


_BY_CODE: dict[str, type[Trouble]] = {
    wire.Refusal.BAD_REQUEST: NotUnderstood,
    wire.Refusal.UNKNOWN_KEY: LoginRefused,
    wire.Refusal.WRONG_REALM: WrongRealm,
    wire.Refusal.REVOKED: LoginRefused,
    wire.Refusal.BAD_TOKEN: EnrolmentRefused,
    wire.Refusal.NOT_ANNOUNCED: HeadquartersBusy,
    wire.Refusal.OTHER_DIGEST: DigestRefused,
    wire.Refusal.TOO_LARGE: NotUnderstood,
    wire.Refusal.WRONG_DIGEST: DigestRefused,
    wire.Refusal.DISK_FULL: HeadquartersFull,
}


def refusal(status: int, answer: bytes) -> Trouble:
    """What a refusal means here; an answer that is not headquarters' own is theirs to mend."""
    code = refused_as(answer)
    return _BY_CODE.get(code, HeadquartersBusy)(f"HTTP {status} {code}".rstrip()[:80])


def refused_as(answer: bytes) -> str:
    """The refusal's code; "" where the answer is none of headquarters'."""
    try:
        return canonical.decode(answer, wire.ErrorBody).code
    except canonical.NotCanonical:
        return ""
