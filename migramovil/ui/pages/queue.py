"""What is sealed and where it is: the ledger, the line, and why something waits."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from migramovil.core.queue import Counts
from migramovil.core.record import RecordState
from migramovil.core.roles import Act, may
from migramovil.core.trouble import Trouble
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint, Primary
from migramovil.ui.pages.common import (
    STATES,
    DayPage,
    day_of,
    hour_of,
    link_words,
    moment_of,
    offline,
    size_words,
    skew_words,
)

if TYPE_CHECKING:
    from migramovil.core.downstream import Decision
    from migramovil.services.desk import Desk
    from migramovil.services.keeping import Slip
    from migramovil.services.waiting import Waiting
    from migramovil.store.outbox import QueueRow
    from migramovil.sync.machine import Status

_CHUNK, _CHUNKS = 64, 8
_CODE = re.compile(r"[A-Z]{3}-\d\d")
_SUMMED = 1000
FILTERS: Mapping[str, tuple[str, ...] | None] = {
    "all": None,
    "sealed": (RecordState.SEALED,),
    "refused": (RecordState.REFUSED,),
    "arrived": (RecordState.STORED, RecordState.OPENED),
}


class LineRows:
    """Rows of the line, read in pieces when they come into sight; only a few pieces are kept."""

    def __init__(
        self,
        waiting: Waiting,
        states: tuple[str, ...] | None,
        cells: Callable[[QueueRow], Sequence[kit.Cell]],
    ) -> None:
        self._waiting, self._states, self._cells = waiting, states, cells
        self._kept: OrderedDict[int, list[QueueRow]] = OrderedDict()
        self._count = waiting.total(states)

    def count(self) -> int:
        return self._count

    def renew(self) -> None:
        """Forget what was read: the line moved."""
        self._kept.clear()
        self._count = self._waiting.total(self._states)

    def record(self, number: int) -> QueueRow | None:
        """The record in row `number`; None when the line got shorter meanwhile."""
        piece, place = divmod(number, _CHUNK)
        if piece not in self._kept:
            self._kept[piece] = self._waiting.rows(piece * _CHUNK, _CHUNK, self._states)
            if len(self._kept) > _CHUNKS:
                self._kept.popitem(last=False)
        rows = self._kept[piece]
        return rows[place] if place < len(rows) else None

    def row(self, number: int) -> Sequence[kit.Cell]:
        record = self.record(number)
        return [kit.Cell()] * 5 if record is None else self._cells(record)


class QueuePage(DayPage):
    """Live: the window tells `news` when the engine moved.

    `correcting(record, folio, sealed_utc)` asks to do a finished record again; `stick` and `lists`
    lead to the pages beside this one.
    """

    correcting = Signal(str, str, str)
    stick = Signal()
    lists = Signal()

    help: ClassVar[str] = (
        "«Por enviar» está sellado aquí; «Recibido», guardado en sede con acuse comprobado; "
        "«Confirmado», abierto por sede. Nada se borra de aquí antes de estar confirmado."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Envíos a sede central", " ")
        self._desk, self._bridge = desk, bridge
        self._filter = "all"
        self._plugged = False
        self._late: Trouble | None = None
        self._sums = kit.Badge("La cuenta cuadra", "ok")
        self._left = kit.Figure("–", "por enviar")
        self._bytes = kit.Figure("–", "bytes por enviar")
        self._now = kit.Text("", "strong", align="right")
        self._why = kit.Text("", "cap", "ink2", wrap=True, align="right")
        self._progress = kit.Progress("Registro en curso")
        self._slips: Mapping[str, int] = {}
        self._decisions: Mapping[str, str] = {}
        self._summed: tuple[Counts | None, tuple[str, str]] = (None, ("–", ""))
        self._trouble = kit.TroubleBanner()
        self._printed = kit.Banner("ok", "Comprobante enviado a la impresora")
        self._segments = kit.Segmented(self._parts(None), "all", name="Filtro")
        self._segments.chosen.connect(self._choose)
        self.table = kit.Table("Registros", self._columns())
        self.table.chosen.connect(lambda _: self._chose())
        self._rows = LineRows(desk.waiting, None, self._cells)
        self._empty = kit.Empty("tray", "Nada en esta lista.")
        upper = kit.Card(
            kit.row(
                self._left, self._bytes, (kit.col(self._now, self._why, gap=2), 1), gap=40
            ),
            self._progress, gap=8, pad=14,
        )  # fmt: skip
        lists = kit.Button(
            "Descargas", kind="quiet", icon="download-simple", key="F8", on=self.lists.emit
        )
        listing = kit.Card(
            kit.row(self._segments, None, lists), (self.table, 1), (self._empty, 1), gap=8, pad=16
        )
        parts: list[kit.Item] = [(listing, 1)]
        if not theme.large():
            parts.append(kit.fixed(self._detail(), 288))
        self.build(
            upper, self._trouble, self._printed, (kit.row(*parts, gap=16), 1),
            actions=[
                self._sums,
                kit.Button("Memoria USB", icon="hard-drives", key="F7", on=self.stick.emit),
            ],
        )  # fmt: skip

    @staticmethod
    def _columns() -> list[kit.Column]:
        return [
            kit.Column(head="Folio", width=116),
            kit.Column(head="Sellado", width=120),
            kit.Column(head="Tamaño", width=92, right=True),
            kit.Column(head="Estado", width=144),
            kit.Column(head="Qué sigue"),
        ]

    def _detail(self) -> kit.Card:
        self._folio = kit.Text("", "sub", exact=True)
        self._state = kit.Badge("Por enviar", "idle")
        self._number = kit.Pair("Número", "–")
        self._sealed = kit.Pair("Sellado", "–")
        self._digest = kit.Pair("Resumen del paquete (SHA-256)", "–", mono=True)
        self._reason = kit.Pair("Qué sigue", "–", role="body")
        self._decision = kit.Pair("Decisión de sede central", "–", role="body")
        self._again = kit.Button("Reimprimir", icon="printer", key="F6", on=self._reprint)
        self._about = kit.Box(
            kit.col(
                self._folio, kit.row(self._state, None), kit.Rule(),
                kit.row((self._sealed, 2), (self._number, 1), gap=12), self._digest,
                self._reason, self._decision, self._again, gap=10,
            )
        )  # fmt: skip
        self._mend = kit.Button(
            "Corregir este registro", kind="quiet", icon="pencil-simple", key="F9", height=36,
            on=self._correct,
        )  # fmt: skip
        return kit.Card(self._about, None, self._mend, title="Registro", gap=12)

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary | None:
        """What helps now: without a link but with a stick in, the stick."""
        if not self._may_send():
            return None
        if self._stick_helps():
            return Primary(label="Copiar a USB", icon="hard-drives")
        return Primary(label="Enviar ahora", icon="paper-plane-tilt")

    def press_primary(self) -> None:
        if self._stick_helps():
            self.stick.emit()
        else:
            self._send_now()

    def keys(self) -> Mapping[str, Callable[[], object]]:
        return {"F5": self._send_now, "F6": self._reprint, "F9": self._correct}

    def hints(self) -> Sequence[Hint]:
        mend = [("F9", "Corregir")] if self._may(Act.ENROLL) else []
        again = [("F6", "Reimprimir")] if self._slips else []
        return [("↑ ↓", "Registro"), ("F5", "Enviar ahora"), *again, *mend][:4]

    def first_focus(self) -> QWidget:
        return self.table if self.table.isVisible() else self._segments

    def enter(self) -> None:
        self._trouble.settle()
        self._printed.hide()
        self._show_slips(())
        self._plugged = bool(self._desk.backups.media())
        self._late = self._desk.downstream.trouble()
        self._choose(self._filter)
        self.news()
        self._ask_slips()
        self._ask_decisions()

    def tick(self) -> None:
        """The next try comes nearer."""
        if self._desk.waiting.next_try_s() is not None:
            self._why.say(self._reason_words())

    def news(self) -> None:
        counts, status = self._desk.waiting.counts(), self._desk.waiting.status
        self._show_ledger(counts)
        self._show_status(counts, status)
        self._rows.renew()
        self.table.refresh()
        self._show_rows()

    # ---- what is shown -----------------------------------------------------------------------
    def _show_ledger(self, counts: Counts) -> None:
        account = self._desk.ledger.figures()
        parts = [
            f"por enviar {counts.sealed:,}", f"recibidos {counts.stored:,}",
            f"confirmados {counts.opened:,}",
        ]  # fmt: skip
        parts += [f"rechazados {counts.refused:,}"] if counts.refused else []
        self.set_title(
            "Envíos a sede central", f"Terminados {account.finished:,} = {' + '.join(parts)}"
        )
        fits = account.fits
        self._sums.say(
            "La cuenta cuadra" if fits else "La cuenta no cuadra", "ok" if fits else "bad"
        )
        self._segments.set_segments(self._parts(counts))
        copied = f" · {account.copied:,} en USB" if account.copied else ""
        self._left.say(f"{counts.sealed:,}", f"por enviar{copied}")
        self._bytes.say(*self._bytes_waiting(counts))

    def _bytes_waiting(self, counts: Counts) -> tuple[str, str]:
        """Added up only when the line moved: the engine tells of every part it sends."""
        if self._summed[0] != counts:
            rows = self._desk.waiting.rows(0, _SUMMED, (RecordState.SEALED,))
            size = size_words(sum(row.size for row in rows))
            words = "faltan" if counts.sealed <= _SUMMED else f"los primeros {_SUMMED:,}"
            self._summed = (counts, (size, words))
        return self._summed[1]

    def _show_status(self, counts: Counts, status: Status | None) -> None:
        words, light, _ = link_words(status, counts)
        self._progress.setVisible(status is not None and status.kind == "sending")
        if status is not None and status.kind == "sending" and status.size:
            sent = f"{size_words(status.sent_bytes)} de {size_words(status.size)}"
            self._progress.set_value(status.sent_bytes / status.size, f"Enviado {sent}")
            words = f"{words} · {sent}"
        self._now.say(words)
        tones: dict[str, theme.Tone] = {"warn": "warn", "bad": "bad", "ok": "ok"}
        self._now.set_tone(tones.get(light, "ink"))
        self._why.say(self._reason_words())
        self.changed.emit()

    def _reason_words(self) -> str:
        """Why nothing moves, when it is tried again, whether clock or lists are out of date."""
        status, skew = self._desk.waiting.status, self._desk.clock.skew()
        words = [_reason(status, self._desk.waiting.next_try_s())]
        words += [f"{skew_words(skew)[0]}."] if skew is not None else []
        words += ["Hay listas vencidas: F8."] if self._late is not None else []
        return " ".join(words)

    def _show_rows(self) -> None:
        some = self._rows.count() > 0
        self.table.setVisible(some)
        self._empty.setVisible(not some)
        if some and self.table.current() < 0:
            self.table.choose(0)
        self._show_detail()

    def _show_detail(self) -> None:
        if theme.large():
            return
        number = self.table.current()
        record = self._rows.record(number) if 0 <= number < self._rows.count() else None
        self._about.setVisible(record is not None)
        self._mend.setVisible(record is not None and self._may(Act.ENROLL))
        if record is None:
            return
        zone = self._desk.clock.local().tzinfo
        words, sign, icon = self._standing(record)
        self._folio.say(record.folio)
        self._state.say(words, sign, icon=icon)
        self._number.say(f"{record.seq:,}")
        sealed = record.sealed_utc
        self._sealed.say(f"{day_of(sealed, zone)} · {moment_of(sealed, zone)}")
        self._digest.say(f"{record.digest[:8]} {record.digest[8:16]} …")
        refused = record.state == RecordState.REFUSED
        self._reason.say(self._follows(record), "Motivo" if refused else "Qué sigue")
        self._again.setVisible(record.record in self._slips)
        self._decision.say(self._decisions.get(record.record, ""))
        self._decision.setVisible(record.record in self._decisions)

    def _standing(self, record: QueueRow) -> tuple[str, kit.State, str]:
        """The state as words, sign and icon; standing aside and being given up are named."""
        if record.state == RecordState.SEALED and self._is_aside(record):
            return "Apartado", "warn", "pause-circle"
        if record.state == RecordState.REFUSED and record.word == "discard":
            return "Descartado", "idle", "archive"
        return STATES[str(record.state)]

    def _is_aside(self, record: QueueRow) -> bool:
        status = self._desk.waiting.status
        return status is not None and record.record in status.aside

    def _cells(self, record: QueueRow) -> Sequence[kit.Cell]:
        zone = self._desk.clock.local().tzinfo
        words, sign, icon = self._standing(record)
        status = self._desk.waiting.status
        sending = status is not None and status.kind == "sending" and status.record == record.record
        follows = kit.Cell(words=self._follows(record), tone="ink2")
        if sending and status is not None and status.size:
            sent = f"{size_words(status.sent_bytes)} de {size_words(status.size)}"
            follows = kit.Cell(words=sent, bar=status.sent_bytes / status.size)
        return [
            kit.Cell(words=f"…-{record.folio[-6:]}", strong=True, exact=True),
            kit.Cell(words=f"{day_of(record.sealed_utc, zone)} {hour_of(record.sealed_utc, zone)}"),
            kit.Cell(words=size_words(record.size)),
            kit.Cell(words=words, badge=sign, icon=icon),
            follows,
        ]

    def _follows(self, record: QueueRow) -> str:
        if record.state == RecordState.REFUSED:
            closed = record.word == "discard"
            words = refusal_words(record.reason)
            return f"Sede central lo cerró: {words}" if closed else words
        if record.state == RecordState.STORED:
            return "Sede lo abre"
        if record.state == RecordState.OPENED:
            return "Nada más"
        return self._waits(record)

    def _waits(self, record: QueueRow) -> str:
        status = self._desk.waiting.status
        if self._is_aside(record):
            why = status.trouble.code if status and status.trouble else ""
            return f"Deja pasar a los demás ({why})" if why else "Deja pasar a los demás"
        if record.copied_utc:
            zone = self._desk.clock.local().tzinfo
            at = f"{day_of(record.copied_utc, zone)} {hour_of(record.copied_utc, zone)}"
            return f"Copiado a USB {at}"
        if record.word == "retry":
            return "Sede lo pide otra vez"
        return "Espera conexión" if offline(status) else "En turno"

    @staticmethod
    def _parts(counts: Counts | None) -> list[kit.Segment]:
        c = counts or Counts(sealed=0, stored=0, opened=0, refused=0)
        total = c.sealed + c.stored + c.opened + c.refused
        return [
            kit.Segment(value="all", words=f"Todos {total:,}", letter="T"),
            kit.Segment(value="sealed", words=f"Por enviar {c.sealed:,}", letter="P"),
            kit.Segment(value="refused", words=f"Rechazados {c.refused:,}", letter="R"),
            kit.Segment(value="arrived", words=f"En sede {c.stored + c.opened:,}", letter="E"),
        ]

    # ---- acts --------------------------------------------------------------------------------
    def _chose(self) -> None:
        self._printed.hide()
        self._show_detail()

    def _choose(self, value: str) -> None:
        self._filter = value
        self._rows = LineRows(self._desk.waiting, FILTERS[value], self._cells)
        self.table.set_source(self._rows)
        self._show_rows()

    def _send_now(self) -> None:
        if self._may_send():
            self._desk.waiting.send_now()
            self._why.say("Pedido: la estación lo intenta ahora mismo.")

    def _correct(self) -> None:
        number = self.table.current()
        record = self._rows.record(number) if 0 <= number < self._rows.count() else None
        if record is not None and self._may(Act.ENROLL):
            self.correcting.emit(record.record, record.folio, record.sealed_utc)

    # ---- slips of today ------------------------------------------------------------------------
    def _ask_slips(self) -> None:
        if self._desk.accounts.session is not None:
            self._bridge.when_done(
                self._desk.keeping.slips(), self._show_slips, lambda _: None, owner=self
            )

    def _show_slips(self, slips: Sequence[Slip]) -> None:
        self._slips = {slip.finished.record_id: slip.reprints for slip in slips}
        self._show_detail()
        self.changed.emit()

    def _ask_decisions(self) -> None:
        """What headquarters decided about earlier records; its words, shown as they are."""
        if self._may(Act.SEE_QUEUE):
            self._bridge.when_done(
                self._desk.downstream.decisions(), self._show_decisions, lambda _: None, owner=self
            )

    def _show_decisions(self, decisions: Sequence[Decision]) -> None:
        self._decisions = {one.record: one.words for one in decisions}
        self._show_detail()

    def leave(self) -> None:
        """What headquarters decided about people does not stay on a page."""
        self._show_decisions(())

    def _reprint(self) -> None:
        """Print the chosen record's slip again, while the jornada keeps it."""
        number = self.table.current()
        record = self._rows.record(number) if 0 <= number < self._rows.count() else None
        if record is None or record.record not in self._slips:
            return
        self._trouble.settle()
        self._bridge.when_done(
            self._desk.keeping.reprint(record.record), lambda _: self._reprinted(record),
            self._trouble.show_trouble, owner=self,
        )  # fmt: skip

    def _reprinted(self, record: QueueRow) -> None:
        times = self._slips.get(record.record, 0) + 1
        words = "una vez" if times == 1 else f"{times} veces"
        sent = f"Comprobante …-{record.folio[-6:]} enviado a la impresora"
        self._printed.say("ok", f"{sent}: reimpreso {words}.")
        self._printed.show()
        self._ask_slips()

    def _stick_helps(self) -> bool:
        waits = self._desk.waiting.counts().sealed > 0
        return self._plugged and waits and offline(self._desk.waiting.status)

    def _may_send(self) -> bool:
        return self._may(Act.SEND_NOW)

    def _may(self, act: Act) -> bool:
        session = self._desk.accounts.session
        return session is not None and may(session.role, act)


def _reason(status: Status | None, next_try_s: float | None) -> str:
    """Why nothing moves and when it is tried again, in words."""
    if status is None:
        return "La estación todavía no intentó conectarse."
    trouble: Trouble | None = status.trouble
    words = [f"{trouble.what.rstrip('.')} ({trouble.code})."] if trouble else []
    if next_try_s is not None:
        words.append(f"Próximo intento en {pause_words(next_try_s)}.")
    return " ".join(words)


def refusal_words(reason: str) -> str:
    """Why a record was refused: a trouble's code is said as one, words stay as they are."""
    code = reason.partition(" ")[0]
    if _CODE.fullmatch(code):
        return f"Sede no lo pudo abrir ({code}). Avise a supervisión."
    return reason or "Lo ve supervisión"


def pause_words(seconds: float) -> str:
    """«40 s», «5 min»: how long a pause is, rounded as people say it."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
