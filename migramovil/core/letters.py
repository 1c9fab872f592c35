"""Letters: small messages a station signs for headquarters, and headquarters' signed answers.

What only headquarters may read is sealed inside, to each of its keys; `clear` is for the receiving
edge, which opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from migramovil.core import canonical, sealing
from migramovil.core.record import Realm, Signed
from migramovil.core.trouble import Trouble

FORMAT = "migramovil/letter/1"
ANSWER_FORMAT = "migramovil/answer/1"
LARGEST = 256 * 1024


class BadLetter(Trouble):
    code = "SYN-13"
    what = "Un aviso entre esta estación y sede central no se puede comprobar."
    advice = "No se usó y se volverá a enviar. Si se repite, avise al técnico con este código."


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPart:
    """The letter's secret content sealed to one of headquarters' keys (base64)."""

    recipient: str
    sealed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterBody:
    """One letter; `clear` is base64 and holds nothing personal of an applicant."""

    format: str = FORMAT
    realm: Realm
    station: str
    id: str  # UUIDv7, or a name that makes a repetition the same letter
    kind: str
    utc: str
    clear: str = ""
    sealed: tuple[SealedPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerBody:
    """Headquarters keeps exactly this letter; `content` (base64) is what it says to it."""

    format: str = ANSWER_FORMAT
    realm: Realm
    station: str
    letter: str
    kind: str
    body_sha256: str
    content: str = ""


def write(
    signer: sealing.Signer,
    *,
    realm: Realm,
    station: str,
    letter: str,
    kind: str,
    utc: str,
    clear: bytes = b"",
    secret: bytes = b"",
    recipients: Iterable[bytes] = (),
) -> bytes:
    """A signed letter in canonical bytes; `secret` sealed to every one of `recipients`."""
    bare = LetterBody(
        realm=realm,
        station=station,
        id=letter,
        kind=kind,
        utc=utc,
        clear=canonical.text(clear),
    )
    sealed = tuple(_sealed(bare, public, secret) for public in recipients)
    return canonical.encode(Signed.by(signer, canonical.encode(replace(bare, sealed=sealed))))


def read(data: bytes, station_public: bytes | None = None) -> LetterBody:
    """The letter, signed by `station_public` where it is given; else BadLetter."""
    try:
        signed = canonical.decode(data, Signed)
        key = canonical.from_text(signed.public_key) if station_public is None else station_public
        body = canonical.decode(signed.verified(key), LetterBody)
    except (canonical.NotCanonical, sealing.BadSignature) as problem:
        raise BadLetter(problem.code) from None
    return body


def open_secret(body: LetterBody, opener: sealing.Opener) -> bytes:
    """What is sealed inside to this key; BadLetter when nothing is."""
    mine = sealing.key_id(opener.public)
    for part in body.sealed:
        if part.recipient == mine:
            return opener.open(canonical.from_text(part.sealed), _binding(body, mine))
    raise BadLetter("not for this key")


def answer(signer: sealing.Signer, letter: bytes, body: LetterBody, content: bytes = b"") -> Signed:
    """Headquarters' word that it keeps exactly these bytes."""
    said = AnswerBody(
        realm=body.realm,
        station=body.station,
        letter=body.id,
        kind=body.kind,
        body_sha256=sealing.sha256(letter),
        content=canonical.text(content),
    )
    return Signed.by(signer, canonical.encode(said))


def check_answer(signed: Signed, letter: bytes, publics: Iterable[bytes]) -> AnswerBody:
    """The answer if one of headquarters' keys gave it to exactly this letter, else BadLetter."""
    try:
        said = canonical.decode(signed.verified_by_one_of(publics), AnswerBody)
    except (sealing.BadSignature, canonical.NotCanonical) as problem:
        raise BadLetter(problem.code) from None
    asked = read(letter)
    about = (said.realm, said.station, said.letter, said.kind, said.body_sha256)
    ours = (asked.realm, asked.station, asked.id, asked.kind, sealing.sha256(letter))
    if about != ours:
        raise BadLetter("another letter")
    return said


def _sealed(bare: LetterBody, public: bytes, secret: bytes) -> SealedPart:
    name = sealing.key_id(public)
    return SealedPart(
        recipient=name,
        sealed=canonical.text(sealing.seal_to(public, secret, _binding(bare, name))),
    )


def _binding(body: LetterBody, recipient: str) -> bytes:
    parts = (FORMAT, body.realm, body.station, body.id, body.kind, recipient)
    return "\n".join(parts).encode()
