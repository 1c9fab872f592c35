"""The scanner of leaks can fail: whatever is planted is found, and nothing is found by chance."""

from __future__ import annotations

import secrets
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests import leaks

APPLICANT = {
    "first_surname": "NU\u00d1EZ",
    "given_names": "ROSA",
    "address": "Jr. Los Nogales 801, int. 2",
    "sex": "F",
    "document": {"type": "passport", "number": "AV799285"},
    "birth_date": "2014-03-01",
}


@pytest.mark.parametrize("value", ["NU\u00d1EZ", "ROSA", "AV799285", "2014-03-01"])
def test_a_value_is_found_in_every_way_it_may_be_written(tmp_path: Path, value: str) -> None:
    needles, _ = leaks.markers(APPLICANT)
    for number, form in enumerate(leaks.forms(value).values()):
        (tmp_path / "noise.bin").write_bytes(
            secrets.token_bytes(999 + number) + b"; " + form + b" ;" + secrets.token_bytes(99)
        )
        assert leaks.search([tmp_path], needles)


def test_a_value_is_found_in_a_name_and_a_record_in_its_canonical_bytes(tmp_path: Path) -> None:
    needles, _ = leaks.markers(APPLICANT)
    (tmp_path / "AV799285.txt").write_bytes(b"")
    assert [hit.what for hit in leaks.search([tmp_path], needles)]
    (tmp_path / "AV799285.txt").unlink()
    (tmp_path / "body").write_bytes(leaks.canonical.encode(APPLICANT))
    assert "canonical JSON" in {hit.what for hit in leaks.search([tmp_path], needles)}


def test_only_values_too_short_to_mean_anyone_are_skipped() -> None:
    _, skipped = leaks.markers(APPLICANT)
    assert skipped == ["sex", "document.type"]


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_a_piece_of_a_picture_is_found(tmp_path: Path, kind: str) -> None:
    seen = np.random.default_rng(5).integers(0, 255, (60, 80, 3), np.uint8)
    seen = cv2.GaussianBlur(seen, (0, 0), 1.5)
    master = tmp_path / f"portrait.{kind}"
    cv2.imwrite(str(master), seen)
    needles = leaks.picture_markers(master)
    read = cv2.imread(str(master))
    pieces = (
        master.read_bytes()[200:1200],
        read.tobytes(),
        read[:, :, ::-1].tobytes(),
        cv2.imread(str(master), cv2.IMREAD_GRAYSCALE).tobytes(),
    )
    folder = tmp_path / "station"
    folder.mkdir()
    for piece in pieces:
        (folder / "left.bin").write_bytes(secrets.token_bytes(77) + piece)
        assert leaks.search([folder], needles)
    (folder / "left.bin").write_bytes(master.read_bytes())
    assert leaks.clear_pictures([folder])


def test_random_bytes_hold_nothing(tmp_path: Path) -> None:
    needles, _ = leaks.markers(APPLICANT)
    (tmp_path / "sealed.packet").write_bytes(secrets.token_bytes(3_000_000))
    assert leaks.search([tmp_path], needles) == []
    assert leaks.clear_pictures([tmp_path]) == []


def test_a_search_for_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing"):
        leaks.search([tmp_path], {})
