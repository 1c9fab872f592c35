from __future__ import annotations

import csv
import hashlib
import os
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from migramovil.devices.sim import faces, people
from migramovil.vision.face import measure
from migramovil.vision.finger import FingerHint, FingerQuality

UBIGEO = Path(__file__).parents[3] / "shared/data/ubigeo_inei_reniec.csv"
MANY = tuple(islice(people.population(11), 2000))


def test_the_check_digits_are_those_of_icao_9303s_own_example() -> None:
    fields = ("L898902C3", "740812", "120415", "ZE184226B<<<<<")
    assert "".join(map(people.check_digit, fields)) == "6291"
    composite = "L898902C36" + "7408122" + "1204159" + "ZE184226B<<<<<1"
    assert people.check_digit(composite) == "0"


def test_a_passport_of_the_icao_example_is_written_as_printed_there() -> None:
    paper = people._Paper(
        kind="passport",
        number="L898902C3",
        issuer="UTO",
        surnames="Eriksson",
        given="Anna María",
        nationality="UTO",
        birth=people.date(1974, 8, 12),
        sex="F",
        expiry=people.date(2012, 4, 15),
    )
    first, second = people._td3(paper)
    assert first == "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
    assert second == "L898902C36UTO7408122F1204159<<<<<<<<<<<<<<08"


def test_every_machine_readable_zone_has_the_right_size_letters_and_digits() -> None:
    for someone in MANY:
        lines = someone.mrz_lines
        passport = someone.document_type == "passport"
        assert [len(line) for line in lines] == ([44, 44] if passport else [30, 30, 30])
        assert re.fullmatch(r"[A-Z0-9<]+", "".join(lines))
        number = lines[1][:10] if passport else lines[0][5:15]
        birth = lines[1][13:20] if passport else lines[1][:7]
        expiry = lines[1][21:28] if passport else lines[1][8:15]
        for field in (number, birth, expiry):
            assert people.check_digit(field[:-1]) == field[-1]
        assert number[:-1].rstrip("<") == someone.document_number
        assert birth[:6] == f"{someone.birth_date:%y%m%d}"
        names = (lines[0][5:] if passport else lines[2]).rstrip("<")
        whole = people._plain(f"{someone.first_surname} {someone.second_surname}".strip())
        assert (whole + "<<" + people._plain(someone.given_names)).startswith(names)


def test_accents_hyphens_and_enye_become_plain_letters() -> None:
    assert people._plain("Peñalver Núñez") == "PENALVER<NUNEZ"
    assert people._plain("Jean-Baptiste François") == "JEAN<BAPTISTE<FRANCOIS"


def test_no_two_people_share_a_document_a_phone_or_a_receipt() -> None:
    documents = [p.document_number for p in MANY]
    documents += [p.guardian.document_number for p in MANY if p.guardian]
    assert len(set(documents)) == len(documents)
    for values in ({p.phone for p in MANY}, {p.receipt.number for p in MANY}):
        assert len(values) == len(MANY)


def test_the_same_seed_brings_the_same_people_and_another_seed_others() -> None:
    assert people.person(11, 7) == MANY[7]
    assert people.person(12, 7).document_number != MANY[7].document_number


def test_a_person_is_the_one_they_ever_were() -> None:
    assert MANY[7].mrz_lines == (
        "P<VENSEQUERA<YANEZ<<ANDREINA<SOFIA<<<<<<<<<<",
        "0880341769VEN7709058F3412293<<<<<<<<<<<<<<06",
    )


def test_the_people_are_those_the_vehicle_sees() -> None:
    venezuelan = sum(p.nationality == "VEN" for p in MANY) / len(MANY)
    women = sum(p.sex == "F" for p in MANY) / len(MANY)
    minors = sum(p.minor for p in MANY) / len(MANY)
    assert 0.92 < venezuelan < 0.96
    assert 0.46 < women < 0.54
    assert 0.22 < minors < 0.28
    assert {p.language for p in MANY if p.nationality == "HTI"} == {"ht"}
    assert any("Ñ" in p.first_surname.upper() for p in MANY)


def test_every_minor_has_a_guardian_of_their_family_and_no_grown_up_has_one() -> None:
    for someone in MANY:
        assert someone.minor == (someone.age < 18) == (someone.guardian is not None)
        if guardian := someone.guardian:
            mother = guardian.relationship == "mother"
            shared = someone.second_surname if mother else someone.first_surname
            assert guardian.first_surname == shared


def test_phones_mail_and_codes_have_their_forms() -> None:
    for someone in MANY:
        assert re.fullmatch(r"9\d{8}", someone.phone)
        assert someone.email == "" or re.fullmatch(
            r"[a-z]+\.[a-z]+\d+@correo\.example", someone.email
        )
        assert someone.procedure in {"CPP", "CCM", "PRR", "DUP", "ACT"}
        assert someone.procedure != "CPP" or someone.nationality == "VEN"
        assert someone.expiry > people.REFERENCE_DAY


@pytest.mark.data
@pytest.mark.skipif(not UBIGEO.is_file(), reason="test data from outside is absent")
def test_every_place_is_a_district_of_inei() -> None:
    with UBIGEO.open(encoding="utf-8", newline="") as rows:
        known = {row["ubigeo_inei"] for row in csv.DictReader(rows)}
    assert {p.ubigeo for p in MANY} <= known


def test_a_person_stands_well_before_the_camera_and_moves_a_little() -> None:
    someone = MANY[0]
    frames = someone.camera_frames()
    assert len(frames) == 10
    assert {frame.shape for frame in frames} == {(1080, 1920, 3)}
    assert all(check.ok for frame in frames for check in measure(frame))
    eyes = slice(380, 560), slice(760, 1160)
    still = np.abs(frames[0][eyes].astype(int) - frames[5][eyes]).mean()
    blink = np.abs(frames[6][eyes].astype(int) - frames[faces.BLINK][eyes]).mean()
    assert 0.5 < still < blink
    assert np.array_equal(frames[0], people.person(11, 0).camera_frames()[0])


def test_the_head_stands_where_the_framing_oval_asks() -> None:
    for someone in MANY[:6]:
        frame = someone.camera_frames()[0].astype(int)
        wall = frame[10, 900]
        person = np.abs(frame - wall).max(axis=2) > 45
        crown = int(np.argmax(person[:, 955:965].any(axis=1)))
        assert 80 < crown < 115
        columns = np.nonzero(person[300:700].any(axis=0))[0]
        assert abs((columns[0] + columns[-1]) / 2 - 960) < 25
        assert 500 < columns[-1] - columns[0] < 810  # nothing is cut off by the 3:4 crop


def test_a_head_is_70_to_78_per_cent_as_high_as_the_portrait() -> None:
    for seed in range(200):
        sex: faces.Sex = "F" if seed % 2 else "M"
        assert 0.70 <= faces._traits(seed, sex, seed % 75 + 3, (0, 1)).head <= 0.78


def test_a_poor_first_impression_becomes_a_good_second_one() -> None:
    poor = [
        (someone, position)
        for someone in MANY[:12]
        for position in range(1, 11)
        if people._rng("hand", people._key(11, someone.number), position).random() < 0.12
    ][:4]
    with FingerQuality(timeout_s=30) as judge:
        first = [judge.measure(who.impression(finger, 1), 500) for who, finger in poor]
        second = [judge.measure(who.impression(finger, 2), 500) for who, finger in poor]
    assert all(FingerHint.TOO_DRY in measured.hints for measured in first)
    assert all(measured.quality is None or measured.quality < 40 for measured in first)
    assert np.mean([measured.quality for measured in second]) >= 40


def test_a_person_can_come_with_wet_or_dry_skin_and_lays_the_finger_down_as_ever() -> None:
    usual, wet, dry = (
        MANY[2].impression(2, 2, dryness=dryness).astype(float) for dryness in (None, -1, 1)
    )
    assert wet.mean() + 15 < dry.mean()
    assert wet.mean() <= usual.mean() <= dry.mean()
    inked = [cv2.blur(255 - picture, (31, 31)) > 25 for picture in (wet, dry)]
    assert (inked[0] == inked[1]).mean() > 0.95  # the same place on the glass


def test_most_fingers_are_good_at_once() -> None:
    fingers_of_one = [MANY[2].impression(position, 1) for position in range(1, 11)]
    assert {picture.shape for picture in fingers_of_one} == {(290, 384)}
    with FingerQuality(timeout_s=30) as judge:
        qualities = [judge.measure(picture, 500).quality or 0 for picture in fingers_of_one]
    assert sum(quality >= 40 for quality in qualities) >= 7


def fingerprint_of(number: int) -> str:
    """What a person is, looks like and leaves on a glass, in one word."""
    one = people.person(11, number)
    told = hashlib.sha256(repr(one).encode())
    told.update(one.camera_frames()[0].tobytes())
    for position, take in ((2, 1), (2, 2), (7, 9)):
        told.update(one.impression(position, take).tobytes())
    return told.hexdigest()


def test_face_and_fingers_are_the_same_in_every_process() -> None:
    ask = "from tests.devices.test_sim_people import fingerprint_of; print(fingerprint_of(7))"
    told = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "5"},  # what Python scatters its hashes by
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == fingerprint_of(7)


def test_there_are_as_many_impressions_of_a_finger_as_are_asked_for() -> None:
    takes = [MANY[5].impression(2, take) for take in (1, 2, 3, 50, 51)]
    assert len({take.tobytes() for take in takes}) == len(takes)
    again = people.person(11, 5).impression(2, 50)
    assert np.array_equal(takes[3], again)
