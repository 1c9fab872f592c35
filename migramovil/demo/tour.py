"""Where an ordinary day does not go: every other screen of the station, with its real services."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from migramovil import app, opening
from migramovil.core.downstream import Kind
from migramovil.demo import trainer
from migramovil.demo.chair import Chair
from migramovil.demo.hand import Hand
from migramovil.demo.training import OFFICER, SUPERVISOR
from migramovil.devices.sim import people
from migramovil.devices.sim.panel import UNPLUGGED, Panel
from migramovil.store.trouble import Damaged
from migramovil.ui.bridge import Bridge
from migramovil.ui.idle import WARNING_S

_TRIES = 6
_LISTS_S = 90.0
_CLASS = 7  # a population of its own
_MISTAKE = "Segundo apellido equivocado"


class Doors(Protocol):
    """How the tour gets in and out."""

    @property
    def bridge(self) -> Bridge: ...
    def enter(self, username: str) -> None: ...
    def another_window(self, look: str, *, idle_s: float | None = None) -> None: ...


class Tour:
    """Begins where an officer is inside; ends at a door that waits."""

    def __init__(self, hand: Hand, station: app.Station, doors: Doors, out: Path) -> None:
        self._hand, self._station, self._doors, self._out = hand, station, doors, out

    def go(self, looks: list[str], somebody: Callable[[], Chair]) -> None:
        """All of it in each of the looks; `somebody` comes once, and is put aside."""
        self._put_aside(somebody())
        self._damaged()
        for look in looks:
            self._lock()
            self._doors.another_window(look)
            self._doors.enter(OFFICER)
            self._officer()
            self._nobody_touches(look)
            self._doors.enter(SUPERVISOR)
            self._supervisor()
            self._lock()
            self._outside()
            self._trainer()
        for look in looks:
            self._doors.another_window(look)
            self._wrong_passwords()

    # ---- an officer -------------------------------------------------------------------------
    def _put_aside(self, chair: Chair) -> None:
        hand = self._hand
        hand.chord("Alt+1")
        chair.sit_down()
        chair.papers()
        hand.wait_page("PersonPage")
        hand.chord("Alt+D")
        hand.wait_page("HomePage")
        self._station.desk.drafts.begin()  # as at the start of a station that will end badly

    def _officer(self) -> None:
        self._waiting()
        self._own_password()
        self._visits()
        self._line()
        self._help_and_failure()
        self._crash()

    def _waiting(self) -> None:
        hand = self._hand
        hand.picture("16-jornada-a-medias")
        hand.press(Qt.Key.Key_F3)
        hand.wait_page("ParkedPage")
        hand.picture("16-en-espera")
        hand.press(Qt.Key.Key_F9)
        hand.wait_page("VoidPage")
        hand.type("Motivo", "La persona se retiró")
        hand.picture("16-anular")
        hand.press(Qt.Key.Key_Escape)
        hand.wait_page("ParkedPage")

    def _own_password(self) -> None:
        self._hand.chord("Alt+5")
        self._hand.wait_page("PasswordPage")
        self._hand.picture("17-mi-contrasena")

    def _visits(self) -> None:
        hand = self._hand
        hand.chord("Alt+4")
        hand.wait_page("VisitsPage")
        hand.wait(self._lists_came, "the lists of headquarters", _LISTS_S)
        hand.picture("21-citas")
        hand.press(Qt.Key.Key_Tab)
        hand.press(Qt.Key.Key_C)
        hand.type("Buscar", "CE000001")
        hand.picture("21-carnes")

    def _lists_came(self) -> bool:
        rows = self._station.desk.downstream.rows()
        return all(row.version for row in rows if row.kind in (Kind.APPOINTMENTS, Kind.CARDS))

    def _line(self) -> None:
        hand = self._hand
        hand.chord("Alt+2")
        hand.wait_page("QueuePage")
        hand.picture("18-envios")  # and by then it is known which slips are still kept
        hand.press(Qt.Key.Key_F6)
        hand.wait(lambda: hand.sees("enviado a la impresora"), "the slip again")
        hand.picture("18-envios-reimpreso")
        self._beside_the_line()
        hand.press(Qt.Key.Key_F9)
        hand.wait_page("CorrectPage")
        hand.type("Qué estaba mal", _MISTAKE)
        hand.picture("18-corregir")
        hand.press(Qt.Key.Key_Escape)
        hand.wait_page("QueuePage")

    def _beside_the_line(self) -> None:
        hand = self._hand
        for key, page, name in (
            (Qt.Key.Key_F7, "BundlePage", "memoria-usb"),
            (Qt.Key.Key_F4, "DownloadsPage", "descargas"),
        ):
            hand.press(key)
            hand.wait_page(page)
            hand.picture(f"18-{name}")
            hand.press(Qt.Key.Key_Escape)
            hand.wait_page("QueuePage")

    def _help_and_failure(self) -> None:
        hand = self._hand
        hand.chord("Alt+1")
        hand.wait_page("HomePage")
        hand.press(Qt.Key.Key_F1)
        hand.picture("19-ayuda")
        hand.press(Qt.Key.Key_Escape)
        self._doors.bridge.crashed.emit(RuntimeError())
        hand.wait_page("TroublePage")
        hand.picture("19-falla")
        hand.primary()
        hand.wait_page("HomePage")

    def _crash(self) -> None:
        hand = self._hand
        self._station.desk.drafts.begin()  # no end was told in between: what a crash looks like
        self._lock()
        self._doors.enter(OFFICER)
        hand.wait_page("CrashPage")
        hand.picture("20-cierre-de-golpe")
        hand.press(Qt.Key.Key_Escape)
        hand.wait_page("HomePage")

    def _nobody_touches(self, look: str) -> None:
        hand = self._hand
        self._lock()
        self._doors.another_window(look, idle_s=WARNING_S + 2)
        self._doors.enter(OFFICER)
        hand.wait(lambda: hand.sees("Sin actividad", anywhere=True), "the warning")
        hand.picture("13-sin-actividad")
        self._lock()
        self._doors.another_window(look)

    # ---- supervision ------------------------------------------------------------------------
    def _supervisor(self) -> None:
        self._hand.chord("Alt+5")
        self._hand.wait_page("SupervisionPage")
        self._hand.picture("30-supervision")
        self._accounts()
        self._ledger()
        self._backup()
        self._audit()
        self._start_of_day()

    def _open(self, key: Qt.Key, page: str) -> None:
        self._hand.chord("Alt+5")
        self._hand.wait_page("SupervisionPage")
        self._hand.press(key)
        self._hand.wait_page(page)

    def _accounts(self) -> None:
        hand = self._hand
        self._open(Qt.Key.Key_1, "AccountsPage")
        hand.press(Qt.Key.Key_Down)
        hand.wait(lambda: hand.sees("Contraseña nueva"), "somebody else")
        hand.picture("31-cuentas")
        hand.primary()
        hand.type("Usuario", "Luz")
        hand.picture("31-cuentas-persona-nueva")
        hand.press(Qt.Key.Key_Escape)
        for key, name in ((Qt.Key.Key_F6, "contrasena"), (Qt.Key.Key_F9, "anular")):
            hand.press(key)
            hand.picture(f"31-cuentas-{name}")
            hand.press(Qt.Key.Key_Escape)

    def _ledger(self) -> None:
        hand = self._hand
        self._open(Qt.Key.Key_2, "LedgerPage")
        hand.primary()
        hand.wait(lambda: hand.verb == "Comprobar todo", "the whole check", 60)
        hand.picture("32-cuadre")

    def _backup(self) -> None:
        folder = self._out / "respaldo"
        folder.mkdir(exist_ok=True)
        self._station.desk.backups.back_up(folder, same_disk=True).result(60)
        self._open(Qt.Key.Key_3, "BackupPage")
        self._hand.picture("33-respaldo")

    def _audit(self) -> None:
        hand = self._hand
        self._open(Qt.Key.Key_4, "AuditPage")
        hand.primary()
        hand.wait(lambda: hand.sees("Bitácora completa"), "the audit's check", 60)
        hand.picture("34-auditoria")

    def _start_of_day(self) -> None:
        hand = self._hand
        hand.chord("Alt+3")
        hand.wait_page("DiagnosticsPage")
        hand.press(Qt.Key.Key_F4)
        hand.wait_page("ChecklistPage")
        hand.primary()
        hand.wait(lambda: hand.verb == "Probar cámara", "the quick checks", 60)
        hand.picture("35-lista-de-inicio")
        for verb in ("Probar huellero", "Imprimir la lista"):
            hand.primary()
            hand.wait(lambda verb=verb: hand.verb == verb, verb, 40)  # type: ignore[misc]
        hand.primary()
        hand.wait(lambda: hand.sees("Se lee bien"), "the slip", 40)
        hand.press(Qt.Key.Key_F2)
        hand.picture("35-lista-de-inicio-completa")
        hand.primary()
        hand.wait(lambda: hand.verb == "Volver", "the list is kept", 30)
        hand.press(Qt.Key.Key_F1)
        for letter in (Qt.Key.Key_P, Qt.Key.Key_R, Qt.Key.Key_N, Qt.Key.Key_2):
            hand.press(letter)
        hand.picture("35-ayuda-de-un-codigo")
        hand.press(Qt.Key.Key_Escape)

    # ---- outside ----------------------------------------------------------------------------
    def _outside(self) -> None:
        hand = self._hand
        hand.press(Qt.Key.Key_F6)
        hand.wait_page("ForgottenPage")
        hand.type("¿Quién olvidó su contraseña?", OFFICER)
        hand.picture("40-olvido-por-voz")
        hand.press(Qt.Key.Key_A)  # the focus went on to «Cómo»
        hand.picture("40-olvido-por-archivo")
        hand.press(Qt.Key.Key_Escape)
        hand.wait_page("LoginPage")
        hand.press(Qt.Key.Key_F7)
        hand.wait_page("ClosedDiagnosticsPage")
        hand.picture("41-diagnostico-sin-entrar")
        hand.press(Qt.Key.Key_Escape)
        hand.wait_page("LoginPage")

    def _trainer(self) -> None:
        """What a trainer has beside this window, with something wrong here and there."""
        sim = self._station.sim
        if sim is None:
            return
        panel = Panel(sim, people.population(_CLASS))
        beside = (self._hand.window, self._doors.bridge)
        with trainer.at_hand(self._station, panel, self._out, *beside) as shown:
            panel.sit(0)
            panel.apply("printer", "paper-low")
            panel.apply("mrz", UNPLUGGED)
            shown.bring()
            shown.choose("printer")
            self._hand.wait(lambda: shown.at_rest, "the trainer's panel")
            self._hand.picture("44-panel", of=shown)
            QTest.keyClick(shown, Qt.Key.Key_F7)
            self._hand.picture("44-panel-comprobante", of=shown)
            panel.clear()
            panel.sit(None)

    def _wrong_passwords(self) -> None:
        hand, accounts = self._hand, self._station.desk.accounts
        hand.wait_page("LoginPage")
        hand.type("¿Quién entra?", OFFICER)
        for _ in range(_TRIES):
            if accounts.wait_s(OFFICER):
                break
            hand.type("Contraseña", "no es la contraseña")
            hand.primary()
            hand.wait(lambda: not hand.sees("Comprobando la contraseña"), "the answer", 30)
        hand.wait(lambda: hand.sees("Espere"), "the countdown")
        hand.picture("42-entrada-espera")

    def _damaged(self) -> None:
        """The window that stands in the station's place when its books are damaged."""
        window, lane = opening.damage_window(self._station.folder, Damaged("outbox.db"))
        window.show()
        self._hand.picture("43-datos-danados", of=window)
        window.allow_close()
        lane.close()

    def _lock(self) -> None:
        self._hand.chord("Ctrl+L")
        self._hand.wait_page("LoginPage")
