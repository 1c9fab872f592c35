"""Auditoría: who did what, newest first; checked here, or taken away signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QWidget

from migramovil.core.trouble import Trouble
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint, Primary
from migramovil.ui.pages.common import DayPage, day_of, moment_of
from migramovil.ui.pages.ledger import ask_file

if TYPE_CHECKING:
    from migramovil.services.desk import Desk
    from migramovil.services.ledger import AuditLine
    from migramovil.store.verify import Finding

ACTS: Mapping[str, str] = {
    "login": "Entró", "lock": "Salió", "start": "Empezó un enrolamiento",
    "resume": "Retomó un enrolamiento", "void": "Anuló un enrolamiento",
    "finish": "Terminó un registro", "finish-completed": "Completó un registro interrumpido",
    "approve-exception": "Aprobó una excepción", "reprint": "Reimprimió un comprobante",
    "destroy-compartment": "Cerró la jornada", "export-audit": "Exportó la auditoría",
    "add-account": "Creó una cuenta", "enroll-station": "Puso en marcha la estación",
    "refused": "Se le negó una acción", "correct": "Empezó una corrección",
    "take-over": "Tomó el enrolamiento de otra persona", "void_draft": "Anuló un enrolamiento",
    "void_draft-second": "Firmó una anulación", "discard-empty": "Descartó uno vacío",
    "clock-ahead": "Reloj adelantado", "clock-behind": "Reloj atrasado",
    "reset-account": "Restableció una clave", "revoke-account": "Dio de baja una cuenta",
    "change-password": "Cambió su clave", "recover-account": "Recuperó una entrada",
    "account-confirmed": "Sede confirmó una cuenta", "new-vault-key": "Cambió la llave de bóveda",
    "usb-export": "Copió registros a USB", "usb-import": "Trajo respuestas por USB",
    "backup": "Hizo un respaldo", "begin-epoch": "Empezó una época nueva",
    "already-at-headquarters": "Sede ya tenía el registro",
    "unknown-at-headquarters": "Sede no tenía el registro",
    "checklist": "Guardó la lista de inicio",
    "allow-data": "Permitió más datos", "release-images": "Dejó pasar imágenes",
}  # fmt: skip


class AuditPage(DayPage):
    """Ids only: a username where the account is known, the end of a record's id, never a name."""

    help: ClassVar[str] = (
        "Cada línea cubre a la anterior y la firma la estación; los paquetes llevan la última a "
        "sede. F10 comprueba que ninguna fue cambiada, quitada ni cortada."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Auditoría", " ")
        self._desk, self._bridge = desk, bridge
        self._lines: tuple[AuditLine, ...] = ()
        self._busy = False
        self.ask_file: Callable[[QWidget, str], str] = ask_file
        self._result = kit.Banner("ok", " ")
        self._trouble = kit.TroubleBanner()
        self.table = kit.Table("Líneas", self._columns())
        self.table.chosen.connect(lambda _: self._show_detail())
        listing = kit.Card((self.table, 1), pad=8)
        parts: list[kit.Item] = [(listing, 1)]
        if not theme.large():
            parts.append(kit.fixed(self._detail(), 300))
        self.build(
            self._result, self._trouble, (kit.row(*parts, gap=16), 1),
            actions=[kit.Button("Exportar", icon="download-simple", key="F6", on=self._export)],
        )  # fmt: skip
        self._result.hide()

    @staticmethod
    def _columns() -> list[kit.Column]:
        return [
            kit.Column(head="N.º", width=72, right=True),
            kit.Column(head="Cuándo", width=148),
            kit.Column(head="Quién", width=140),
            kit.Column(head="Qué"),
            kit.Column(head="Sobre", width=132),
        ]

    def _detail(self) -> kit.Card:
        self._number = kit.Text("", "sub")
        self._what = kit.Text("", "strong", wrap=True)
        self._when = kit.Pair("Cuándo", "–", role="body")
        self._subject = kit.Pair("Sobre", "–", mono=True)
        self._hash = kit.Pair("Resumen de la línea (SHA-256)", "–", mono=True)
        self._signed = kit.StateRow("ok", "Firmada por la estación", plain=True)
        return kit.Card(
            self._number, self._what, kit.Rule(), self._when, self._subject, self._hash,
            self._signed, None, gap=10,
        )  # fmt: skip

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary:
        return Primary(
            label="Comprobar", icon="shield-check", available=not self._busy,
            reason="La comprobación está en curso.",
        )  # fmt: skip

    def press_primary(self) -> None:
        self._set_busy(True)
        self._trouble.settle()
        self._bridge.when_done(
            self._desk.ledger.audit_check(), self._checked, self._failed, owner=self
        )

    def hints(self) -> Sequence[Hint]:
        return [("↑ ↓", "Línea"), ("F6", "Exportar"), ("Esc", "Supervisión")]

    def first_focus(self) -> QWidget:
        return self.table

    def enter(self) -> None:
        self._set_busy(False)
        self._trouble.settle()
        self._result.hide()
        self._read()

    def leave(self) -> None:
        self._lines = ()
        self.table.set_source(kit.Rows())

    # ---- what is shown -----------------------------------------------------------------------
    def _read(self) -> None:
        self._bridge.when_done(
            self._desk.ledger.audit_lines(), self._show, self._trouble.show_trouble, owner=self
        )

    def _show(self, lines: tuple[AuditLine, ...]) -> None:
        self._lines = lines
        head = lines[0].entry.hash[:16] if lines else "–"
        self.set_title("Auditoría", f"{len(lines):,} líneas · última {head}")
        self.table.set_source(_Lines(lines, self._cells))
        if lines:
            self.table.choose(0)
        self._show_detail()

    def _cells(self, line: AuditLine) -> Sequence[kit.Cell]:
        entry, zone = line.entry, self._desk.clock.local().tzinfo
        return [
            kit.Cell(words=f"{entry.n:,}"),
            kit.Cell(words=f"{day_of(entry.utc, zone)} {moment_of(entry.utc, zone)}"),
            kit.Cell(words=line.who, strong=True, exact=True),
            kit.Cell(words=act_words(entry.act)),
            kit.Cell(words=_short(entry.subject), exact=True, tone="ink2"),
        ]

    def _show_detail(self) -> None:
        number = self.table.current()
        if theme.large() or not 0 <= number < len(self._lines):
            return
        line = self._lines[number]
        entry, zone = line.entry, self._desk.clock.local().tzinfo
        doubt = "hora sin confirmar" if entry.doubt_s is None else f"± {entry.doubt_s:,} s"
        self._number.say(f"Línea {entry.n:,}")
        self._what.say(f"{line.who}: {act_words(entry.act).lower()}")
        self._when.say(f"{day_of(entry.utc, zone)} · {moment_of(entry.utc, zone)} · {doubt}")
        self._subject.say(_short(entry.subject) or "–")
        self._hash.say(f"{entry.hash[:8]} {entry.hash[8:16]} …")
        if entry.signature:
            self._signed.say("ok", "Firmada por la estación")
        else:
            self._signed.say("info", "Anterior a las firmas", second="La cubre la siguiente.")

    # ---- acts --------------------------------------------------------------------------------
    def _checked(self, found: tuple[Finding, ...]) -> None:
        self._set_busy(False)
        if found:
            first = found[0]
            self._trouble.show_trouble(first.trouble, safe=first.where)
            return
        words = "Ninguna línea fue cambiada, quitada ni cortada."
        self._result.say("ok", "Bitácora completa", words)
        self._result.show()

    def _failed(self, trouble: Trouble) -> None:
        self._set_busy(False)
        self._trouble.show_trouble(trouble)

    def _export(self) -> None:
        day = f"{self._desk.clock.local():%Y%m%d}"
        path = self.ask_file(self, f"auditoria-{self._desk.place.code}-{day}.jsonl")
        if path:
            self._trouble.settle()
            self._bridge.when_done(
                self._desk.ledger.save_audit(Path(path)), self._exported,
                self._trouble.show_trouble, owner=self,
            )  # fmt: skip

    def _exported(self, path: Path) -> None:
        words = f"{path.name}, firmado por la estación: identificadores, ningún nombre."
        self._result.say("ok", "Auditoría exportada", words)
        self._result.show()
        self._read()

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        self.changed.emit()


class _Lines:
    """Rows made when they come into sight."""

    def __init__(
        self, lines: Sequence[AuditLine], cells: Callable[[AuditLine], Sequence[kit.Cell]]
    ) -> None:
        self._lines, self._cells = lines, cells

    def count(self) -> int:
        return len(self._lines)

    def row(self, number: int) -> Sequence[kit.Cell]:
        return self._cells(self._lines[number])


def act_words(act: str) -> str:
    """What was done, in words; a word nobody translated yet stays as it is."""
    return ACTS.get(act.partition(":")[0], act)


def _short(subject: str) -> str:
    """The end of an id, which tells records of one day apart."""
    first = subject.partition(" ")[0]
    return f"…{first[-8:]}" if len(first) > 16 else first
