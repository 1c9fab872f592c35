"""The station's window: which page is in sight, and what stands round it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QImage, QShowEvent
from PySide6.QtWidgets import QApplication

from migramovil.core.enrollment import STEPS, Draft, fingers_asked
from migramovil.core.enrollment import Step as DraftStep
from migramovil.core.roles import Act, may
from migramovil.core.trouble import Trouble
from migramovil.devices.ports import DeviceState
from migramovil.services.clock import steady
from migramovil.services.desk import Desk
from migramovil.services.drafts import Crash, Parked
from migramovil.services.enrolling import Finished
from migramovil.ui import kit
from migramovil.ui.bridge import Bridge
from migramovil.ui.frame import Applicant, Frame, NavItem, Step
from migramovil.ui.idle import WARNING_S, IdleWatch
from migramovil.ui.kit.page import Page, Primary
from migramovil.ui.kit.shell import Light
from migramovil.ui.pages.accounts import PasswordPage
from migramovil.ui.pages.bundle import BundlePage
from migramovil.ui.pages.cameras import CamerasPage, ClosedCamerasPage
from migramovil.ui.pages.checklist import ChecklistPage, ClosedChecklistPage
from migramovil.ui.pages.common import DAILY, DEVICES, ROLES, DayPage, date_words, link_words
from migramovil.ui.pages.damaged import DamagedVaultPage
from migramovil.ui.pages.diagnostics import ClosedDiagnosticsPage, DiagnosticsPage
from migramovil.ui.pages.done import DonePage
from migramovil.ui.pages.downloads import DownloadsPage
from migramovil.ui.pages.home import HomePage
from migramovil.ui.pages.login import LoginPage
from migramovil.ui.pages.parked import CrashPage, ParkedPage
from migramovil.ui.pages.queue import QueuePage
from migramovil.ui.pages.recovery import ForgottenPage
from migramovil.ui.pages.setup import SetupPage
from migramovil.ui.pages.supervision import ENTRIES, SupervisionPage
from migramovil.ui.pages.support import ClosedSupportPage, SupportPage
from migramovil.ui.pages.visits import VisitsPage
from migramovil.ui.pages.void import CorrectPage, VoidPage
from migramovil.ui.pages.wizard import STEP_PAGES, ReviewPage
from migramovil.ui.wedge import Wedge

NAV = (
    NavItem(key="jornada", name="Jornada", icon="house"),
    NavItem(key="envios", name="Envíos", icon="cloud-arrow-up"),
    NavItem(key="diagnostico", name="Diagnóstico", icon="wrench"),
)
VISITS = NavItem(key="citas", name="Citas", icon="identification-badge")
PASSWORD = NavItem(key="clave", name="Mi clave", icon="key")
SUPERVISION = NavItem(key="supervision", name="Supervisión", icon="users-three")
_SECOND_MS = 1000
_FREE_MS = 50
_SAFE = "Lo escrito y lo capturado está guardado y cifrado en esta estación."
_UNSAVED = "El último cambio sigue en pantalla, sin guardar. Lo anterior está guardado y cifrado."


def _place_words(desk: Desk) -> str:
    return " · ".join(part for part in (desk.place.name, desk.place.where) if part)


class StationWindow(Frame):
    """Everything the officer sees. `show_first()` decides between set-up and login.

    Whatever happens here, the draft is already on the disk: lock and close only put it down.
    """

    def __init__(self, desk: Desk, bridge: Bridge, *, idle_s: float = 0.0) -> None:
        """`idle_s` without a key or the mouse locks; 0 never."""
        super().__init__(place=_place_words(desk), training=desk.place.training)
        self._desk, self._bridge = desk, bridge
        self._step_pages: dict[DraftStep, Page] = {}
        self._seen: set[DraftStep] = set()
        self._portrait: tuple[str, QImage | None] = ("", None)
        self._idle = IdleWatch(self, idle_s, steady)
        self._wedge = Wedge(self, self._typed_by_reader)
        self._locking = False
        self._left: tuple[str, str] = ("", "")  # who left the chair by a lock, and whose it was
        self._sealed_behind: Finished | None = None
        self._login = LoginPage(desk, bridge)
        self._setup = SetupPage(desk, bridge)
        self._home = HomePage(desk, bridge)
        self._queue = QueuePage(desk, bridge)
        self._stick = BundlePage(desk, bridge)
        self._lists = DownloadsPage(desk, bridge)
        self._visits = VisitsPage(desk, bridge)
        self._done = DonePage(desk, bridge)
        self._parked = ParkedPage(desk, bridge)
        self._after_bad_end = CrashPage(desk, bridge)
        self._void = VoidPage(desk, bridge)
        self._correct = CorrectPage(desk, bridge)
        self._diagnostics = DiagnosticsPage(desk, bridge)
        self._closed_diagnostics = ClosedDiagnosticsPage(desk, bridge)
        self._checklist = ChecklistPage(desk, bridge)
        self._closed_checklist = ClosedChecklistPage(desk, bridge)
        self._cameras = CamerasPage(desk, bridge)
        self._closed_cameras = ClosedCamerasPage(desk, bridge)
        self._support = SupportPage(desk, bridge)
        self._closed_support = ClosedSupportPage(desk, bridge)
        self._forgotten = ForgottenPage(desk, bridge)
        self._password = PasswordPage(desk, bridge)
        self._supervision = SupervisionPage(desk, bridge)
        self._supervised: dict[str, DayPage] = {}
        self.set_nav(NAV)
        self._wire()
        self._listen()
        self._second = QTimer(self)
        self._second.setInterval(_SECOND_MS)
        self._second.timeout.connect(self._tick)
        self._second.start()
        self._tick()
        self._hear()
        self.show_first()

    def _wire(self) -> None:
        self.chosen.connect(self._go_day)
        self.step_chosen.connect(lambda number: self._show_step(STEPS[number - 1]))
        self.lock_asked.connect(self.lock)
        self.close_asked.connect(self._close_down)
        self._login.entered.connect(self._entered)
        self._login.diagnosis.connect(lambda: self.show_page(self._closed_diagnostics))
        self._login.forgotten.connect(lambda: self.show_page(self._forgotten))
        self._login.damaged.connect(self._vault_damaged)
        self._forgotten.go_back.connect(self.show_login)
        self._forgotten.recovered.connect(self.show_login)
        self._setup.enrolled.connect(self.show_login)
        self._setup.diagnosis.connect(lambda: self.show_page(self._closed_diagnostics))
        self._closed_diagnostics.go_back.connect(self.show_first)
        self._closed_diagnostics.checklist.connect(lambda: self.show_page(self._closed_checklist))
        self._closed_checklist.go_back.connect(lambda: self.show_page(self._closed_diagnostics))
        self._diagnostics.checklist.connect(lambda: self._show_day(self._checklist, "diagnostico"))
        self._diagnostics.cameras.connect(lambda: self._show_day(self._cameras, "diagnostico"))
        self._closed_diagnostics.cameras.connect(lambda: self.show_page(self._closed_cameras))
        self._closed_cameras.go_back.connect(lambda: self.show_page(self._closed_diagnostics))
        for beside in (self._checklist, self._cameras, self._support):
            beside.go_back.connect(lambda: self._go_day("diagnostico"))
        self._diagnostics.support.connect(lambda: self._show_day(self._support, "diagnostico"))
        self._closed_diagnostics.support.connect(lambda: self.show_page(self._closed_support))
        self._closed_support.go_back.connect(lambda: self.show_page(self._closed_diagnostics))
        self._home.opened.connect(self._sit_down)
        self._home.asked.connect(self._go_day)
        self._supervision.opened.connect(self._supervise)
        self._done.to_day.connect(self.show_home)
        self._done.next_person.connect(self._next_person)
        self._wire_parked()

    def _wire_parked(self) -> None:
        self.later_asked.connect(self._put_aside_now)
        self._parked.opened.connect(self._sit_down)
        self._parked.to_day.connect(self.show_home)
        self._parked.voiding.connect(self._ask_void)
        self._void.done.connect(self._show_parked)
        self._void.left.connect(self._show_parked)
        self._after_bad_end.go_on.connect(lambda one: self._resume(one.record_id))
        self._after_bad_end.later.connect(self.show_home)
        self._done.correcting.connect(self._ask_correction)
        self._queue.correcting.connect(self._ask_correction)
        self._queue.stick.connect(lambda: self._show_day(self._stick, "envios"))
        self._queue.lists.connect(lambda: self._show_day(self._lists, "envios"))
        for beside in (self._stick, self._lists):
            beside.go_back.connect(lambda: self._go_day("envios"))
        self._correct.opened.connect(self._sit_down)
        self._correct.left.connect(lambda: self._go_day("envios"))

    def _typed_by_reader(self, text: str) -> None:
        if self.page is not None and not self.page.take_reading(text):
            self.footer.say_missing("Aquí no se usa el lector de mano.")

    def _listen(self) -> None:
        """The services call on their own threads; the bridge brings it here."""
        self._desk.waiting.when_status(lambda *_: self._bridge.post(self._hear))
        self._desk.ledger.when_looked(lambda *_: self._bridge.post(self._hear))
        self._desk.diagnosing.when_devices(lambda *_: self._bridge.post(self._hear))
        self._desk.whereabouts.on_change = lambda: self._bridge.post(self._hear)
        self._desk.enrolling.when_saved(lambda *_: self._bridge.post(self._show_rail))
        self._desk.enrolling.on_unsaved = lambda trouble: self._bridge.post(
            lambda: self._not_saved(trouble)
        )
        self._bridge.crashed.connect(self._crashed)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._wedge.set_on(True)

    def hideEvent(self, event: QHideEvent) -> None:
        """A window that went listens no more: two that hold a key back would pass it to and fro."""
        super().hideEvent(event)
        self._wedge.set_on(False)

    # ---- from outside --------------------------------------------------------------------------
    def grab_to(self, path: Path | str) -> None:
        """Save what is seen as a PNG; OSError when that cannot be written."""
        self.ring.settle()
        if not self.grab().save(str(path), "PNG"):
            raise OSError(f"cannot write {path}")

    def show_first(self) -> None:
        if self._desk.accounts.enrolled:
            self.show_login()
        else:
            self.show_page(self._setup)

    def show_login(self) -> None:
        self.set_person("")
        self.show_page(self._login)

    def show_home(self) -> None:
        self._show_day(self._home, "jornada")
        self._forget_steps()

    def lock(self) -> None:
        """Cover everything at once; the vault closes as soon as what is under way has ended.

        Nothing is cut: a running capture or finish is waited for. The draft stays, saved and
        encrypted, and its pages are destroyed.
        """
        session = self._desk.accounts.session
        if session is None or self._locking:
            return
        draft = self._desk.enrolling.draft
        seated = draft is not None and self.page in self._step_pages.values()
        self._left = (session.account, draft.record_id if draft and seated else "")
        self._locking = True
        self._idle.set_on(False)
        self._cover()
        self._when_free(self._close_vault)

    def _cover(self) -> None:
        """The door in front, and no other window or list of the program in sight."""
        popup = QApplication.activePopupWidget()
        if popup is not None:
            popup.close()
        for other in QApplication.topLevelWidgets():
            if other is not self.window() and other.isVisible():
                other.hide()
        self.show_login()
        self._forget_steps()
        self._forget_supervised()

    def _close_vault(self) -> None:
        if not self._locking:
            return
        self._locking = False
        self._desk.accounts.lock()  # saves what is still on its way, then forgets the keys
        self._desk.enrolling.park()
        self._login.news()

    def _when_free(self, call: Callable[[], object]) -> None:
        """Call `call` now, or once no capture, approval or finish is under way."""
        if self._desk.enrolling.busy:
            QTimer.singleShot(_FREE_MS, self, lambda: self._when_free(call))
        else:
            call()

    def _watch_idle(self) -> None:
        """Warn quietly, then lock; somebody waiting for a capture to end is not idle."""
        left = self._idle.left_s()
        if left is None or left > WARNING_S:
            return
        if left > 0 or self._desk.enrolling.busy:
            self.footer.say_missing(f"Sin actividad: se bloquea en {max(1, round(left))} s")
        else:
            self.lock()

    # ---- who is inside, which page of the day ----------------------------------------------
    @property
    def _nobody(self) -> bool:
        """Whether the door is in front: from the moment of a lock on."""
        return self._desk.accounts.session is None or self._locking

    def _entered(self) -> None:
        session = self._desk.accounts.session
        if session is None:
            return
        self._locking = False
        self._idle.set_on(True)
        self.set_person(session.username, ROLES[session.role])
        supervises = bool(ENTRIES) and may(session.role, Act.MANAGE_ACCOUNTS)
        visits = may(session.role, Act.SEE_QUEUE)
        self.set_nav(
            [*NAV, *([VISITS] if visits else []), *([SUPERVISION] if supervises else []), PASSWORD]
        )
        if not may(session.role, Act.ENROLL):
            self._go_day("diagnostico")
            return
        (account, record), self._left = self._left, ("", "")
        finished, self._sealed_behind = self._sealed_behind, None
        self.show_home()
        if finished is not None:
            self._sealed(finished)
        elif record and account == session.account:
            self._resume(record)
        else:
            self._bridge.when_done(
                self._desk.drafts.after_crash(), self._recover, lambda _: None, owner=self._home
            )

    def _recover(self, crash: Crash | None) -> None:
        if crash is not None:
            self._after_bad_end.show_crash(crash)
            self.show_page(self._after_bad_end)

    def _resume(self, record_id: str) -> None:
        """Back to the same step; where that fails, the day says why."""
        self._bridge.when_done(
            self._desk.enrolling.resume(record_id), self._sit_down, self._no_start, owner=self._home
        )

    def _go_day(self, key: str) -> None:
        if self._nobody:
            return
        pages: dict[str, Callable[[], None]] = {
            "jornada": self.show_home,
            "espera": self._show_parked,
            "envios": lambda: self._show_day(self._queue, "envios"),
            "diagnostico": lambda: self._show_day(self._diagnostics, "diagnostico"),
            "citas": lambda: self._show_day(self._visits, "citas"),
            "clave": lambda: self._show_day(self._password, "clave"),
            "supervision": lambda: self._show_day(self._supervision, "supervision"),
        }
        pages[key]()

    def _supervise(self, key: str) -> None:
        """One of the pages under Supervisión; Esc leads back to its cards."""
        if key not in self._supervised:
            entry = next(entry for entry in ENTRIES if entry.key == key)
            page = self._supervised[key] = entry.page(self._desk, self._bridge)
            page.can_go_back = True
            page.go_back.connect(lambda: self._go_day("supervision"))
            page.go_to.connect(self._go_to)
        self._show_day(self._supervised[key], "supervision")

    def _forget_supervised(self) -> None:
        leaving, self._supervised = self._supervised, {}
        for page in leaving.values():
            self.forget(page)

    def _show_day(self, page: Page, key: str) -> None:
        self.set_active(key)
        self.show_page(page)

    # ---- the chair -------------------------------------------------------------------------
    def _next_person(self) -> None:
        self._bridge.when_done(
            self._desk.enrolling.start(), self._sit_down, self._no_start, owner=self._done
        )

    def _put_aside_now(self) -> None:
        """«Dejar para después»: home at once, and the draft down once nothing is under way."""
        draft = self._desk.enrolling.draft
        if draft is None:
            return
        self.show_home()
        self._when_free(lambda: self._put_down(draft.record_id))

    def _put_down(self, record_id: str) -> None:
        held = self._desk.enrolling.draft
        if held is not None and held.record_id == record_id and self.page is self._home:
            self._desk.enrolling.park()

    def _show_parked(self) -> None:
        if not self._nobody:
            self._show_day(self._parked, "jornada")

    def _ask_void(self, parked: Parked) -> None:
        self._void.ask(parked)
        self._show_day(self._void, "jornada")

    def _ask_correction(self, record: str, folio: str, sealed_utc: str) -> None:
        self._correct.ask(record, folio, sealed_utc)
        self._show_day(self._correct, "envios")

    def _no_start(self, trouble: Trouble) -> None:
        self.show_page(self._trouble_page(trouble, self.show_home))

    def _sit_down(self, draft: Draft) -> None:
        self._forget_steps()
        self._seen = set(STEPS[: STEPS.index(draft.step) + 1])
        self._show_step(draft.step)

    def _show_step(self, step: DraftStep) -> None:
        draft = self._desk.enrolling.draft
        if draft is None:
            self.show_home()
            return
        if draft.step is not step:
            self._desk.enrolling.change(step=step)
        self._seen.add(step)
        if step not in self._step_pages:
            self._step_pages[step] = self._made(step)
        self.show_page(self._step_pages[step])
        self._show_rail()

    def _made(self, step: DraftStep) -> Page:
        page = STEP_PAGES[step].page(self._desk, self._bridge)
        place = STEPS.index(step)
        page.go_next.connect(lambda: self._show_step(STEPS[min(place + 1, len(STEPS) - 1)]))
        page.go_back.connect(lambda: self._step_back(place))
        page.go_to.connect(self._go_to)
        page.changed.connect(self._show_rail)
        if isinstance(page, ReviewPage):
            page.sealed.connect(self._sealed)
        return page

    def _step_back(self, place: int) -> None:
        if place:
            self._show_step(STEPS[place - 1])
        else:
            self.show_home()

    def _go_to(self, name: str) -> None:
        if name in {step.value for step in STEPS}:
            self._show_step(DraftStep(name))
        else:
            self._go_day(name if name in {item.key for item in NAV} else "jornada")

    def _sealed(self, finished: Finished) -> None:
        if self._nobody:  # sealed behind the door: told to whoever opens it
            self._sealed_behind = finished
            return
        self._done.show_finished(finished)
        self._show_day(self._done, "jornada")
        self._forget_steps()
        self._hear()

    def _forget_steps(self) -> None:
        """No page keeps anything of a person who left the chair."""
        leaving, self._step_pages = self._step_pages, {}
        self._seen = set()
        for page in leaving.values():
            self.forget(page)
        self._portrait = ("", None)
        self.set_applicant(Applicant(procedure="", first_surname=""))
        self.set_saved("")

    # ---- the rail ----------------------------------------------------------------------------
    def _show_rail(self) -> None:
        draft = self._desk.enrolling.draft
        if draft is None or self.page not in self._step_pages.values():
            return
        self.set_steps(self._steps(draft), STEPS.index(draft.step) + 1)
        self._fetch_portrait(draft)
        self.set_applicant(self._applicant(draft))
        self.set_saved(self._desk.enrolling.saved_at)

    def _steps(self, draft: Draft) -> list[Step]:
        lacking: dict[DraftStep, int] = {}
        for one in self._desk.enrolling.missing():
            lacking[one.step] = lacking.get(one.step, 0) + 1
        return [self._rail_step(draft, step, lacking.get(step, 0)) for step in STEPS]

    def _rail_step(self, draft: Draft, step: DraftStep, lacks: int) -> Step:
        info = STEP_PAGES[step]
        name, icon = info.title, info.icon
        note = self._note(draft, step, lacks)
        if step is draft.step:
            return Step(name=name, icon=icon, state="now", note=note)
        if step is DraftStep.REVIEW or step not in self._seen:
            return Step(name=name, icon=icon, state="later")
        return Step(name=name, icon=icon, state="remark" if lacks else "done", note=note)

    def _note(self, draft: Draft, step: DraftStep, lacks: int) -> str:
        if draft.refused and step in {DraftStep.PORTRAIT, DraftStep.FINGERS}:
            return "no se envía"
        if step is DraftStep.FINGERS:
            asked = len(fingers_asked(draft, self._desk.enrolling.rules))
            return f"{asked - lacks} de {asked}" if asked else "no se piden por edad"
        if not lacks or step in {DraftStep.PROCEDURE, DraftStep.PORTRAIT}:
            return ""
        return "falta 1 dato" if lacks == 1 else f"faltan {lacks} datos"

    def _applicant(self, draft: Draft) -> Applicant:
        person = draft.person
        return Applicant(
            procedure=self._desk.enrolling.catalogue.name_of(draft.procedure) or "Sin trámite aún",
            first_surname=person.first_surname or "Solicitante",
            second_surname=person.second_surname,
            given=person.given_names,
            portrait=self._portrait[1],
        )

    def _fetch_portrait(self, draft: Draft) -> None:
        wanted = draft.portrait.object_id if draft.portrait else ""
        if wanted == self._portrait[0]:
            return
        self._portrait = (wanted, None)
        if wanted:
            self._bridge.when_done(
                self._desk.enrolling.portrait_pixels(),
                lambda pixels: self._got_portrait(wanted, pixels),
                lambda _: None,  # the step itself says what is wrong with the picture
                owner=self,
            )

    def _got_portrait(self, wanted: str, pixels: npt.NDArray[np.uint8]) -> None:
        if self._portrait[0] == wanted:
            self._portrait = (wanted, kit.image_of(pixels))
            self._show_rail()

    # ---- the header ------------------------------------------------------------------------
    def _hear(self) -> None:
        """The link, the line, a device or the place changed."""
        self.header.set_place(_place_words(self._desk))
        counts = self._desk.waiting.counts()
        self.set_link(*link_words(self._desk.waiting.status, counts))
        self.set_counts({"envios": counts.sealed})
        states, reasons = self._desk.diagnosing.states(), self._desk.diagnosing.reasons()
        well = {DeviceState.READY, DeviceState.BUSY}
        here = sum(states[role] in well and role not in reasons for role in DAILY)
        why = "\n".join(f"{DEVICES[role][0]}: {reason}" for role, reason in reasons.items())
        light: Light = "ok" if here == len(DAILY) else "warn"
        self.set_devices(f"{here} de {len(DAILY)}", light, why)
        if isinstance(self.page, DayPage):
            self.page.news()

    def _tick(self) -> None:
        now = self._desk.clock.local()
        self.set_clock(f"{now:%H:%M}")
        self.set_day(date_words(now).capitalize(), f"{now:%d/%m/%Y}")
        if isinstance(self.page, DayPage):
            self.page.tick()
        self._watch_idle()
        if now.second == 0:
            self._desk.drafts.alive()

    def _vault_damaged(self, trouble: Trouble, username: str) -> None:
        page = DamagedVaultPage(self._desk, trouble, username)
        page.go_back.connect(self.show_login)
        self.show_page(page)

    def _trouble_page(
        self, trouble: Trouble, on: Callable[[], None], *, safe: str = _SAFE
    ) -> TroublePage:
        at = f"{self._desk.clock.local():%H:%M:%S}"
        return TroublePage(trouble, at, self._desk.enrolling.saved_at, on, safe=safe)

    # ---- ends --------------------------------------------------------------------------------
    def _close_down(self) -> None:
        """Closing waits too; a second press of the button changes nothing."""
        self._second.stop()
        if self._nobody:
            self._when_free(self._closed)
            return
        self.lock()
        self._when_free(self._closed)

    def _closed(self) -> None:
        self._close_vault()
        self.allow_close()

    def _crashed(self, error: object) -> None:
        """A bug: say it calmly and offer the way back; the report is written elsewhere."""
        if not isinstance(self.page, TroublePage):
            detail = type(error).__name__
            self.show_page(self._trouble_page(Trouble(detail), self._after_crash))

    def _not_saved(self, trouble: Trouble) -> None:
        """The last change is only in memory: say it at once, and try again when asked."""
        held = self._desk.enrolling.draft is not None and not self._nobody
        if held and not isinstance(self.page, TroublePage):
            self.show_page(self._trouble_page(trouble, self._save_again, safe=_UNSAVED))

    def _save_again(self) -> None:
        if self._desk.enrolling.draft is not None:
            self._desk.enrolling.change()
        self._after_crash()

    def _after_crash(self) -> None:
        if self._nobody:
            self.show_first()
        elif self._desk.enrolling.draft is not None and self._step_pages:
            self._show_step(self._desk.enrolling.draft.step)
        else:
            self.show_home()


class TroublePage(Page):
    """A trouble that takes the whole page; the primary leads on."""

    rail: ClassVar = "none"

    def __init__(
        self, trouble: Trouble, at: str, saved_at: str, on: Callable[[], None], *, safe: str
    ) -> None:
        super().__init__(trouble.what)
        self._on = on
        last = saved_at or "nada pendiente"
        saved = kit.StateRow("ok", "Último guardado", last)
        card = kit.TroubleCard(
            trouble,
            when=f"A las {at}.",
            safe=safe,
            steps=self._ways(trouble),
            standing=[kit.StateRow("ok", "Registros sellados", "a salvo"), saved],
            support=f"MIGRAMOVIL:{trouble.code}:{at.replace(':', '')}:{trouble.detail}",
        )
        self.build((card, 1), titled=False)

    @staticmethod
    def _ways(trouble: Trouble) -> Sequence[tuple[str, str]]:
        if trouble.code != Trouble.code:
            return [(trouble.advice, "")]
        return [
            ("Siga donde estaba", "F10 vuelve al mismo paso, con todo lo guardado."),
            ("Si vuelve a pasar, bloquee y entre otra vez", "Ctrl+L; el enrolamiento se retoma."),
            ("Avise al técnico con el código", "El de arriba a la derecha."),
        ]

    def primary(self) -> Primary:
        return Primary(label="Seguir", tail="arrow-right-bold")

    def press_primary(self) -> None:
        self._on()
