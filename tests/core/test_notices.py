from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from migramovil.core.notices import LANGUAGES, BadNotices, Notices

DATA = (Path(__file__).parents[2] / "resources/catalogues/notices.json").read_bytes()


def test_every_language_of_care_has_its_own_notice_and_consent() -> None:
    notices = Notices.read(DATA)
    assert {notices.text(lang).sha256 for lang in LANGUAGES} == {
        text.sha256 for text in notices.texts.values()
    }
    assert len({text.notice for text in notices.texts.values()}) == len(LANGUAGES)
    assert notices.review


def test_the_hash_is_of_the_exact_text() -> None:
    text = Notices.read(DATA).text("es")
    plain = (text.notice + "\f" + text.consent).encode()
    assert text.sha256 == hashlib.sha256(plain).hexdigest()


def test_the_spanish_notice_says_who_what_rights_and_that_one_may_refuse() -> None:
    notice = Notices.read(DATA).text("es").notice
    for words in (
        "Superintendencia Nacional de Migraciones",
        "huellas dactilares",
        "cifrados",
        "sede central",
        "acceso",
        "rectificación",
        "cancelación",
        "oposición",
        "negarse",
        "29733",
    ):
        assert words in notice


def test_a_language_without_text_is_served_the_spanish_one() -> None:
    notices = Notices.read(DATA)
    assert notices.text("qu") == notices.text("es")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_notices_lacking_a_language_or_its_words_are_refused(lang: str) -> None:
    lacking = json.loads(DATA)
    empty = json.loads(DATA)
    del lacking["texts"][lang]
    empty["texts"][lang]["consent"] = " "
    for plain in (lacking, empty):
        with pytest.raises(BadNotices, match="CAT-03"):
            Notices.read(json.dumps(plain).encode())
    with pytest.raises(BadNotices):
        Notices.read(b"no")
