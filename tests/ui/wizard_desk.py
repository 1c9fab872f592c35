"""A desk whose enrollment is real in everything but devices, disk and keys."""

from __future__ import annotations

import functools
import threading
from concurrent.futures import Future
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta, timezone
from threading import Event
from typing import Any, TypeVar, cast

from migramovil.core import biometrics
from migramovil.core.biometrics import (
    Attempt,
    DeviceUsed,
    ExceptionCode,
    Finger,
    FingerRules,
    Measure,
    Portrait,
)
from migramovil.core.documents import DocumentType, IdentityDocument, MrzReading
from migramovil.core.downstream import Kind
from migramovil.core.enrollment import Consent, Draft
from migramovil.core.person import Person
from migramovil.core.record import Stamp
from migramovil.core.roles import Role
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import Frame, OnPreview, Pixels
from migramovil.services.accounts import Session
from migramovil.services.catalogues import Catalogues, load
from migramovil.services.desk import Desk, Place
from migramovil.services.downstream import Row
from migramovil.services.enrolling import Enrolling, FingerTaken, Finished
from migramovil.ui.bridge import Bridge
from migramovil.ui.frame import Applicant, Step
from migramovil.ui.frame import Frame as Window
from migramovil.ui.pages.wizard import STEP_PAGES, StepPage
from migramovil.vision.face import FaceCheck
from migramovil.vision.finger import FingerHint
from tests.ui.gallery import face, ridges

T = TypeVar("T")
TODAY = date(2026, 11, 23)
LIMA = timezone(timedelta(hours=-5))
LINES = (
    "P<VENPENALVER<NUNEZ<<MARISELA<ANDREINA<<<<<<",
    "0841276538VEN9108194F2903046<<<<<<<<<<<<<<<8",
)
_CHECKS = (
    ("Sharpness", 88), ("UnderExposurePrevention", 91), ("OverExposurePrevention", 97),
    ("IlluminationUniformity", 44), ("DynamicRange", 73), ("BackgroundUniformity", 82),
)  # fmt: skip


class CableOut(Trouble):
    code = "CAM-02"
    what = "No se ve la cámara."
    advice = "Mire el cable USB de la cámara."


class WrongKey(Trouble):
    code = "ACC-05"
    what = "La contraseña no es esa."
    advice = "Escríbala otra vez."


@functools.cache
def catalogues() -> Catalogues:
    return load()


class Clock:
    def today(self) -> date:
        return TODAY

    def now(self) -> Stamp:
        return Stamp(utc="2026-11-23T15:49:00Z")

    def local(self) -> datetime:
        return datetime(2026, 11, 23, 10, 49, tzinfo=LIMA)


@dataclass(frozen=True)
class Slot:
    account: str
    username: str
    role: str


class People:
    """Two people with keys; the first is at the desk."""

    session = Session(account="a1", username="rquispe", role=Role.OFFICER)

    def people(self) -> tuple[Slot, ...]:
        return (Slot("a1", "rquispe", "officer"), Slot("a2", "chuamani", "supervisor"))

    def demand(self, _: object) -> Any:
        return self

    def role_of(self, _: str) -> Role:
        return Role.OFFICER


def settled(answer: T | Exception) -> Ticket[T]:
    future: Future[T] = Future()
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
    return Ticket(future, Event())


def pending() -> Ticket[Any]:
    return Ticket(Future(), Event())


class PlayedEnrolling(Enrolling):
    """The service's own rules; captures are scripted: `qualities` is what fingers will give."""

    def __init__(self, draft: Draft) -> None:
        self._catalogues = catalogues()
        self._clock = cast(Any, Clock())
        self._accounts = cast(Any, People())
        self._fingers = FingerRules()
        self._guard = threading.RLock()
        self._draft = draft
        self._written = draft
        self._running = set()
        self._saved = []
        self.saved_at = "10:42:07"
        self.qualities: list[int] = []
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.blind = False  # a still camera without a live picture
        self.preview: Ticket[None] | None = None
        self.seal: Ticket[Finished] = pending()
        self.captures: list[Ticket[FingerTaken]] = []
        self.on_preview: OnPreview | None = None

    def _keep(self, draft: Draft) -> Draft:
        return draft

    def read_mrz(self) -> Ticket[MrzReading]:
        reading = self.parse_mrz("\n".join(LINES))
        return cast("Ticket[MrzReading]", settled(self.answers.get("mrz", reading)))

    def start_preview(self, on_frame: Any, on_blind: Any = lambda: None) -> Ticket[None]:
        self.asked.append("preview")
        if self.blind:
            on_blind()
            return pending()
        if "camera" in self.answers:
            return settled(cast(Trouble, self.answers["camera"]))
        self.preview = pending()
        on_frame(Frame(pixels=face(), number=1))
        return self.preview

    def check_portrait(self, pixels: Pixels) -> tuple[FaceCheck, ...]:
        return tuple(FaceCheck(name=n, value=v, threshold=50) for n, v in _CHECKS)

    def take_portrait(self) -> Ticket[Draft]:
        self.asked.append("portrait")
        return settled(self.change(portrait=portrait()))

    def portrait_pixels(self) -> Ticket[Pixels]:
        return settled(cast(Any, face(800, 600)))

    def take_finger(
        self, position: int, on_preview: OnPreview | None = None
    ) -> Ticket[FingerTaken]:
        self.asked.append(f"finger {position}")
        self.on_preview = on_preview
        if not self.qualities:
            self.captures.append(pending())
            return self.captures[-1]
        quality = self.qualities.pop(0)
        before = self._held().finger(position) or Finger(position=position)
        hints = () if quality >= 40 else (FingerHint.TOO_DRY, FingerHint.SMALL_AREA)
        attempt = Attempt(object_id="x", quality=quality, hints=tuple(h.value for h in hints))
        finger = replace(before, attempts=(*before.attempts, attempt), exception=None)
        self._put_finger(finger)
        return settled(
            FingerTaken(
                finger=finger, pixels=cast(Any, ridges()), quality=quality, hints=hints,
                attempt=len(finger.attempts), good=biometrics.settled(finger, self._fingers),
            )
        )  # fmt: skip

    def finger_pixels(self, position: int) -> Ticket[Pixels]:
        return settled(cast(Any, ridges()))

    def declare_exception(self, position: int, code: ExceptionCode, reason: str) -> Draft:
        before = self._held().finger(position) or Finger(position=position)
        return self._put_finger(
            replace(before, exception=code, reason=reason, declared_by="a1", approved_by="")
        )

    def approve_exception(self, position: int, username: str, password: str) -> Ticket[Draft]:
        if password != "clave-larga-2":
            return settled(WrongKey())
        finger = self._held().finger(position)
        assert finger is not None
        return settled(self._put_finger(replace(finger, approved_by="a2")))

    def finish(self) -> Ticket[Finished]:
        self.asked.append("finish")
        return self.seal


def empty() -> Draft:
    return Draft(record_id="r1", started=Stamp(utc="2026-11-23T15:40:00Z"), started_by="a1")


def portrait() -> Portrait:
    measures = tuple(Measure(name=n, version="1", value=v, threshold=50) for n, v in _CHECKS)
    used = DeviceUsed(driver="opencv", model="C920")
    return Portrait(object_id="p", width=810, height=1080, measures=measures, device=used)


def person(**fields: Any) -> Person:
    known: dict[str, Any] = {
        "first_surname": "PEÑALVER", "second_surname": "NÚÑEZ",
        "given_names": "MARISELA ANDREÍNA", "birth_date": "1991-08-19", "sex": "F",
        "nationality": "VEN", "birth_country": "VEN", "residence_country": "PER",
        "address": "Jr. Panamericana 482, int. 3", "ubigeo": "210402", "phone": "984120763",
    }  # fmt: skip
    return Person(**{**known, **fields})


def whole(**fields: Any) -> Draft:
    """A draft with nothing missing."""
    taken = [Finger(position=n, attempts=(Attempt(object_id=f"f{n}", quality=44 + 3 * n),),
                    measure="NFIQ 2") for n in range(1, 10)]  # fmt: skip
    lost = Finger(
        position=10, exception=ExceptionCode.AMPUTATED, reason="amputado", declared_by="a1",
        approved_by="a2",
    )  # fmt: skip
    code = catalogues().procedures.procedures[0].code
    consent = Consent(
        language="es", version=catalogues().notices.version, notice_sha256="0", consent_sha256="0",
        mode="read_aloud", notice_at=Stamp(utc="2026-11-23T15:49:00Z"), given=True,
    )  # fmt: skip
    paper = IdentityDocument(
        type=DocumentType.PASSPORT, number="084127653", issuer="VEN", expiry="2029-03-04"
    )
    draft = replace(
        empty(), procedure=code, document=paper, mrz_lines=LINES, mrz_confirmed=True,
        person=person(), portrait=portrait(), fingers=(*taken, lost), consent=consent,
    )  # fmt: skip
    return replace(draft, **fields)


class Downstream:
    """What headquarters sent down; every list is in time."""

    def __init__(self) -> None:
        self.told = tuple(Row(kind=kind) for kind in Kind)

    def expire(self, kind: Kind, on: str) -> None:
        late = Row(kind=kind, version=7, expires=on, expired=True)
        self.told = tuple(late if row.kind is kind else row for row in self.told)

    def rows(self) -> tuple[Row, ...]:
        return self.told


def desk_of(draft: Draft) -> tuple[Desk, PlayedEnrolling]:
    enrolling = PlayedEnrolling(draft)
    used: dict[str, Any] = {
        "place": Place(), "accounts": People(), "enrolling": enrolling, "clock": Clock(),
        "downstream": Downstream(),
    }  # fmt: skip
    return Desk(**{part.name: used.get(part.name) for part in fields(Desk)}), enrolling


def opened(page: Any, draft: Draft) -> tuple[Window, StepPage, PlayedEnrolling]:
    """The page on this draft, in a window of 1366 × 768."""
    desk, enrolling = desk_of(draft)
    return *opened_at(desk, page), enrolling


def opened_at(desk: Desk, page: Any) -> tuple[Window, StepPage]:
    """The page at a desk with a draft in hand, in a window of 1366 × 768."""
    frame = Window(place="Módulo 2 · Desaguadero, Puno", training=True)
    bridge = Bridge(frame)
    steps = [Step(name=i.title, icon=i.icon, state="later") for i in STEP_PAGES.values()]
    number = list(STEP_PAGES).index(page.step)
    steps[number] = replace(steps[number], state="now")
    frame.set_steps(steps, number + 1)
    frame.set_applicant(Applicant(procedure="Permiso temporal", first_surname="PEÑALVER"))
    frame.set_saved("10:42:07")
    frame.set_link("Sin conexión · 14 por enviar", "warn", "wifi-slash-bold")
    frame.set_devices("4 de 4", "ok")
    frame.set_clock("10:42")
    frame.set_person("R. Quispe", "Oficial")
    made: StepPage = page(desk, bridge)
    frame.resize(1366, 768)
    frame.show_page(made)
    frame.show()
    frame.activateWindow()
    return frame, made
