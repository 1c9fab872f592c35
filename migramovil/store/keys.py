"""The device key, and people's slots: how a password leads to a person's keys and to the vault's.

A slot wraps a person's private keys under Argon2id of the password (and the machine's secret where
it has one), and seals the vault key to the person: the vault key can change without anyone's
password. `slots.json` names the vault's file, and so decides which file and key count. It holds
no public key: to whom the vault key may be sealed again is said inside the vault, where nobody
without a slot can write.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from migramovil.core import canonical, recovery, sealing
from migramovil.core.roles import NotAllowed, Role
from migramovil.core.trouble import Trouble, Who
from migramovil.store import files
from migramovil.store.trouble import Damaged, translated

FORMAT = "migramovil/slots/3"
# The first had people's slots only; what the second sealed to headquarters named no station.
_READABLE = ("migramovil/slots/1", "migramovil/slots/2", FORMAT)
_BOUND = "migramovil/slots/1"  # what seals and wraps are bound to; older than the file's format
VAULT_FILE = "vault.db"
SALVAGED = "salvaged"  # marks a folder whose station must begin a new epoch
MEMORY_KIB = 256 * 1024
_LEAST_KIB, _MOST_KIB = 32, 4 * MEMORY_KIB  # what a slot may ask of this machine's memory
SHORTEST_PASSWORD = 12
_SALT_BYTES = 16
_VAULT_NAME = re.compile(r"vault(-[0-9]+)?\.db")
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


class HardwareGone(Trouble):
    code = "KEY-01"
    what = "Esta entrada necesita el chip de seguridad de esta máquina, y no responde."
    advice = (
        "Nada se perdió. Si el equipo o su chip cambió, entre por «Olvidé mi contraseña»"
        " con ayuda de sede central."
    )


class NoSuchRecovery(Trouble):
    code = "KEY-02"
    what = "Ese código de recuperación no es de esta estación, de este número o de este usuario."
    advice = (
        "Confirme con sede central la estación, el número y el usuario. Un código sirve una vez."
    )
    who = Who.HEADQUARTERS


class Hardware(Protocol):
    """A secret of this machine that strengthens slots: 32 bytes, never on the disk in clear."""

    name: str

    def secret(self, *, create: bool) -> bytes:
        """The secret; made if there is none and `create`. HardwareGone when it cannot be had."""
        ...


_NO_HARDWARE: Mapping[str, Hardware] = {}


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
class Slot:
    """One slot on disk: both private keys under the password, the vault key sealed to them.

    `hardware` names the secret that strengthens it. Without `vault` it waits for a recovery.
    """

    account: str
    username: str
    role: Role
    salt: str
    memory_kib: int
    wrapped: str
    vault: str
    hardware: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spare:
    """The vault key sealed to a secret that headquarters keeps."""

    number: int
    vault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _SlotFile:
    format: str = field(default_factory=lambda: FORMAT)  # no fixed default: older ones are read
    file: str = VAULT_FILE
    slots: tuple[Slot, ...] = ()
    pending: tuple[Slot, ...] = ()
    spares: tuple[_Spare, ...] = ()
    headquarters: str = ""  # the vault key sealed to headquarters' recovery key


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Who may have the vault key, by public KEM key: accounts, numbers of spares, headquarters
    (which opens it as this `station`'s only)."""

    people: Mapping[str, bytes]
    spares: Mapping[int, bytes] = field(default_factory=dict)
    headquarters: bytes = b""
    station: str = ""


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


def new_person(account: str, username: str, role: Role) -> PersonKeys:
    """New keys for a person; technicians have none."""
    if role is Role.TECHNICIAN:
        raise NotAllowed("a technician's slot")
    return PersonKeys(
        account=account,
        username=_name(username),
        role=role,
        signer=sealing.Signer.new(),
        opener=sealing.Opener.new(),
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
    person = new_person(account, username, role)
    add_slot(folder, person, password, vault_key=vault_key, memory_kib=memory_kib)
    return person


def slot_for(
    person: PersonKeys,
    password: str,
    *,
    memory_kib: int = MEMORY_KIB,
    hardware: Hardware | None = None,
) -> Slot:
    """A slot that still lacks the vault key. WeakPassword, HardwareGone."""
    check_password(person.username, password)
    salt = secrets.token_bytes(_SALT_BYTES)
    strength = b"" if hardware is None else hardware.secret(create=True)
    key = _key(password, salt, memory_kib, strength)
    bare = Slot(
        account=person.account,
        username=person.username,
        role=person.role,
        salt=canonical.text(salt),
        memory_kib=memory_kib,
        wrapped="",
        vault="",
        hardware="" if hardware is None else hardware.name,
    )
    private = person.signer.dump() + person.opener.dump()
    return replace(bare, wrapped=canonical.text(sealing.wrap(key, private, _purpose(bare))))


def add_slot(
    folder: Path,
    person: PersonKeys,
    password: str,
    *,
    vault_key: bytes,
    memory_kib: int = MEMORY_KIB,
    hardware: Hardware | None = None,
) -> None:
    """A slot for keys a person has already, in place of any the account had."""
    check_free(folder, person.username, but=person.account)
    bare = slot_for(person, password, memory_kib=memory_kib, hardware=hardware)
    slot = replace(bare, vault=_sealed(person.opener.public, vault_key, person.account))
    known = _read(folder)
    _write(folder, replace(known, slots=(*_without(known.slots, person.account), slot)))


def check_free(folder: Path, username: str, *, but: str = "") -> None:
    """Raise UsernameTaken where another account (than `but`) has this name."""
    name = _name(username)
    if any(slot.username == name and slot.account != but for slot in _read(folder).slots):
        raise UsernameTaken


def open_slot(
    folder: Path, username: str, password: str, hardware: Mapping[str, Hardware] = _NO_HARDWARE
) -> Unlocked:
    """The person's keys and the vault's; WrongPassword whether name or password is wrong.

    HardwareGone when the slot needs a secret this machine does not give.
    """
    name = _name(username)
    every = _read(folder).slots
    slot = next((slot for slot in every if slot.username == name), None)
    if slot is None:
        # The same work as for a real name, or the clock would tell who has a slot.
        memory = every[0].memory_kib if every else MEMORY_KIB
        sealing.from_password(_normal(password), bytes(_SALT_BYTES), memory_kib=memory)
        raise WrongPassword
    person = _opened(slot, password, hardware)
    sealed = canonical.from_text(slot.vault)
    return Unlocked(
        person=person, vault_key=person.opener.open(sealed, _vault_purpose(slot.account))
    )


def hardware_of(folder: Path, account: str) -> str:
    """The name of the secret that strengthens this account's slot; "" where none does."""
    return next((slot.hardware for slot in _read(folder).slots if slot.account == account), "")


def change_password(
    folder: Path,
    username: str,
    old: str,
    new: str,
    hardware: Mapping[str, Hardware] = _NO_HARDWARE,
) -> None:
    """Wrap the same keys under a new password."""
    unlocked = open_slot(folder, username, old, hardware)
    person = unlocked.person
    slot = next(slot for slot in _read(folder).slots if slot.account == person.account)
    add_slot(
        folder,
        person,
        new,
        vault_key=unlocked.vault_key,
        memory_kib=slot.memory_kib,
        hardware=hardware.get(slot.hardware),
    )


# --- the file that counts, and who may open it ---------------------------------------------------
def vault_file(folder: Path) -> Path:
    """The vault's file, as the slots name it."""
    return folder / _read(folder).file


def fresh_vault_file(folder: Path) -> Path:
    """A name for the vault's next file, which no file has."""
    numbers = [
        int(path.stem.removeprefix("vault-"))
        for path in folder.glob("vault-*.db")
        if path.stem.removeprefix("vault-").isdecimal()
    ]
    return folder / f"vault-{max(numbers, default=0) + 1}.db"


def reseal(
    folder: Path, file: Path, vault_key: bytes, holders: Holders, entrant: Slot | None = None
) -> None:
    """Let `file` be the vault and seal its new key to `holders`: one step, all or nothing.

    Slots of accounts, and spares of numbers, that are not among the holders are dropped.
    `entrant` takes the place of any slot, and of any new keys that wait, of its account.
    """
    known = _read(folder)
    slots, pending = known.slots, known.pending
    if entrant is not None:
        slots = (*_without(slots, entrant.account), entrant)
        pending = _without(pending, entrant.account)
    _write(
        folder,
        replace(
            known,
            file=file.name,
            slots=tuple(
                replace(slot, vault=_sealed(holders.people[slot.account], vault_key, slot.account))
                for slot in slots
                if slot.account in holders.people
            ),
            pending=pending,
            spares=_spares(holders.spares, vault_key),
            headquarters=_for_headquarters(holders, vault_key),
        ),
    )


def seal_spares(folder: Path, vault_key: bytes, holders: Holders) -> None:
    """Seal the vault key, which stays, to the holders' spares and to headquarters."""
    known = _read(folder)
    _write(
        folder,
        replace(
            known,
            spares=_spares(holders.spares, vault_key),
            headquarters=_for_headquarters(holders, vault_key),
        ),
    )


# --- recovery ----------------------------------------------------------------------------------
def spares(folder: Path) -> tuple[int, ...]:
    """The numbers that open the vault with a secret of headquarters, lowest first."""
    return tuple(sorted(spare.number for spare in _read(folder).spares))


def opener_of(secret: bytes) -> sealing.Opener:
    """The KEM pair that follows from a spare's 256-bit secret."""
    parts = (sealing.derive(secret, f"migramovil/spare/1/{part}") for part in "abc")
    return sealing.Opener.load(b"".join(parts))


def open_spare(folder: Path, number: int, secret: bytes) -> bytes:
    """The vault key, by the secret of spare `number`; NoSuchRecovery when it does not fit."""
    for spare in _read(folder).spares:
        if spare.number == number:
            try:
                sealed = canonical.from_text(spare.vault)
                return opener_of(secret).open(sealed, _vault_purpose(f"spare {number}"))
            except sealing.CannotOpen:
                break
    raise NoSuchRecovery


def sealed_for_headquarters(folder: Path) -> bytes:
    """The vault key as only headquarters' recovery key opens it; b"" where there is none yet."""
    return canonical.from_text(_read(folder).headquarters)


def account_named(folder: Path, username: str) -> SlotInfo | None:
    name = _name(username)
    return next((one for one in slots(folder) if one.username == name), None)


def keep_pending(folder: Path, slot: Slot) -> None:
    """Keep a person's new keys while headquarters answers; nothing they have opens changes yet."""
    known = _read(folder)
    _write(folder, replace(known, pending=(*_without(known.pending, slot.account), slot)))


def open_pending(
    folder: Path, username: str, password: str, hardware: Mapping[str, Hardware] = _NO_HARDWARE
) -> tuple[PersonKeys, Slot]:
    """The new keys that wait for headquarters' answer; WrongPassword, also where none wait."""
    name = _name(username)
    slot = next((slot for slot in _read(folder).pending if slot.username == name), None)
    if slot is None:
        raise WrongPassword
    return _opened(slot, password, hardware), slot


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


def _opened(slot: Slot, password: str, hardware: Mapping[str, Hardware]) -> PersonKeys:
    strength = b""
    if slot.hardware:
        if slot.hardware not in hardware:
            raise HardwareGone(slot.hardware)
        strength = hardware[slot.hardware].secret(create=False)
    key = _key(password, canonical.from_text(slot.salt), slot.memory_kib, strength)
    try:
        private = sealing.unwrap(key, canonical.from_text(slot.wrapped), _purpose(slot))
    except sealing.CannotOpen:
        raise WrongPassword from None
    return PersonKeys(
        account=slot.account,
        username=slot.username,
        role=slot.role,
        signer=sealing.Signer.load(private[: sealing.KEY_BYTES]),
        opener=sealing.Opener.load(private[sealing.KEY_BYTES :]),
    )


def _key(password: str, salt: bytes, memory_kib: int, strength: bytes) -> bytes:
    """Argon2id of the password; with the machine's secret, HKDF of both: neither alone will do."""
    key = sealing.from_password(_normal(password), salt, memory_kib=memory_kib)
    return sealing.derive(key + strength, f"{_BOUND}/hardware") if strength else key


def _sealed(public: bytes, vault_key: bytes, account: str) -> str:
    return canonical.text(sealing.seal_to(public, vault_key, _vault_purpose(account)))


def _spares(publics: Mapping[int, bytes], vault_key: bytes) -> tuple[_Spare, ...]:
    return tuple(
        _Spare(number=number, vault=_sealed(public, vault_key, f"spare {number}"))
        for number, public in sorted(publics.items())
    )


def _for_headquarters(holders: Holders, vault_key: bytes) -> str:
    if not holders.headquarters:
        return ""
    purpose = recovery.vault_purpose(holders.station)
    return canonical.text(sealing.seal_to(holders.headquarters, vault_key, purpose))


def _without(slots: tuple[Slot, ...], account: str) -> tuple[Slot, ...]:
    return tuple(slot for slot in slots if slot.account != account)


def _purpose(slot: Slot) -> str:
    """Binds the wrapped keys to whose they are: an edited role or name opens nothing."""
    hardware = f"\n{slot.hardware}" if slot.hardware else ""
    return f"{_BOUND}\n{slot.account}\n{slot.username}\n{slot.role}{hardware}"


def _vault_purpose(account: str) -> bytes:
    return f"{_BOUND}/vault-key\n{account}".encode()


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
        if not _sound(found):
            raise Damaged("slots.json")
    except canonical.NotCanonical:
        raise Damaged("slots.json") from None
    return found if found.format == FORMAT else replace(found, headquarters="")


def _sound(found: _SlotFile) -> bool:
    """Whether it asks nothing that it may not: whoever holds the disk can write this file."""
    return (
        found.format in _READABLE
        and _VAULT_NAME.fullmatch(found.file) is not None
        and all(
            _LEAST_KIB <= slot.memory_kib <= _MOST_KIB
            and len(canonical.from_text(slot.salt)) == _SALT_BYTES
            for slot in (*found.slots, *found.pending)
        )
    )


def _write(folder: Path, known: _SlotFile) -> None:
    data = canonical.encode(replace(known, format=FORMAT))
    files.write(files.private_folder(folder) / "slots.json", data)
