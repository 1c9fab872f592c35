"""Broken messages for every parser of bytes that come from a device: `make fuzz N=1000000`.

A parser either understands what it is given or raises a DeviceTrouble. Anything else is a finding,
and so is one message that takes longer than `SLOW_S`. Each finding is named by its number, which
makes the same bytes again: `python -m tests.fuzz --only NAME --first NUMBER --n 1`.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import cv2
import msgspec
import numpy as np

from migramovil.devices import apart_wire
from migramovil.devices.camera import jpeg_frames
from migramovil.devices.fingerprint import ef01_frames, uru4000_frames
from migramovil.devices.gnss.nmea_frames import Fixes, NmeaAssembler
from migramovil.devices.mrz.mrz_frames import CodeAssembler, MrzAssembler, gibberish, mended
from migramovil.devices.ports import DeviceInfo, DeviceKind, FingerImage, SlipLine
from migramovil.devices.printer import escpos_frames, ipp_frames
from migramovil.devices.sim.gnss_pty import BRENA, moment_told
from migramovil.devices.sim.thermal_frames import Thermal
from migramovil.devices.trouble import DeviceTrouble, DriverCrashed
from tests import fuzz_sbi

SLOW_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A parser: `run` takes bytes and raises nothing but DeviceTrouble; `seeds` are good ones."""

    name: str
    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunt:
    """What came of a target's messages: `findings` are (number, what happened), ten at most."""

    target: str
    messages: int
    seconds: float
    slowest_ms: float
    findings: tuple[tuple[int, str], ...]


def _scan(*flags: int) -> bytes:
    blocks = tuple(uru4000_frames.Block(flags=flag, lines=12) for flag in flags)
    header = uru4000_frames.Header(lines=12 * len(flags), key_number=1, blocks=blocks)
    head = uru4000_frames.write_header(header)
    ridges = np.arange(header.lines * uru4000_frames.WIDTH, dtype=np.uint32) * 7 % 256
    return head + ridges.astype(np.uint8).tobytes()


def _ef01(data: bytes) -> None:
    packets, half = ef01_frames.Packets(), len(data) // 2
    for piece in (data[:half], data[half:]):
        for packet in packets.feed(piece):
            ef01_frames.decode_begun(packet.payload)


def _ef01_said(kind: ef01_frames.Kind, payload: bytes) -> bytes:
    return ef01_frames.write_packet(ef01_frames.Packet(kind=kind, payload=payload))


def _mrz(data: bytes) -> None:
    assembler = MrzAssembler()
    half = len(data) // 2
    for piece in (data[:half], data[half:]):
        assembler.feed(piece)
    assembler.pause()


def _codes(data: bytes) -> None:
    assembler = CodeAssembler()
    half = len(data) // 2
    assembler.feed(data[:half])
    assembler.feed(data[half:])
    assembler.pause()
    gibberish(data)


def _typed(data: bytes) -> None:
    mended(data.decode("utf-8", "replace"))


def _nmea(data: bytes) -> None:
    assembler, fixes = NmeaAssembler(), Fixes()
    half = len(data) // 2
    for sentence in assembler.feed(data[:half]) + assembler.feed(data[half:]):
        fixes.take(sentence)


def _jpeg() -> bytes:
    pixels = np.arange(32 * 32 * 3, dtype=np.uint32).reshape(32, 32, 3) % 251
    return cv2.imencode(".jpg", pixels.astype(np.uint8))[1].tobytes()


def _apart(data: bytes) -> None:
    """What a driver's own process may say: the driver could have overwritten its memory."""
    try:
        message = apart_wire.hear_said(io.BytesIO(len(data).to_bytes(4, "little") + data))
        if isinstance(message, apart_wire.Answer | apart_wire.Told):
            apart_wire.Unpacker(_block()).unpack(message.value)
    except apart_wire.NotUnderstood as problem:
        raise DriverCrashed(str(problem)) from None


@cache
def _block() -> apart_wire.Block:
    return apart_wire.Block()


def _answer(value: object) -> bytes:
    plain = apart_wire.Packer().pack(value)
    return msgspec.msgpack.encode(apart_wire.Answer(number=1, value=plain))


def _printer_answers(data: bytes) -> None:
    for answer in escpos_frames.Answers().feed(data):
        if isinstance(answer, escpos_frames.Status):
            escpos_frames.paper(answer.bits)
            escpos_frames.offline_cause(answer.bits)
            escpos_frames.error_cause(answer.bits)
        if isinstance(answer, escpos_frames.Change):
            escpos_frames.change_cause(answer)


def _slip() -> bytes:
    lines = [SlipLine(text="Ñandú", right="25.00"), SlipLine(text="FOLIO-1", qr=True)]
    return escpos_frames.slip_bytes(lines)


_TD3 = (
    b"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\r\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
)
_TD1 = (
    b"I<UTOD231458907<<<<<<<<<<<<<<<\r7408122F1204159UTO<<<<<<<<<<<6\r"
    b"ERIKSSON<<ANNA<MARIA<<<<<<<<<<\r"
)

_IPP_ANSWER = (  # a text with its language, an integer of two values, a collection within another
    b"\x02\x00\x00\x00\x00\x00\x00\x01\x01\x47\x00\x12attributes-charset\x00\x05utf-8"
    b"\x04\x35\x00\x01n\x00\x0b\x00\x02es\x00\x05Papel\x21\x00\x01i\x00\x04\x00\x00\x00\x07"
    b"\x21\x00\x00\x00\x04\x00\x00\x00\x08\x34\x00\x01c\x00\x00\x4a\x00\x00\x00\x01x\x34\x00\x00\x00\x00"
    b"\x4a\x00\x00\x00\x01y\x33\x00\x00\x00\x08\x00\x00\x00\x01\x00\x00\x00\x02\x37\x00\x00\x00\x00"
    b"\x37\x00\x00\x00\x00\x32\x00\x01r\x00\x09\x00\x00\x01\x2c\x00\x00\x01\x2c\x03\x03"
)

_WHEN = datetime(2026, 11, 23, 17, 0, 5, tzinfo=UTC)
_SECOND, _LOST = moment_told(BRENA, _WHEN), moment_told(BRENA, _WHEN, fix=False)

TARGETS: tuple[Target, ...] = (
    Target(
        name="apart-answers",
        run=_apart,
        seeds=(
            _answer(FingerImage(pixels=np.zeros((4, 3), np.uint8), ppi=500)),
            _answer([DeviceInfo(kind=DeviceKind.CAMERA, driver="d", model="m")]),
            msgspec.msgpack.encode(
                apart_wire.Told(number=1, value=["pixels", [[20, 30], 64, b""]])
            ),
            msgspec.msgpack.encode(apart_wire.Raised(number=1, names=["NoFinger"], detail="")),
        ),
    ),
    Target(
        name="uru4000-scan",
        run=lambda data: uru4000_frames.decode(data, lambda number: 0x1234 ^ number),
        seeds=(_scan(0), _scan(0x82, 0x02, 0x01, 0x00), _scan(0x06, 0x84)),
    ),
    Target(
        name="ef01-packets",
        run=_ef01,
        seeds=(
            _ef01_said(
                ef01_frames.Kind.ANSWER, bytes.fromhex("000000000903e80003ffffffff0002000c")
            ),
            _ef01_said(ef01_frames.Kind.ANSWER, b"\x00")
            + _ef01_said(ef01_frames.Kind.DATA, b"\x0f" * 128)
            + _ef01_said(ef01_frames.Kind.LAST_DATA, b"\xf0" * 128),
        ),
    ),
    Target(
        name="ef01-parameters",
        run=ef01_frames.read_parameters,
        seeds=(bytes.fromhex("0000000903e80003ffffffff0002000c"),),
    ),
    Target(
        name="ef01-picture",
        run=ef01_frames.decode,
        seeds=(bytes(range(256)) * (ef01_frames.PICTURE_SIZE // 256),),
    ),
    Target(name="mrz-lines", run=_mrz, seeds=(_TD3, _TD1, b"\x02" + _TD3 + b"\r\x03")),
    Target(name="bar-codes", run=_codes, seeds=(b"]Q3MM-T01-20261123-0001-7\r\n", b"\x02775\x03")),
    Target(name="wedge-layouts", run=_typed, seeds=(_TD3.replace(b"<", b";"), _TD1)),
    Target(name="nmea", run=_nmea, seeds=(_SECOND, _SECOND + _LOST)),
    Target(name="camera-jpeg", run=jpeg_frames.size_of, seeds=(_jpeg(),)),
    Target(
        name="escpos-answers",
        run=_printer_answers,
        seeds=(b"\x12\x12\x00", b"\x1e\x72\x0f\x03", b"\x18\x08\x0f\x00\x5fTM-T88V\x00\x00"),
    ),
    Target(
        name="printer-device-id",
        run=escpos_frames.device_id,
        seeds=(b"\x00\x2aMFG:EPSON;MDL:TM-T88V;CMD:ESC/POS;SN:J5;",),
    ),
    Target(
        name="ipp",
        run=ipp_frames.decode,
        seeds=(_IPP_ANSWER, _IPP_ANSWER[:8] + _IPP_ANSWER[8:-1] * 3 + b"\x03\x00\x01"),
    ),
    Target(name="escpos-slips", run=lambda data: list(Thermal().feed(data)), seeds=(_slip(),)),
    *(Target(name=name, run=run, seeds=seeds) for name, run, seeds in fuzz_sbi.PARSERS),
)


def message(target: Target, number: int, *, seed: int = 0) -> bytes:
    """The `number`-th broken message of a target, the same every time."""
    rng = random.Random(f"{seed}/{target.name}/{number}")  # noqa: S311 - no secret
    data = bytearray(rng.choice(target.seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        rng.choice(_SPOILERS)(data, rng)
    return bytes(data)


def hunt(target: Target, count: int, *, first: int = 0, seed: int = 0) -> Hunt:
    """Feed a target `count` broken messages."""
    findings: list[tuple[int, str]] = []
    slowest = 0.0
    began = time.thread_time()
    for number in range(first, first + count):
        data = message(target, number, seed=seed)
        start = time.thread_time()
        found = _tried(target, data)
        took = time.thread_time() - start
        slowest = max(slowest, took)
        if took > SLOW_S:
            found = f"took {took:.1f} s"
        if found:
            findings.append((number, found))
            if len(findings) == 10:
                break
    return Hunt(
        target=target.name,
        messages=count,
        seconds=round(time.thread_time() - began, 3),
        slowest_ms=round(slowest * 1000, 2),
        findings=tuple(findings),
    )


def _tried(target: Target, data: bytes) -> str:
    try:
        target.run(data)
    except DeviceTrouble:
        pass
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return f"{type(error).__name__}: {error}"
    return ""


# --- ways to spoil a message


def _flip(data: bytearray, rng: random.Random) -> None:
    if data:
        data[_near_start(len(data), rng)] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, rng: random.Random) -> None:
    if data:
        data[_near_start(len(data), rng)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _insert(data: bytearray, rng: random.Random) -> None:
    at = _near_start(len(data) + 1, rng)
    data[at:at] = rng.randbytes(rng.choice((1, 1, 2, 4, 64)))


def _remove(data: bytearray, rng: random.Random) -> None:
    at = _near_start(len(data) + 1, rng)
    del data[at : at + rng.choice((1, 1, 2, 4, 64))]


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _repeat(data: bytearray, rng: random.Random) -> None:
    at = _near_start(len(data) + 1, rng)
    data[at:at] = data[at : at + rng.choice((1, 4, 32))] * rng.choice((1, 2, 16))


def _noise(data: bytearray, rng: random.Random) -> None:
    data[:] = rng.randbytes(rng.choice((0, 1, 3, 16, 200)))


def _near_start(size: int, rng: random.Random) -> int:
    """Any place, but one of the first 64 as often as not: there stand the lengths and the kinds."""
    return rng.randrange(min(size, 64) if rng.random() < 0.5 else size)


_SPOILERS = (_flip, _overwrite, _overwrite, _insert, _remove, _cut, _repeat, _noise)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=100_000, help="messages for each parser")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    good = True
    for target in TARGETS:
        if asked.only in {"", target.name}:
            done = hunt(target, asked.n, first=asked.first, seed=asked.seed)
            good = good and not done.findings
            rate = round(done.messages / max(done.seconds, 1e-9))
            line = {"parser": done.target, "messages": done.messages, "per_second": rate}
            line |= {"slowest_ms": done.slowest_ms, "findings": done.findings}
            print(json.dumps(line), flush=True)  # noqa: T201 - its answer
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
