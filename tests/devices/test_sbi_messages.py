"""What is read of a device service's bytes: records, tokens, streams and their forgeries."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import struct
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from PIL import Image

from migramovil.devices.fingerprint import sbi_fir, sbi_jws, sbi_messages, sbi_stream
from migramovil.devices.fingerprint.sbi_jws import Trust
from migramovil.devices.ports import Pixels
from migramovil.devices.trouble import (
    CertificateExpired,
    DeviceTrouble,
    ImageUnreadable,
    NoTrustRoot,
    PictureFormatUnknown,
    ServiceUnreadable,
    SignatureWrong,
    SignerUntrusted,
)

DATA = Path(__file__).parents[3] / "shared" / "data" / "fingers"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the test data is not here")


def ridges(height: int = 60, width: int = 50) -> Pixels:
    rows, columns = np.mgrid[0:height, 0:width]
    return (128 + 100 * np.sin((rows + columns) / 3)).astype(np.uint8)


# --- records


def record(
    picture: bytes,
    *,
    compression: int = 0,
    size: tuple[int, int] = (50, 60),
    unit: int = 1,
    ppi: tuple[int, int] = (500, 500),
    position: int = 7,
    depth: int = 8,
    qualities: tuple[int, ...] = (61,),
    certified: bytes | None = None,
) -> bytes:
    quality = bytes([len(qualities)]) + b"".join(bytes([q, 0, 1, 0, 2]) for q in qualities)
    geometry = struct.pack(">BBB4H", position, 0, unit, *ppi, *ppi)
    geometry += struct.pack(">BBBHHI", depth, compression, 0, *size, len(picture))
    body = bytes(9) + b"\0\0\0\0\0" + quality + (certified or b"") + geometry + picture
    head = struct.pack(">IHBB", len(body) + 20, 1, certified is not None, 1)
    return b"FIR\x00020\0" + head + struct.pack(">I", len(body) + 4) + body


def saved(pixels: Pixels, form: str, **named: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **named)
    return file.getvalue()


@pytest.mark.parametrize(
    ("compression", "picture"),
    [
        (0, ridges().tobytes()),
        (5, saved(ridges(), "JPEG2000", irreversible=False)),
        (6, saved(ridges(), "PNG")),
    ],
)
def test_a_record_without_loss_gives_the_very_pixels(compression: int, picture: bytes) -> None:
    finger = sbi_fir.read_record(record(picture, compression=compression))
    assert (finger.pixels == ridges()).all()
    assert (finger.position, finger.ppi, finger.quality) == (7, 500, 61)


@pytest.mark.parametrize(
    ("qualities", "expected"), [((), None), ((255,), None), ((0,), 0), ((61, 20), 61)]
)
def test_the_first_quality_counts_and_a_failed_one_is_none(
    qualities: tuple[int, ...], expected: int | None
) -> None:
    raw = record(ridges().tobytes(), qualities=qualities)
    assert sbi_fir.read_record(raw).quality == expected


def test_certificates_of_a_record_are_passed_over() -> None:
    raw = record(ridges().tobytes(), certified=b"\x02" + bytes(6))
    assert (sbi_fir.read_record(raw).pixels == ridges()).all()


def test_a_density_per_centimetre_is_turned_to_inches() -> None:
    raw = record(ridges().tobytes(), unit=2, ppi=(197, 197))
    assert sbi_fir.read_record(raw).ppi == 500


def test_wsq_is_refused_by_name() -> None:
    with pytest.raises(PictureFormatUnknown):
        sbi_fir.read_record(record(b"\xff\xa0" + bytes(100), compression=2))


BOMB = saved(np.zeros((5000, 5000), np.uint8), "PNG")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"FIR\0",
        record(ridges().tobytes())[:-1],
        record(ridges().tobytes()) + b"\0",
        record(ridges().tobytes()[:-1]),
        record(ridges().tobytes(), position=11),
        record(ridges().tobytes(), depth=16),
        record(ridges().tobytes(), ppi=(500, 250)),
        record(ridges().tobytes(), ppi=(250, 250)),
        record(ridges().tobytes(), unit=9),
        record(b"", size=(0, 0)),
        record(b"", size=(60000, 60000)),
        record(BOMB, compression=6),
        record(BOMB, compression=6, size=(1600, 1600)),
        record(saved(ridges(40, 40), "PNG"), compression=6),
        record(saved(ridges(), "PNG"), compression=5),  # another picture than it says
        record(saved(np.zeros((60, 50, 3), np.uint8), "PNG"), compression=6),
        record(saved(ridges(), "JPEG2000")[:200], compression=5),
    ],
)
def test_a_damaged_record_is_fpr_02(raw: bytes) -> None:
    with pytest.raises(ImageUnreadable):
        sbi_fir.read_record(raw)


@pytest.mark.data
@needs_data
@pytest.mark.parametrize(
    ("name", "position"), [("Thumb", 6), ("Index", 7), ("Middle", 8), ("Ring", 9), ("Little", 10)]
)
def test_records_made_by_others_are_read(name: str, position: int) -> None:
    finger = sbi_fir.read_record((DATA / "mosip-left" / f"Left_{name}.iso").read_bytes())
    assert (finger.position, finger.ppi) == (position, 500)
    assert finger.pixels.shape[0] > 300
    assert np.median(finger.pixels) > finger.pixels.min() + 60


@pytest.mark.data
@needs_data
def test_a_wsq_record_made_by_others_is_refused_by_name() -> None:
    with pytest.raises(PictureFormatUnknown):
        sbi_fir.read_record((DATA / "mosip-left" / "Left_Index_wsq.iso").read_bytes())


# --- tokens


@lru_cache
def rsa_key(_who: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def certificate(
    name: str,
    key: Key,
    issuer: str,
    issuer_key: Key,
    *,
    ca: bool = False,
    path_length: int | None = None,
    since: datetime = NOW - timedelta(days=1),
    until: datetime = NOW + timedelta(days=1),
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


ROOT = certificate("root", rsa_key("root"), "root", rsa_key("root"), ca=True)
MAKER = certificate("maker", rsa_key("maker"), "root", rsa_key("root"), ca=True)
DEVICE = certificate("device", rsa_key("device"), "maker", rsa_key("maker"))
TRUST = Trust(roots=(ROOT,), environment="Developer")


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(
    claims: Any,
    *,
    chain: tuple[x509.Certificate, ...] = (DEVICE, MAKER),
    key: rsa.RSAPrivateKey | None = None,
    **header: Any,
) -> str:
    x5c = [base64.b64encode(c.public_bytes(serialization.Encoding.DER)).decode() for c in chain]
    head = encoded(json.dumps({"alg": "RS256", "typ": "JWT", "x5c": x5c} | header).encode())
    body = encoded(json.dumps(claims).encode())
    signer = key or rsa_key("device")
    tail = signer.sign(f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{head}.{body}.{encoded(tail)}"


def test_a_signed_token_of_a_known_maker_is_opened() -> None:
    assert sbi_jws.opened(token({"a": 1}), TRUST, NOW) == {"a": 1}


def test_the_maker_may_stand_among_the_roots_instead_of_in_the_token() -> None:
    trust = Trust(roots=(MAKER,), environment="")
    assert sbi_jws.opened(token({}, chain=(DEVICE,)), trust, NOW) == {}


def test_the_reader_itself_may_stand_among_the_roots() -> None:
    trust = Trust(roots=(DEVICE,), environment="")
    assert sbi_jws.opened(token({}, chain=(DEVICE,)), trust, NOW) == {}


STRANGER = certificate("root", rsa_key("stranger"), "root", rsa_key("stranger"), ca=True)
FALSE_MAKER = certificate("maker", rsa_key("stranger"), "root", rsa_key("stranger"), ca=True)
FALSE_DEVICE = certificate("device", rsa_key("device"), "maker", rsa_key("stranger"))
NO_CA = certificate("maker", rsa_key("maker"), "root", rsa_key("root"))
SHORT = certificate("short", rsa_key("short"), "root", rsa_key("root"), ca=True, path_length=0)
UNDER = certificate("maker", rsa_key("maker"), "short", rsa_key("short"), ca=True)
SELF = certificate("device", rsa_key("device"), "device", rsa_key("device"), ca=True)


@pytest.mark.parametrize(
    "chain",
    [
        (DEVICE,),  # the maker is not known
        (FALSE_DEVICE, FALSE_MAKER),
        (FALSE_DEVICE, FALSE_MAKER, STRANGER),  # a root it brings itself
        (DEVICE, NO_CA),  # the maker's certificate may not sign others
        (DEVICE, UNDER, SHORT),  # a maker under one who may have none
        (SELF,),
        (SELF, SELF, SELF),
    ],
)
def test_a_signer_without_a_way_to_a_root_is_not_believed(
    chain: tuple[x509.Certificate, ...],
) -> None:
    with pytest.raises(SignerUntrusted):
        sbi_jws.opened(token({}, chain=chain), TRUST, NOW)


@pytest.mark.parametrize("late", [timedelta(days=2), timedelta(days=-2)])
def test_certificates_hold_for_their_time_only(late: timedelta) -> None:
    with pytest.raises(CertificateExpired):
        sbi_jws.opened(token({}), TRUST, NOW + late)


def test_an_expired_maker_ends_its_readers() -> None:
    old = certificate(
        "maker", rsa_key("maker"), "root", rsa_key("root"), ca=True, until=NOW - timedelta(hours=1)
    )
    with pytest.raises(CertificateExpired):
        sbi_jws.opened(token({}, chain=(DEVICE, old)), TRUST, NOW)


def resigned(**header: Any) -> str:
    return token({}, **header)


def with_claims_of(one: str, other: str) -> str:
    head, _, tail = one.split(".")
    return f"{head}.{other.split('.')[1]}.{tail}"


@pytest.mark.parametrize(
    "forged",
    [
        with_claims_of(token({"a": 1}), token({"a": 2})),
        token({}, key=rsa_key("stranger")),
        resigned(alg="none"),
        resigned(alg="HS256"),
        resigned(alg="PS256"),
        resigned(crit=["exp"]),
        token({}).rsplit(".", 1)[0] + ".",
    ],
)
def test_a_wrong_signature_or_another_kind_of_one_is_fpr_35(forged: str) -> None:
    with pytest.raises(SignatureWrong):
        sbi_jws.opened(forged, TRUST, NOW)


def test_only_rsa_of_a_safe_size_signs() -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    weak = certificate("device", small, "root", rsa_key("root"))
    curve = certificate("device", ec.generate_private_key(ec.SECP256R1()), "root", rsa_key("root"))
    for chain, key in (((weak,), small), ((curve,), rsa_key("device"))):
        with pytest.raises(SignatureWrong):
            sbi_jws.opened(token({}, chain=chain, key=key), TRUST, NOW)


@pytest.mark.parametrize(
    "odd",
    [
        None,
        7,
        "",
        "a.b",
        "..",
        "a.b.c",
        "ñ.ñ.ñ",
        f"{encoded(b'[]')}.{encoded(b'{}')}.",
        f"{encoded(b'{}')}.{encoded(b'3')}.",
        encoded(b"[" * 100_000) + f".{encoded(b'{}')}.",
        token({}, x5c=[]),
        token({}, x5c="MII"),
        token({}, x5c=[7]),
        token({}, x5c=["AAAA"]),
        token({}, x5c=["!"]),
        token({}, x5c=["A" * 20_000]),
        token({}, x5c=["AAAA"] * 6),
    ],
)
def test_what_is_no_token_is_fpr_30(odd: object) -> None:
    with pytest.raises(ServiceUnreadable):
        sbi_jws.opened(odd, TRUST, NOW)


def test_a_file_of_roots_holds_certificates_or_is_refused() -> None:
    pem = ROOT.public_bytes(serialization.Encoding.PEM)
    assert sbi_jws.read_roots(pem + pem) == (ROOT, ROOT)
    for bad in (b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(NoTrustRoot):
            sbi_jws.read_roots(bad)


# --- lists and chains


def test_the_hash_is_of_the_one_before_and_of_the_record() -> None:
    first = hashlib.sha256(hashlib.sha256(b"").digest() + hashlib.sha256(b"FIR").digest())
    assert sbi_messages.next_hash(sbi_messages.NO_CAPTURE_YET, b"FIR") == first.hexdigest().upper()


ENTRY = {
    "deviceId": 1,
    "digitalId": encoded(json.dumps({"type": "Finger", "serialNo": "1"}).encode()),
    "specVersion": ["0.9.5"],
    "purpose": "Registration",
    "deviceSubId": [1, "2", "9", None],
}


def test_only_readers_of_fingers_for_registration_are_ours() -> None:
    face = encoded(json.dumps({"type": "Face"}).encode())
    others = [
        ENTRY | {"digitalId": face},
        ENTRY | {"digitalId": "!"},
        ENTRY | {"purpose": "Auth"},
        ENTRY | {"specVersion": ["0.9.2"]},
    ]
    (mine,) = sbi_messages.read_discovery(json.dumps([*others, ENTRY]).encode())
    assert (mine.device_id, mine.serial, mine.parts) == ("1", "1", (1, 2))


@pytest.mark.parametrize(
    "answer", [b"", b"{}", b"[]", b"[7]", b"[{}, []]", json.dumps([{}] * 17).encode(), b"\xff"]
)
def test_an_answer_that_is_no_list_of_readers_is_fpr_30(answer: bytes) -> None:
    with pytest.raises(ServiceUnreadable):
        sbi_messages.read_discovery(answer)


@pytest.mark.data
@needs_data
def test_recorded_answers_of_an_older_service_are_read_as_far_as_they_go() -> None:
    folder = DATA / "sbi"
    (announced,) = [
        *sbi_messages.read_discovery((folder / "discoverInfo.txt").read_bytes()),
    ] or [None]
    assert announced is None  # it announces an iris camera
    finger = json.loads((folder / "DiscoverFIR.txt").read_bytes())
    identity = encoded((folder / "DigitalFingerId.txt").read_bytes())
    (mine,) = sbi_messages.read_discovery(json.dumps([finger | {"digitalId": identity}]).encode())
    assert (mine.make, mine.model, mine.slap) == ("Greenbit", "DactyScan84c", True)


@pytest.mark.data
@needs_data
def test_recorded_captures_of_expired_certificates_are_not_believed() -> None:
    body = json.loads((DATA / "sbi" / "leftFingerPrintCapture.txt").read_bytes())
    for entry in body["biometrics"]:
        assert sbi_jws.unproven(entry["data"])["bioSubType"].startswith("Left")
        with pytest.raises(DeviceTrouble) as caught:
            sbi_jws.opened(entry["data"], TRUST, NOW)
        assert type(caught.value) in {CertificateExpired, SignatureWrong}


# --- the preview


def part(picture: bytes, end: bytes = b"\r\n", **headers: str) -> bytes:
    lines = {"Content-Type": "image/jpeg", "Content-Length": str(len(picture))} | headers
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return b"--Boundary\r\n" + head.encode() + b"\r\n" + picture + end


def test_pictures_come_out_whole_however_the_line_cuts_them() -> None:
    # some end a part with one empty line, some with two, some with none
    stream = part(b"first") + part(b"second\r\n\r\nwith lines", b"\r\n\r\n") + part(b"third", b"")
    whole = sbi_stream.Parts().feed(stream)
    parts = sbi_stream.Parts()
    single = [one for byte in stream for one in parts.feed(bytes([byte]))]
    assert whole == single == [b"first", b"second\r\n\r\nwith lines", b"third"]


@pytest.mark.parametrize(
    "stream",
    [
        bytes(4096),
        part(b"x", **{"Content-Length": "0"}),
        part(b"x", **{"Content-Length": "9999999"}),
        part(b"x", **{"Content-Length": "-1"}),
        part(b"x", **{"Content-Length": "99999999999"}),
        b"--b\r\nContent-Type: image/jpeg\r\n\r\n",
    ],
)
def test_a_stream_of_something_else_is_fpr_30(stream: bytes) -> None:
    with pytest.raises(ServiceUnreadable):
        sbi_stream.Parts().feed(stream)


def test_a_frame_is_grey_whatever_its_colours() -> None:
    grey = np.full((20, 30), 90, np.uint8)
    for pixels in (grey, np.dstack([grey] * 3)):
        shown = sbi_stream.frame(saved(pixels, "JPEG"))
        assert shown.shape == (20, 30)
        assert abs(int(shown.mean()) - 90) <= 1
    for bad in (b"", b"\xff\xd8\xff", saved(grey, "PNG"), saved(grey, "JPEG")[:100]):
        with pytest.raises(ImageUnreadable):
            sbi_stream.frame(bad)
