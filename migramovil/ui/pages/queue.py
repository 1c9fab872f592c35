"""What is sealed and where it is: the ledger, the line, and why something waits."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
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
    estimate_words,
    hour_of,
    link_advice,
    link_alarm,
    link_why,
    link_words,
    moment_of,
    offline,
    size_words,
    skew_words,
    still_words,
)
from migramovil.ui.pages.spending import SpendingLine

if TYPE_CHECKING:
    from migramovil.core.downstream import Decision
    from migramovil.services.desk import Desk
    from migramovil.services.keeping import Slip
    from migramovil.services.metering import Today
    from migramovil.services.waiting import Waiting
    from migramovil.store.outbox import QueueRow
    from migramovil.sync.machine import Status

_CHUNK, _CHUNKS = 64, 8
_CODE = re.compile(r"[A-Z]{3}-\d\d")
_HELD = "SYN-17"
ASIDE: Mapping[str, str] = {
    "SYN-03": "Sede no lo aceptó",
    "SYN-04": "Llegó distinto a sede",
    "SYN-05": "Acuse sin comprobar",
    "SYN-08": "Sede no lo pudo leer",
    "SYN-09": "Sede no lo toma aún",
    "SYN-14": "Sede sin espacio",
    _HELD: "Faltan sus imágenes",
}
"""Why a record lets the others pass, as short as its line in the table."""
FILTERS: Mapping[str, tuple[str, ...] | None] = {
    "all": None,
    "sealed": (RecordState.SEALED,),
    "problem": (RecordState.REFUSED,),
    "arrived": (RecordState.STORED, RecordState.OPENED),
}


class LineRows:
    """Rows of the line, read in pieces when they come into sight; only a few pieces are kept.

    `ahead` names records that stand before those in `states`.
    """

    def __init__(
        self,
        waiting: Waiting,
        states: tuple[str, ...] | None,
        cells: Callable[[QueueRow], Sequence[kit.Cell]],
        ahead: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._waiting, self._states, self._cells, self._ahead = waiting, states, cells, ahead
        self._kept: OrderedDict[int, list[QueueRow]] = OrderedDict()
        self.renew()

    def count(self) -> int:
        return self._count

    def renew(self) -> None:
        """Forget what was read: the line moved."""
        self._kept.clear()
        self._first = self._ahead()
        self._count = len(self._first) + self._waiting.total(self._states)

    def record(self, number: int) -> QueueRow | None:
        """The record in row `number`; None when the line got shorter meanwhile."""
        if number < len(self._first):
            return self._waiting.row(self._first[number])
        piece, place = divmod(number - len(self._first), _CHUNK)
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
        self._end = kit.Figure("–", "para terminar")
        self._now = kit.Text("", "strong", align="right", wrap=True)
        self._why = kit.Text("", "cap", "ink2", wrap=True, align="right")
        self._progress = kit.Progress("Registro en curso")
        self._spending = SpendingLine(desk, bridge)
        self._slips: Mapping[str, int] = {}
        self._decisions: Mapping[str, str] = {}
        self._aside: Mapping[str, Trouble] = {}
        self._cause = kit.Banner("warn", "-")
        self._trouble = kit.TroubleBanner()
        self._spending.eased.connect(self._show_end)
        self._spending.failed.connect(self._failed)
        self._printed = kit.Banner("ok", "Comprobante enviado a la impresora")
        self._segments = kit.Segmented(self._parts(None), "all", name="Filtro")
        self._segments.chosen.connect(self._choose)
        self.table = kit.Table("Registros", self._columns())
        self.table.chosen.connect(lambda _: self._chose())
        self._rows = LineRows(desk.waiting, None, self._cells)
        self._empty = kit.Empty("tray", "Nada en esta lista.")
        upper = kit.Card(
            kit.row(
                self._left, self._bytes, self._end, (kit.col(self._now, self._why, gap=2), 1),
                gap=24,
            ),
            self._progress, self._spending, gap=8, pad=14,
        )  # fmt: skip
        lists = kit.Button("Descargas", kind="quiet", key="F4", on=self.lists.emit)
        listing = kit.Card(
            kit.row(self._segments, None, lists), (self.table, 1), (self._empty, 1), gap=8,
            pad=12 if theme.large() else 16,
        )  # fmt: skip
        left = kit.col(upper, self._cause, self._trouble, self._printed, (listing, 1), gap=12)
        parts: list[kit.Item] = [(left, 1)]
        if not theme.large():
            self._card = self._detail()
            parts.append(kit.fixed(self._card, 288))
        self.build(
            (kit.row(*parts, gap=12), 1),
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
        self._folio = kit.Text("", "strong", exact=True)
        self._state = kit.Badge("Por enviar", "idle")
        self._number = kit.Pair("Número", "–")
        self._sealed = kit.Pair("Sellado", "–")
        self._digest = kit.Pair("Resumen del paquete (SHA-256)", "–", mono=True)
        self._reason = kit.Pair("Qué sigue", "–", role="body")
        self._decision = kit.Pair("Decisión de sede central", "–", role="body")
        self._again = kit.Button("Reimprimir", icon="printer", key="F6", on=self._reprint)
        about = kit.Box(
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
        return kit.Card(about, None, self._mend, title="Registro", gap=12)

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
        """The next try comes nearer, or a record under way stands still."""
        status = self._desk.waiting.status
        if self._desk.waiting.next_try_s() is not None or (status and status.kind == "sending"):
            self._show_cause()
            self._show_end()

    def news(self) -> None:
        counts, status = self._desk.waiting.counts(), self._desk.waiting.status
        self._aside = self._desk.waiting.aside()
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
        self._segments.set_segments(self._parts(counts, len(self._aside)))
        copied = f" · {account.copied:,} en USB" if account.copied else ""
        self._left.say(f"{counts.sealed:,}", f"por enviar{copied}")
        left = self._desk.waiting.left()
        self._bytes.setVisible(counts.sealed > 0)
        self._bytes.say(size_words(left.bytes), "faltan" if left.exact else "faltan, más o menos")

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
        self._show_cause()
        self._show_end()
        self.changed.emit()

    def _show_cause(self) -> None:
        """Why nothing moves, when it is tried again, whether clock or lists are out of date.

        What somebody can act on gets the page's banner; the rest stays a quiet line.
        """
        waiting, skew = self._desk.waiting, self._desk.clock.skew()
        status, soon = waiting.status, waiting.next_try_s()
        alarm = link_alarm(status)
        rate = waiting.rate() if waiting.finish_s() is not None else None
        words = [still_words(status, waiting.still_s())]
        words += [f"{size_words(int(rate))}/s."] if rate is not None else []
        words += [link_why(status, soon)] if alarm is None else []
        words += ["Hay listas vencidas: F4."] if self._late is not None else []
        self._why.say(" ".join(filter(None, words)))
        self._why.setVisible(bool(self._why.text()))
        if alarm is not None:
            halted = status is not None and status.kind == "halted"
            state: kit.State = "bad" if halted else "warn"
            self._cause.say(state, alarm.what.rstrip("."), link_advice(alarm, soon))
        elif skew is not None:
            self._cause.say("warn", *skew_words(skew))
        told = self._trouble.isVisibleTo(self) or self._printed.isVisibleTo(self)
        self._cause.setVisible((alarm is not None or skew is not None) and not told)

    def _show_end(self) -> None:
        """When nothing will wait any more, or why nobody can say."""
        today, waiting = self._spending.show_today(), self._desk.waiting
        seconds = waiting.finish_s()
        self._end.setVisible(waiting.counts().sealed > 0)
        self._end.say(*end_words(seconds, today, waiting.left().bytes))

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
        self._card.setVisible(record is not None)
        if record is None:
            return
        self._mend.setVisible(self._may(Act.ENROLL))
        zone = self._desk.clock.local().tzinfo
        words, sign, icon = self._standing(record)
        self._folio.say(record.folio)
        self._state.say(words, sign, icon=icon)
        self._number.say(f"{record.seq:,}")
        sealed = record.sealed_utc
        self._sealed.say(f"{day_of(sealed, zone)} · {moment_of(sealed, zone)}")
        self._digest.say(f"{record.digest[:8]} {record.digest[8:16]} …")
        refused = record.state == RecordState.REFUSED
        self._reason.say(self._whole_reason(record), "Motivo" if refused else "Qué sigue")
        self._again.setVisible(record.record in self._slips)
        self._decision.say(self._decisions.get(record.record, ""))
        self._decision.setVisible(record.record in self._decisions)

    def _standing(self, record: QueueRow) -> tuple[str, kit.State, str]:
        """The state as words, sign and icon; standing aside and being given up are named."""
        if record.state == RecordState.SEALED and record.record in self._aside:
            held = self._aside[record.record].code == _HELD
            return ("En espera", "info", "pause-circle") if held else (
                "Apartado", "warn", "pause-circle"
            )  # fmt: skip
        if self._is_sending(record):
            return "Enviando", "now", "arrows-clockwise-bold"
        if record.state == RecordState.REFUSED and record.word == "discard":
            return "Descartado", "idle", "archive"
        return STATES[str(record.state)]

    def _is_sending(self, record: QueueRow) -> bool:
        status = self._desk.waiting.status
        return status is not None and status.kind == "sending" and status.record == record.record

    def _cells(self, record: QueueRow) -> Sequence[kit.Cell]:
        zone = self._desk.clock.local().tzinfo
        words, sign, icon = self._standing(record)
        status = self._desk.waiting.status
        follows = kit.Cell(words=self._follows(record), tone="ink2")
        if self._is_sending(record) and status is not None and status.size:
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
        if record.state == RecordState.SEALED:
            return self._waits(record)
        if record.record in self._decisions:
            return f"Decisión: {self._decisions[record.record]}"
        if record.state == RecordState.STORED:
            return "Sede lo abre"
        return "Nada más"

    def _waits(self, record: QueueRow) -> str:
        aside = self._aside.get(record.record)
        if aside is not None:
            return f"{ASIDE.get(aside.code, 'Deja pasar a los demás')} ({aside.code})"
        if record.copied_utc:
            zone = self._desk.clock.local().tzinfo
            at = f"{day_of(record.copied_utc, zone)} {hour_of(record.copied_utc, zone)}"
            return f"Copiado a USB {at}"
        if record.word == "retry":
            return "Sede lo pide otra vez"
        soon = self._desk.waiting.next_try_s()
        if soon is not None:
            return f"Próximo intento {self._desk.clock.local() + timedelta(seconds=soon):%H:%M}"
        status = self._desk.waiting.status
        if status is not None and status.kind == "halted":
            return "Envío detenido"
        return "Espera conexión" if offline(status) else "En turno"

    def _whole_reason(self, record: QueueRow) -> str:
        """What follows, with the advice that has no room in the table."""
        aside = self._aside.get(record.record)
        if aside is not None:
            return f"{aside.what} {aside.advice} ({aside.code})"
        return self._follows(record)

    @staticmethod
    def _parts(counts: Counts | None, aside: int = 0) -> list[kit.Segment]:
        c = counts or Counts(sealed=0, stored=0, opened=0, refused=0)
        total = c.sealed + c.stored + c.opened + c.refused
        return [
            kit.Segment(value="all", words=f"Todos {total:,}", letter="T"),
            kit.Segment(value="sealed", words=f"Por enviar {c.sealed:,}", letter="P"),
            kit.Segment(value="problem", words=f"Con problema {c.refused + aside:,}", letter="C"),
            kit.Segment(value="arrived", words=f"En sede {c.stored + c.opened:,}", letter="E"),
        ]

    # ---- acts --------------------------------------------------------------------------------
    def _standing_aside(self) -> Sequence[str]:
        """Newest first, as the line itself."""
        return sorted(self._aside, reverse=True)

    def _failed(self, trouble: Trouble) -> None:
        self._trouble.show_trouble(trouble)
        self._show_cause()

    def _chose(self) -> None:
        self._printed.hide()
        self._show_cause()
        self._show_detail()

    def _choose(self, value: str) -> None:
        self._filter = value
        ahead = self._standing_aside if value == "problem" else tuple
        self._rows = LineRows(self._desk.waiting, FILTERS[value], self._cells, ahead)
        self.table.set_source(self._rows)
        self._show_rows()

    def _send_now(self) -> None:
        if self._may_send():
            self._desk.waiting.send_now()
            self._why.say("Pedido: la estación lo intenta ahora mismo.")
            self._why.show()

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
            self._failed, owner=self,
        )  # fmt: skip

    def _reprinted(self, record: QueueRow) -> None:
        times = self._slips.get(record.record, 0) + 1
        words = "una vez" if times == 1 else f"{times} veces"
        sent = f"Comprobante …-{record.folio[-6:]} enviado a la impresora"
        self._printed.say("ok", f"{sent}: reimpreso {words}.")
        self._printed.show()
        self._show_cause()
        self._ask_slips()

    def _stick_helps(self) -> bool:
        waits = self._desk.waiting.counts().sealed > 0
        return self._plugged and waits and offline(self._desk.waiting.status)

    def _may_send(self) -> bool:
        return self._may(Act.SEND_NOW)

    def _may(self, act: Act) -> bool:
        session = self._desk.accounts.session
        return session is not None and may(session.role, act)


def end_words(seconds: float | None, today: Today, left: int) -> tuple[str, str]:
    """How long the line still takes and on what condition; or what keeps anybody from saying."""
    if seconds is not None:
        return estimate_words(seconds), "para terminar con este enlace"
    if today.holds:
        return "–", "las imágenes esperan otra red"
    if today.left is not None and today.left < left:
        return "Hoy no", f"quedan {size_words(today.left)} del límite"
    return "–", "sin estimación por ahora"


def refusal_words(reason: str) -> str:
    """Why a record was refused: a trouble's code is said as one, words stay as they are."""
    code = reason.partition(" ")[0]
    if _CODE.fullmatch(code):
        return f"Sede no lo pudo abrir ({code}). Avise a supervisión."
    return reason or "Lo ve supervisión"
