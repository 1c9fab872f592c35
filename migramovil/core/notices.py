"""The privacy notice and the consent a person is shown or read, by language and version."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from migramovil.core.trouble import Trouble

LANGUAGES: dict[str, str] = {
    "es": "Español",
    "en": "English",
    "fr": "Français",
    "pt": "Português",
    "ht": "Kreyòl ayisyen",
}


class BadNotices(Trouble):
    code = "CAT-03"
    what = "El aviso de privacidad no se puede usar."
    advice = "Sin aviso no se toman datos. Reinstale la estación o avise al técnico."


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeText:
    """What is said in one language."""

    notice: str
    consent: str

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the exact text: notice, a form feed, consent, in UTF-8."""
        return hashlib.sha256(f"{self.notice}\f{self.consent}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """Every language of one version; `review` says who must still confirm the texts."""

    version: str
    texts: dict[str, NoticeText]
    review: str = ""

    @classmethod
    def read(cls, data: bytes) -> Notices:
        """The notices in these bytes (UTF-8 JSON), every language whole, or BadNotices."""
        try:
            notices = msgspec.json.decode(data, type=cls)
        except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
            raise BadNotices(type(problem).__name__) from None
        whole = all(
            text.notice.strip() and text.consent.strip() and "\f" not in text.notice + text.consent
            for text in notices.texts.values()
        )
        if not notices.version.strip() or not whole or not notices.texts.keys() >= LANGUAGES.keys():
            raise BadNotices("a language is missing or empty")
        return notices

    def text(self, lang: str) -> NoticeText:
        """The texts in that language; in Spanish when there is none, for an interpreter to read."""
        return self.texts.get(lang, self.texts["es"])
