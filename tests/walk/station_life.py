"""A station process that lives once and again on one folder, each life until it is killed.

`python -m tests.walk.station_life` reads one Order a line and forks a life for each, so that what
is imported is imported once. A life is the real window over the real station with played devices;
it says what it sees on standard output, one object a line, works at its step, and then waits.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from migramovil import app, opening
from migramovil.core import sealing
from migramovil.core.enrollment import Draft
from migramovil.demo.hand import Hand
from migramovil.devices.ports import Pixels
from migramovil.devices.sim.station import SimulatedStation
from migramovil.store.vault import Vault
from migramovil.ui.kit import Field
from tests.services.bench import MRZ, OFFICER, PASSWORD, Judge

TAKEN_BEFORE_THE_KILL = 3
_HOLD_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One life: over which folder, what to do there ("" only looks), whether changes are saved."""

    folder: str
    act: str = ""
    saving: bool = True


class Sitter:
    """Somebody with a picture, a document and fingers, drawn in no time."""

    mrz_lines = MRZ

    def camera_frames(self) -> Sequence[Pixels]:
        y, x = np.mgrid[0:1080, 0:1920].astype(np.float32)
        picture = np.full((1080, 1920, 3), 200, np.uint8)
        picture[((x - 960) / 250) ** 2 + ((y - 520) / 330) ** 2 < 1] = (110, 150, 205)
        return [picture]

    def impression(self, position: int, take: int) -> Pixels:
        y, x = np.mgrid[0:290, 0:384].astype(np.float32)
        away = np.hypot(x - 192, (y - 140) * 0.8)
        return (127 + 90 * np.sin(away / (3 + position / 10) + take)).astype(np.uint8)


class QuickJudge(Judge):
    """In place of NFIQ 2, whose process takes a second to come up."""

    def close(self) -> None:
        """Nothing runs."""


class Life:
    """One run of the station's process."""

    def __init__(self, order: Order) -> None:
        self.qt = QApplication(sys.argv[:1])
        self.sim = SimulatedStation((), pace_s=0.02)
        self.sim.sit(Sitter())
        app.FingerQuality = QuickJudge  # type: ignore[assignment, misc]
        self.station = app.build(
            Path(order.folder), training=True, sim=self.sim, password_memory_kib=64
        )
        self.enrolling = self.station.desk.enrolling
        if not order.saving:
            forget_changes()
        self.window, self.bridge = opening.window_for(self.station)
        self.window.show()
        self.hand = Hand(self.window, Path(order.folder).parent)
        self.work: dict[str, Callable[[], None]] = {
            "procedure": self.procedure,
            "identity": self.identity,
            "person": self.person,
            "portrait": self.portrait,
            "fingers": self.fingers,
            "consent": self.consent,
            "review": self.review,
        }

    @property
    def draft(self) -> Draft | None:
        return self.enrolling.draft

    def live(self, act: str) -> None:
        self.hand.wait_page("LoginPage")
        told: dict[str, Any] = {"login": self.words()}
        self.enter()
        for lane in self.station.lanes:  # what the page asked for has come
            lane.run(lambda _: None).result(10)
        QTest.qWait(100)
        told |= {"home": self.words(), "primary": self.window.footer.primary.text()}
        waiting = told["primary"].startswith("Retomar")
        if waiting:
            self.hand.primary()
            self.hand.wait(lambda: self.hand.page != "HomePage", "the draft")
            told |= {"page": self.hand.page, "fields": self.fields(), "draft": self.plain()}
            told |= {"pictures": self.pictures()}
        tell(**told)
        if act:
            if not waiting:
                self.hand.primary()
            self.work[act]()
            tell(changed=self.plain(), page=self.hand.page)
        end = time.monotonic() + _HOLD_S
        while time.monotonic() < end:
            QTest.qWait(50)

    def enter(self) -> None:
        self.hand.type("¿Quién entra?", OFFICER)
        self.hand.type("Contraseña", PASSWORD)
        self.hand.field("Contraseña").control.setFocus()
        self.hand.primary(Qt.Key.Key_Return)
        self.hand.wait_page("HomePage")

    # ---- what is seen ----------------------------------------------------------------------
    def words(self) -> str:
        page = self.window.page
        parts = page.findChildren(QWidget) if page is not None else []
        return " | ".join(p.accessibleName() for p in parts if p.isVisible() and p.accessibleName())

    def fields(self) -> dict[str, str]:
        page = self.window.page
        found = page.findChildren(Field) if page is not None else []
        controls = [field.control for field in found if field.isVisible()]
        return {c.accessibleName(): c.text() for c in controls if isinstance(c, QLineEdit)}

    def plain(self) -> Any:
        return msgspec.to_builtins(self.draft)

    def pictures(self) -> dict[str, str]:
        """Every capture, read back and decoded: shape and hash of its pixels."""
        if self.draft is None:
            return {}
        asked = {
            str(f.position): self.enrolling.finger_pixels(f.position) for f in self.draft.fingers
        }
        if self.draft.portrait is not None:
            asked["portrait"] = self.enrolling.portrait_pixels()
        read = {name: ticket.result(10) for name, ticket in asked.items()}
        return {name: f"{p.shape} {sealing.sha256(p.tobytes())}" for name, p in read.items()}

    # ---- what is done at each step -----------------------------------------------------------
    def procedure(self) -> None:
        self.hand.wait_page("ProcedurePage")
        self.hand.press(Qt.Key.Key_1)
        self.hand.type("Número del comprobante de pago", "0001-778")

    def identity(self) -> None:
        self.hand.primary()
        self.hand.wait_page("IdentityPage")
        self.hand.type("Tipo de documento", "Pasaporte")
        self.hand.type("País emisor", "VEN")
        self.hand.type("Número", "084127653")

    def person(self) -> None:
        self.hand.primary()
        self.hand.wait_page("PersonPage")
        for label, words in (
            ("Primer apellido", "Peñalver"), ("Segundo apellido", "Núñez"),
            ("Fecha de nacimiento", "19/08/1991"), ("Nacionalidad", "VEN"),
            ("País de nacimiento", "VEN"), ("País de residencia", "VEN"),
            ("Dirección", "Jr. Panamericana 482"), ("Celular", "984120763"),
        ):  # fmt: skip
            self.hand.type(label, words)
        self.hand.field("Sexo").control.setFocus()
        self.hand.press(Qt.Key.Key_F)
        self.hand.type("Nombres", "Marisela Andreína")

    def portrait(self) -> None:
        self.hand.primary()
        self.hand.wait_page("PortraitPage")
        self.hand.primary()
        self.hand.wait(lambda: bool(self.draft and self.draft.portrait), "the portrait")

    def fingers(self) -> None:
        self.hand.primary()
        self.hand.wait_page("FingersPage")
        self.take(TAKEN_BEFORE_THE_KILL)

    def consent(self) -> None:
        self.take(len(self.enrolling.rules.fingers.positions))
        self.hand.primary()
        self.hand.wait_page("ConsentPage")
        self.hand.focus("Cómo se dio el aviso")
        self.hand.press(Qt.Key.Key_L)
        self.window.setFocus()
        self.hand.press(Qt.Key.Key_S)

    def review(self) -> None:
        self.hand.primary()
        self.hand.wait_page("ReviewPage")

    def take(self, count: int) -> None:
        """Fingers until the draft has `count`; then the hand leaves the glass."""
        while self.taken() < count:
            before = self.taken()
            self.hand.press(Qt.Key.Key_F5)
            self.hand.wait(lambda before=before: self.taken() > before, "a finger")
            if self.taken() >= count:
                self.sim.reader.hand_near = False

    def taken(self) -> int:
        return len(self.draft.fingers) if self.draft is not None else 0


def forget_changes() -> None:
    """A vault that keeps a draft as it was born and no later form of it."""
    keep = Vault.save_draft

    def first_only(vault: Vault, record_id: str, *rest: Any) -> None:
        if not vault.has_draft(record_id):
            keep(vault, record_id, *rest)

    Vault.save_draft = first_only  # type: ignore[method-assign, assignment]


def tell(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def live(order: Order) -> None:
    life = Life(order)
    try:
        life.live(order.act)
    except Exception as error:  # noqa: BLE001 - the test is told why
        lacking = [f"{m.step} {m.field}" for m in life.enrolling.missing()]
        tell(stuck=repr(error), missing=lacking)


def main() -> None:
    for line in sys.stdin:
        order = Order(**json.loads(line))
        child = os.fork()
        if child == 0:
            live(order)
            os._exit(1)
        tell(pid=child)
        os.waitpid(child, 0)
        tell(ended=child)


def line_of(order: Order) -> str:
    return json.dumps(asdict(order)) + "\n"


if __name__ == "__main__":
    main()
