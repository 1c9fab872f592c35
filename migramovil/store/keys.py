"""The device key, and people's slots: how a password leads to a person's keys and to the vault's.

A slot wraps a person's private keys under Argon2id of the password, and seals the vault key to the
person: the vault key can change without anyone's password. `slots.json` holds nothing else.
"""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

from migramovil.core import canonical, sealing
from migramovil.core.roles import NotAllowed, Role
from migramovil.core.trouble import Trouble, Who
from migramovil.store import files
from migramovil.store.trouble import Damaged, translated

FORMAT = "migramovil/slots/1"
MEMORY_KIB = 256 * 1024
SHORTEST_PASSWORD = 12
_SALT_BYTES = 16
# What people reach for when told "twelve characters": these pieces do not count towards the twelve.
_COMMON = (
    "contraseña",
    "contrasena",
    "password",
    "migraciones",
    "migramovil",
    "qwertyuiop",
    "asdfghjkl",
    "abcdefgh",
    "1234567890",
    "123456789",
    "12345678",
    "123456",
    "987654321",
    "peru",
    "perú",
    "lima",
    "admin",
)
_FEWEST_DIFFERENT = 5


class WrongPassword(Trouble):
    code = "ACC-02"
    what = "El usuario o la contraseña no son correctos."
    advice = "Revise las mayúsculas y vuelva a escribirlos."
    who = Who.OFFICER


class WeakPassword(Trouble):
    code = "ACC-03"
    what = "La contraseña es demasiado fácil de adivinar."
    advice = (
        "Use al menos 12 caracteres, sin su nombre de usuario ni contraseñas conocidas."
        " Una frase de varias palabras sirve bien."
    )
    who = Who.OFFICER


class UsernameTaken(Trouble):
    code = "ACC-06"
    what = "Ese nombre de usuario ya existe en esta estación."
    advice = "Elija otro nombre de usuario."
    who = Who.SUPERVISOR


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotInfo:
    """What the entrance screen may show of a slot."""

    account: str
    username: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonKeys:
    """A person who has entered: what they sign with and what is sealed to them."""

    account: str
    username: str
    role: Role
    signer: sealing.Signer
    opener: sealing.Opener


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocked:
    person: PersonKeys
    vault_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    """One slot on disk: both private keys under the password, the vault key sealed to them."""

    account: str
    username: str
    role: Role
    salt: str
    memory_kib: int
    wrapped: str
    vault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _SlotFile:
    format: str = FORMAT
    slots: tuple[_Slot, ...] = ()


def device_key(folder: Path) -> bytes:
    """The key of this machine's outbox, made on first use: 32 bytes for the station's user."""
    path = files.private_folder(folder) / "device.key"
    with translated():
        if path.exists():
            key = path.read_bytes()
            path.chmod(0o600)
            if len(key) != sealing.KEY_BYTES:
                raise Damaged("device.key")
            return key
        if (folder / "outbox.db").exists():
            raise Damaged("device.key is gone")
    key = sealing.new_key()
    files.write(path, key)
    return key


def slots(folder: Path) -> tuple[SlotInfo, ...]:
    return tuple(
        SlotInfo(account=slot.account, username=slot.username, role=slot.role)
        for slot in _read(folder).slots
    )


def create_slot(
    folder: Path,
    *,
    account: str,
    username: str,
    role: Role,
    password: str,
    vault_key: bytes,
    memory_kib: int = MEMORY_KIB,
) -> PersonKeys:
    """Give a person new keys and a slot, in place of any the account had; technicians get none."""
    if role is Role.TECHNICIAN:
        raise NotAllowed("a technician's slot")
    name = _name(username)
    check_password(name, password)
    person = PersonKeys(
        account=account,
        username=name,
        role=role,
        signer=sealing.Signer.new(),
        opener=sealing.Opener.new(),
    )
    add_slot(folder, person, password, vault_key=vault_key, memory_kib=memory_kib)
    return person


def add_slot(
    folder: Path,
    person: PersonKeys,
    password: str,
    *,
    vault_key: bytes,
    memory_kib: int = MEMORY_KIB,
) -> None:
    """A slot for keys a person has already, in place of any the account had."""
    check_password(person.username, password)
    others = tuple(slot for slot in _read(folder).slots if slot.account != person.account)
    if any(slot.username == person.username for slot in others):
        raise UsernameTaken
    _write(folder, (*others, _slot(person, password, vault_key, memory_kib)))


def open_slot(folder: Path, username: str, password: str) -> Unlocked:
    """The person's keys and the vault's; WrongPassword whether name or password is wrong."""
    name = _name(username)
    every = _read(folder).slots
    slot = next((slot for slot in every if slot.username == name), None)
    if slot is None:
        # The same work as for a real name, or the clock would tell who has a slot.
        memory = every[0].memory_kib if every else MEMORY_KIB
        sealing.from_password(_normal(password), bytes(_SALT_BYTES), memory_kib=memory)
        raise WrongPassword
    return _opened(slot, password)


def change_password(folder: Path, username: str, old: str, new: str) -> None:
    """Wrap the same keys under a new password."""
    unlocked = open_slot(folder, username, old)
    person = unlocked.person
    check_password(person.username, new)
    _write(
        folder,
        tuple(
            _slot(person, new, unlocked.vault_key, slot.memory_kib)
            if slot.account == person.account
            else slot
            for slot in _read(folder).slots
        ),
    )


def drop_slot(folder: Path, account: str) -> None:
    """Take a person's entrance away (their signatures stay verifiable through their account)."""
    _write(folder, tuple(slot for slot in _read(folder).slots if slot.account != account))


def check_password(username: str, password: str) -> None:
    """Raise WeakPassword unless it is long, not a known one, and does not hold the username."""
    normal = _normal(password)
    low = normal.casefold()
    rest = low
    for piece in _COMMON:
        rest = rest.replace(piece, "")
    weak = (
        len(normal) < SHORTEST_PASSWORD
        or len(rest) < SHORTEST_PASSWORD // 2
        or len(set(low)) < _FEWEST_DIFFERENT
        or _name(username) in low
    )
    if weak:
        raise WeakPassword


def _slot(person: PersonKeys, password: str, vault_key: bytes, memory_kib: int) -> _Slot:
    salt = secrets.token_bytes(_SALT_BYTES)
    key = sealing.from_password(_normal(password), salt, memory_kib=memory_kib)
    private = person.signer.dump() + person.opener.dump()
    bare = _Slot(
        account=person.account,
        username=person.username,
        role=person.role,
        salt=canonical.text(salt),
        memory_kib=memory_kib,
        wrapped="",
        vault=canonical.text(
            sealing.seal_to(person.opener.public, vault_key, _vault_purpose(person.account))
        ),
    )
    return replace(bare, wrapped=canonical.text(sealing.wrap(key, private, _purpose(bare))))


def _opened(slot: _Slot, password: str) -> Unlocked:
    salt = canonical.from_text(slot.salt)
    key = sealing.from_password(_normal(password), salt, memory_kib=slot.memory_kib)
    try:
        private = sealing.unwrap(key, canonical.from_text(slot.wrapped), _purpose(slot))
    except sealing.CannotOpen:
        raise WrongPassword from None
    person = PersonKeys(
        account=slot.account,
        username=slot.username,
        role=slot.role,
        signer=sealing.Signer.load(private[: sealing.KEY_BYTES]),
        opener=sealing.Opener.load(private[sealing.KEY_BYTES :]),
    )
    sealed = canonical.from_text(slot.vault)
    return Unlocked(
        person=person, vault_key=person.opener.open(sealed, _vault_purpose(slot.account))
    )


def _purpose(slot: _Slot) -> str:
    """Binds the wrapped keys to whose they are: an edited role or name opens nothing."""
    return f"{FORMAT}\n{slot.account}\n{slot.username}\n{slot.role}"


def _vault_purpose(account: str) -> bytes:
    return f"{FORMAT}/vault-key\n{account}".encode()


def _normal(password: str) -> str:
    """One spelling whatever the keyboard sends for ñ and accents."""
    return unicodedata.normalize("NFKC", password)


def _name(username: str) -> str:
    return unicodedata.normalize("NFKC", username).strip().casefold()


def _read(folder: Path) -> _SlotFile:
    path = folder / "slots.json"
    with translated():
        if not path.exists():
            return _SlotFile()
        data = path.read_bytes()
    try:
        found = canonical.decode(data, _SlotFile)
    except canonical.NotCanonical:
        raise Damaged("slots.json") from None
    if found.format != FORMAT:
        raise Damaged("slots.json")
    return found


def _write(folder: Path, every: tuple[_Slot, ...]) -> None:
    files.write(
        files.private_folder(folder) / "slots.json", canonical.encode(_SlotFile(slots=every))
    )
