"""One person from chair to headquarters' signed receipt, through the real command."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def _run(*words: str) -> tuple[int, list[dict[str, object]]]:
    done = subprocess.run(
        [sys.executable, "-m", "migramovil", *words], capture_output=True, text=True, check=False
    )
    return done.returncode, [json.loads(x) for x in done.stdout.splitlines() if x.startswith("{")]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("fault", ["link-cut", "kill-after-finish"])
def test_one_record_arrives_exactly_once_whatever_breaks(tmp_path: Path, fault: str) -> None:
    out = tmp_path / "out"
    status, said = _run("demo", "--people", "1", "--seed", "3", "--out", str(out), "--fault", fault)
    assert status == 0, said
    person, summary = said
    assert person["receipt_verified"] is True
    assert summary["link_cuts"] == (1 if fault == "link-cut" else 0)

    _, receipts = _run("hq", "receipts", "--data", str(out / "headquarters"), "--json")
    assert sorted(str(r["kind"]) for r in receipts) == ["opened", "stored"]
    for receipt in receipts:
        body, signature, key = (
            base64.b64decode(str(receipt[name])) for name in ("body", "signature", "public_key")
        )
        Ed25519PublicKey.from_public_bytes(key).verify(signature, body)
    assert len({r["public_key"] for r in receipts}) == 2

    record = json.loads((out / "opened" / str(person["record_id"]) / "record.json").read_bytes())
    assert record["content"]["record"] == person["record_id"]
    assert _found(out / "station", _markers(record["applicant"])) == []


@pytest.mark.timeout(400)
def test_a_receipt_by_an_unknown_key_is_never_believed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    status, said = _run(
        "demo", "--people", "1", "--seed", "3", "--out", str(out), "--fault", "wrong-receipt-key"
    )
    assert status == 1
    assert said[0]["receipt_verified"] is False


def _markers(applicant: dict[str, object]) -> list[str]:
    """What would give the person away: their names, number, address, phone."""
    document = applicant["document"]
    assert isinstance(document, dict)
    names = ("first_surname", "given_names", "address", "phone", "birth_date")
    return [str(applicant[n]) for n in names if len(str(applicant[n])) > 4] + [document["number"]]


def _found(folder: Path, markers: list[str]) -> list[str]:
    forms = [
        (m, f)
        for m in markers
        for f in (
            m.encode(),
            m.encode("utf-16-le"),
            m.encode().hex().encode(),
            base64.b64encode(m.encode()).rstrip(b"="),
        )
    ]
    return [
        f"{path.name}: {marker[:2]}…"
        for path in folder.rglob("*")
        if path.is_file()
        for marker, form in forms
        if form in path.read_bytes()
    ]
