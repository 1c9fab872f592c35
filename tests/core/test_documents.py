from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migramovil.core import canonical
from migramovil.core.documents import (
    DOCUMENT_LABELS,
    DocumentType,
    IdentityDocument,
    MrzFormat,
    MrzReading,
    MrzStrangeLetter,
    MrzTrouble,
    check_digit,
    differences,
    document_problems,
    parse_mrz,
    same_name,
    specimen,
)
from migramovil.core.person import Person

TODAY = date(2026, 11, 23)
# Printed examples of ICAO Doc 9303, parts 4 to 7
TD3 = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
TD1 = (
    "I<UTOD231458907<<<<<<<<<<<<<<<",
    "7408122F1204159UTO<<<<<<<<<<<6",
    "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
)
MRV_A = (
    "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L8988901C4XXX4009078F96121096ZE184226B<<<<<<",
)
MRV_B = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<")


def _td3(second: str) -> MrzReading:
    return parse_mrz((TD3[0], second), today=TODAY)


def _with_digits(body: str) -> str:
    """A second TD3 line, digits right: number(9) state(3) birth(6) sex expiry(6) optional(14)."""
    number, state, birth, sex = body[:9], body[9:12], body[12:18], body[18]
    expiry, optional = body[19:25], body[25:39]
    fields = [field + check_digit(field) for field in (number, birth, expiry, optional)]
    return fields[0] + state + fields[1] + sex + "".join(fields[2:]) + check_digit("".join(fields))


@pytest.mark.parametrize(
    ("lines", "form", "number", "birth", "expiry"),
    [
        (TD3, "TD3", "L898902C3", "1974-08-12", "2012-04-15"),
        (TD2, "TD2", "D23145890", "1974-08-12", "2012-04-15"),
        (TD1, "TD1", "D23145890", "1974-08-12", "2012-04-15"),
        (MRV_A, "MRV-A", "L8988901C", "1940-09-07", "1996-12-10"),
        (MRV_B, "MRV-B", "L8988901C", "1940-09-07", "1996-12-10"),
    ],
)
def test_the_printed_examples_read_whole(
    lines: tuple[str, ...], form: MrzFormat, number: str, birth: str, expiry: str
) -> None:
    reading = parse_mrz(lines, today=TODAY)
    assert (reading.format, reading.number) == (form, number)
    assert (reading.birth_date, reading.expiry, reading.sex) == (birth, expiry, "F")
    assert (reading.surname, reading.given_names) == ("ERIKSSON", "ANNA MARIA")
    assert reading.ok
    assert reading.doubtful == ()
    assert not reading.names_truncated
    assert specimen(reading)


def test_the_check_digits_are_the_printed_ones() -> None:
    assert [check_digit(text) for text in ("L898902C3", "740812", "120415", "ZE184226B<<<<<")] == [
        "6",
        "2",
        "9",
        "1",
    ]


def test_a_misread_digit_is_caught_and_its_field_is_doubtful() -> None:
    reading = _td3("L898902C36UTO7408132F1204159ZE184226B<<<<<10")
    failed = [check.name for check in reading.checks if not check.ok]
    assert failed == ["birth_date", "composite"]
    assert not reading.ok
    assert reading.doubtful == tuple((1, column) for column in range(13, 20))


def test_a_letter_among_digits_and_a_digit_in_a_name_are_doubtful() -> None:
    zone = (
        "P<UTOERIK5SON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UT07408122F1204159ZE184226B<<<<<1O",
    )
    assert parse_mrz(zone, today=TODAY).doubtful == ((0, 9), (1, 12), (1, 43))


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        (
            (
                "I<UTOD23145890<7349<<<<<<<<<<<",
                "3407127M9507122UTO<<<<<<<<<<<2",
                "STEVENSON<<PETER<JOHN<<<<<<<<<",
            ),
            "D23145890734",
        ),
        (
            ("I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<", "D23145890<UTO3407127M95071227349<<<8"),
            "D23145890734",
        ),
    ],
)
def test_a_number_longer_than_nine_runs_on_into_the_optional_data(
    lines: tuple[str, ...], number: str
) -> None:
    reading = parse_mrz(lines, today=TODAY)
    assert reading.number == number
    assert reading.checks[0].ok
    assert reading.ok
    assert reading.optional == ""


def test_empty_optional_data_may_carry_a_filler_for_its_digit() -> None:
    line = _with_digits("AB1234567PER900101M301231<<<<<<<<<<<<<<")
    filler = line[:42] + "<" + line[43:]
    assert _td3(line).ok
    assert _td3(filler).ok


@pytest.mark.parametrize(
    ("written", "birth"),
    [
        ("261123", "2026-11-23"),
        ("261124", "1926-11-24"),
        ("9001<<", "1990-01"),
        ("90<<<<", "1990"),
        ("900230", ""),
        ("9000<<", ""),
    ],
)
def test_a_birth_is_never_in_the_future_and_may_lack_parts(written: str, birth: str) -> None:
    assert _td3(_with_digits(f"AB1234567PER{written}M301231{'<' * 14}")).birth_date == birth


@pytest.mark.parametrize(
    ("written", "expiry"), [("301231", "2030-12-31"), ("991231", "1999-12-31"), ("<<<<<<", "")]
)
def test_an_expiry_is_the_nearest_to_today(written: str, expiry: str) -> None:
    assert _td3(_with_digits(f"AB1234567PER900101<{written}{'<' * 14}")).expiry == expiry


@pytest.mark.parametrize("lines", [(), ("",), TD3[:1], (TD3[0], TD2[1]), (*TD1, "")])
def test_lines_of_no_known_size_are_refused(lines: tuple[str, ...]) -> None:
    with pytest.raises(MrzTrouble, match="MRZ-11"):
        parse_mrz(lines, today=TODAY)


def test_a_strange_sign_is_refused_without_telling_the_data() -> None:
    with pytest.raises(MrzStrangeLetter) as refused:
        _td3(TD3[1].replace("C", "Ñ"))
    assert "L89" not in str(refused.value)


_ANY = st.text(max_size=50)
_SIZED = st.sampled_from([(3, 30), (2, 36), (2, 44)]).flatmap(
    lambda size: st.lists(
        st.text("ABIPVXZ0159<²ñ", min_size=size[1], max_size=size[1]),
        min_size=size[0],
        max_size=size[0],
    )
)


@given(st.one_of(st.lists(_ANY, max_size=4), _SIZED))
def test_any_text_is_a_reading_or_an_mrz_trouble(lines: list[str]) -> None:
    with contextlib.suppress(MrzTrouble):
        reading = parse_mrz(lines, today=TODAY)
        assert all(
            0 <= line < len(reading.lines) and 0 <= column < len(reading.lines[line])
            for line, column in reading.doubtful
        )
        assert canonical.decode(canonical.encode(reading), MrzReading) == reading


@pytest.mark.parametrize(
    ("visual", "mrz"),
    [
        ("Núñez", "NUNEZ"),
        ("Núñez", "NUNXXEZ"),
        ("NUNEZ", "NUNXXEZ"),
        ("Müller", "MUELLER"),
        ("Müller", "MULLER"),
        ("Müller", "MUXXLLER"),
        ("D'Ángelo-Paz", "DANGELO PAZ"),
        ("José  María", "JOSE<MARIA"),
        ("Weiß Søren", "WEISS SOEREN"),
    ],
)
def test_one_name_in_both_spellings_is_the_same(visual: str, mrz: str) -> None:
    assert same_name(visual, mrz)


def test_different_or_missing_names_are_not_the_same() -> None:
    assert not same_name("Rosa", "ROSANA")
    assert not same_name("Rosa María", "ROSA")
    assert not same_name("", "ROSA")
    assert not same_name("Rosa", "")


def test_a_cut_name_is_the_same_only_where_the_zone_had_no_room() -> None:
    assert same_name("Nilavadhanananda Chayapa", "NILAVADHANANANDA CHAY", truncated=True)
    assert not same_name("Nilavadhanananda Chayapa", "NILAVADHANANANDA CHAY")
    assert not same_name("Ana", "ANABEL", truncated=True)


def test_differences_compare_what_was_typed_with_what_was_read() -> None:
    person = Person(
        first_surname="Eriksson",
        given_names="Ana María",
        birth_date="1974-08-12",
        sex="F",
        nationality="DEU",
    )
    zone = (TD3[0].replace("UTO", "D<<"), TD3[1].replace("UTO", "D<<"))
    document = IdentityDocument(
        type=DocumentType.PASSPORT, number="l898902c-3", issuer="DEU", expiry="2012-04-16"
    )
    found = differences(person, document, parse_mrz(zone, today=TODAY))
    assert [row.field for row in found if not row.same] == ["given_names", "expiry"]
    assert len(found) == 8
    assert not specimen(parse_mrz(zone, today=TODAY))


def test_the_documents_own_fields_are_asked_for_and_checked() -> None:
    def fields(document: IdentityDocument) -> list[tuple[str, bool]]:
        found = document_problems(document, today=TODAY, issuers={"VEN", "PER"})
        return [(problem.field, problem.blocking) for problem in found]

    passport = IdentityDocument(type=DocumentType.PASSPORT, number="123456789", issuer="VEN")
    card = replace(passport, type=DocumentType.FOREIGNER_CARD)
    assert fields(passport) == []
    assert fields(card) == []
    assert fields(replace(card, number="12345678")) == [("number", False)]
    assert fields(replace(card, number="12345")) == [("number", True)]
    assert fields(replace(passport, number="", issuer="")) == [("number", True), ("issuer", True)]
    assert fields(replace(passport, issuer="UTO")) == [("issuer", True)]
    assert fields(replace(passport, expiry="2026-13-01")) == [("expiry", True)]
    assert fields(replace(passport, expiry="2026-11-22")) == [("expiry", False)]
    assert fields(replace(passport, expiry="2026-11-23")) == []


def test_every_document_type_has_its_spanish_label() -> None:
    assert DOCUMENT_LABELS.keys() == set(DocumentType)
