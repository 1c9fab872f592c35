"""The day: how many are done, who is half done, and the next person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Signal

from migramovil.core.enrollment import STEPS, Draft
from migramovil.core.roles import Act, may
from migramovil.core.trouble import Trouble
from migramovil.devices.lanes import Ticket
from migramovil.devices.ports import DeviceState
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import NEXT, Hint, Primary
from migramovil.ui.pages.common import (
    DAILY,
    DEVICE_STATES,
    DEVICES,
    LIST_NAMES,
    STATES,
    DayPage,
    date_words,
    day_of,
    hour_of,
    link_advice,
    link_alarm,
    link_short,
    link_words,
    size_words,
    skew_words,
    span_words,
)
from migramovil.ui.pages.parked import Thumb, standing, step_words, who
from migramovil.ui.pages.place import PlaceOffer

if TYPE_CHECKING:
    from migramovil.services.desk import Desk
    from migramovil.services.drafts import Parked
    from migramovil.services.keeping import Held

_LAST, _SHOWN = 200, 50
_NEW = "Empezar enrolamiento"


class HomePage(DayPage):
    """`opened(Draft)` tells that somebody sits on the chair; `asked(key)` names a day's page."""

    help: ClassVar[str] = (
        "Aquí empieza cada persona. Si quedó un enrolamiento a medias, F10 lo retoma en el mismo "
        "paso, F2 empieza otro y F3 muestra a todos los que esperan. Todo se guarda solo y "
        "cifrado; la conexión no hace falta."
    )
    opened = Signal(object)
    asked = Signal(str)

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__("Jornada")
        self._desk, self._bridge = desk, bridge
        self._drafts: tuple[Parked, ...] = ()
        self._busy = self._noticed = False
        self._figures = [kit.Figure("–", c) for c in ("terminados", "por enviar", "confirmados")]
        self._cap = kit.Text("Siguiente", "capb", "primary")
        self._mark = kit.Badge("", "info")
        self._big = kit.Text("", "h1" if theme.large() else "fig", elide=True)
        self._more = kit.Text("", "body", "ink2", wrap=True)
        self._trouble = kit.TroubleBanner()
        self._notice = kit.Banner("warn", "-")
        self._offer = PlaceOffer(desk, bridge)
        self._drafts_col = kit.col(gap=8)
        every = kit.Button(
            "Ver todos", kind="quiet", key="F3", height=32, on=lambda: self.asked.emit("espera")
        )
        self._drafts_card = kit.Card(self._drafts_col, title="En espera", right=every, gap=8)
        self._table = kit.Table("Últimos terminados", self._columns())
        self._empty = kit.Empty("tray", "Todavía no hay nadie terminado en esta estación.")
        self._link = kit.StateRow("idle", "-", second="-", plain=True)
        self._held = kit.StateRow("idle", "-", second="-", plain=True)
        self._held.hide()
        self._lists = kit.StateRow("warn", "Listas vencidas", second="-", plain=True)
        self._devices: dict[str, kit.StateRow] = {}
        large = theme.large()
        hero = kit.Card(
            kit.row(self._cap, None, self._mark), self._big, self._more, gap=6, now=True
        )
        self._last_card = kit.Card(
            kit.Text("Últimos terminados", "sub"), (self._table, 1), (self._empty, 1), gap=8
        )
        left = kit.col(
            hero,
            self._trouble,
            self._notice,
            self._offer,
            self._drafts_card,
            (self._last_card, 50),
            None,
            gap=12,
        )
        self.build(
            (kit.row((left, 1), kit.fixed(self._right(), 300 if large else 364), gap=16), 1),
            actions=[kit.Box(kit.row(*self._figures, gap=24))],
        )

    @staticmethod
    def _columns() -> list[kit.Column]:
        return [
            kit.Column(head="Folio"),
            kit.Column(head="Sellado", width=120),
            kit.Column(head="Tamaño", width=96, right=True),
            kit.Column(head="Estado", width=152),
        ]

    def _right(self) -> kit.Box:
        rows: list[kit.Item] = []
        for role in DAILY:
            name, icon = DEVICES[role]
            self._devices[role] = kit.StateRow("idle", name, "–", icon=icon, plain=True)
            rows.append(self._devices[role])
        self._disk = kit.StateRow("idle", "Disco", "–", icon="hard-drives", plain=True)
        rows.append(self._disk)
        self._backup = kit.StateRow("warn", "Respaldo", "–", icon="copy", plain=True)
        rows.append(self._backup)
        check = kit.Button(
            "Comprobar", kind="quiet", key="F7", height=36,
            on=lambda: self.asked.emit("diagnostico"),
        )  # fmt: skip
        see = kit.Button(
            "Ver", kind="quiet", key="Alt+2", height=36, on=lambda: self.asked.emit("envios")
        )
        line = kit.Card(
            kit.row((self._link, 1), see), self._lists, self._held, gap=4,
            pad=8 if theme.large() else 12,
        )  # fmt: skip
        devices = kit.Card(*rows, title="Equipos", right=check, gap=2)
        self._hours = kit.Bars("Terminados por hora")
        self._hours_card = kit.Card(self._hours, title="Terminados por hora", gap=8)
        return kit.Box(kit.col(line, devices, self._hours_card, None, gap=12))

    # ---- hooks -----------------------------------------------------------------------------
    def primary(self) -> Primary | None:
        if not self._may_enroll():
            return None
        reason = "Se está abriendo el enrolamiento."
        first = self._first()
        if first is None:
            return Primary(
                label=_NEW, icon="user-plus-bold", available=not self._busy, reason=reason
            )
        step = STEPS.index(first.step) + 1
        words = f"Retomar · paso {step} de {len(STEPS)}"
        return Primary(label=words, tail=NEXT, available=not self._busy, reason=reason)

    def press_primary(self) -> None:
        first = self._first()
        if first is not None:
            self._resume(first.record_id)
        else:
            self._start()

    def hints(self) -> Sequence[Hint]:
        if not self._may_enroll():
            return [("F7", "Comprobar equipos")]
        waiting = [("F3", "En espera")] if self._drafts else []
        return [("F2", "Empezar otro" if self._drafts else "Empezar"), *waiting, ("F7", "Equipos")]

    def keys(self) -> Mapping[str, Callable[[], object]]:
        if not self._may_enroll():
            return {}
        return {"F2": self._start, "F3": lambda: self.asked.emit("espera")}

    def enter(self) -> None:
        self._busy = False
        self._trouble.settle()
        self._show_drafts(())
        self._show_lists()
        self.news()
        self._ask_kept()
        if self._may_enroll():
            ticket = self._desk.drafts.parked()
            self._bridge.when_done(
                ticket, self._show_drafts, self._trouble.show_trouble, owner=self
            )

    def leave(self) -> None:
        self._show_drafts(())  # no page that is not in sight keeps a name

    def tick(self) -> None:
        """The next try comes nearer."""
        if self._desk.waiting.next_try_s() is not None:
            self._show_notice()
            self._show_line()

    def news(self) -> None:
        self._greet()
        self._show_notice()
        self._show_line()
        self._show_devices()
        self._show_last()
        self._show_account()

    # ---- what is still kept, and what does not add up ----------------------------------------
    def _ask_kept(self) -> None:
        self._held.hide()
        if self._desk.accounts.session is not None:
            self._bridge.when_done(
                self._desk.keeping.held(), self._show_held, lambda _: None, owner=self
            )

    def _show_held(self, held: Held) -> None:
        """Quiet: nothing while nothing is kept and nothing is owed."""
        self._held.setVisible(held.purge_pending or bool(held.slips))
        if held.purge_pending:
            self._held.say("warn", "Borrado pendiente", second="Se completa solo; no apague aún")
        elif held.slips:
            until = f"a las {hour_of(held.ends_utc, self._desk.clock.local().tzinfo)}"
            words = f"{held.slips:,} comprobantes para reimprimir"
            when = "al confirmarse la hora" if held.past else until
            self._held.say("info", words, second=f"Se borran {when}")
        self._fit()

    def _show_account(self) -> None:
        trouble = self._desk.ledger.trouble()
        if trouble is not None and not self._trouble.isVisible():
            self._trouble.show_trouble(trouble, safe="")  # something may well be lost

    # ---- what stands here ------------------------------------------------------------------
    def _greet(self) -> None:
        now = self._desk.clock.local()
        noon, evening = now.hour >= 12, now.hour >= 19
        part = "Buenas noches" if evening else "Buenas tardes" if noon else "Buenos días"
        session = self._desk.accounts.session
        self.set_title(
            f"{part}, {session.username}" if session else part, f"Jornada del {date_words(now)}"
        )

    def _show_notice(self) -> None:
        """One at a time: that sending stopped, else a wrong clock, else whatever somebody here can
        do about the link."""
        status, skew = self._desk.waiting.status, self._desk.clock.skew()
        alarm, soon = link_alarm(status), self._desk.waiting.next_try_s()
        halted = status is not None and status.kind == "halted"
        if alarm is not None and (halted or skew is None):
            told = alarm.what.rstrip("."), link_advice(alarm, soon)
            self._notice.say("bad" if halted else "warn", *told)
        elif skew is not None:
            self._notice.say("warn", *skew_words(skew))
        self._noticed = alarm is not None or skew is not None
        self._notice.setVisible(self._noticed)
        self._offer.look(wanted=self._may_enroll() and not self._noticed)
        self._fit()

    def _show_lists(self) -> None:
        """What expired stays in use; it is said here and where it is used."""
        late = [LIST_NAMES[row.kind] for row in self._desk.downstream.rows() if row.expired]
        self._lists.setVisible(bool(late))
        what = late[0] if len(late) == 1 else f"{len(late)} listas de sede"
        second = "" if theme.large() else "Siga trabajando. Vea Descargas en Envíos."
        self._lists.say("warn", f"{what}: {'vencida' if len(late) == 1 else 'vencidas'}",
                        second=second)  # fmt: skip

    def _show_line(self) -> None:
        counts = self._desk.waiting.counts()
        done = counts.sealed + counts.stored + counts.opened + counts.refused
        for figure, value in zip(self._figures, (done, counts.sealed, counts.opened), strict=True):
            figure.say(f"{value:,}")
        status = self._desk.waiting.status
        _, light, _ = link_words(status, counts)
        lights: dict[str, kit.State] = {"ok": "ok", "warn": "warn", "bad": "bad"}
        state = lights.get(light, "info")
        contact = status.last_contact_utc if status else ""
        when = hour_of(contact, self._desk.clock.local().tzinfo) if contact else ""
        second = f"Última conexión {when}" if when else "Sin conexión todavía"
        if not self._noticed:
            second = link_short(status, self._desk.waiting.next_try_s()) or second
        words = f"{counts.sealed:,} por enviar"
        if counts.refused:
            refused = "1 rechazo" if counts.refused == 1 else f"{counts.refused:,} rechazos"
            words, state = f"{words} · {refused}", "bad"
        self._link.say(state, words, second=second)

    def _show_devices(self) -> None:
        states = self._desk.diagnosing.states()
        for role in DAILY:
            name, _ = DEVICES[role]
            words, state = DEVICE_STATES[states.get(role, DeviceState.ABSENT)]
            self._devices[role].say(state, name, words)
        room = self._desk.reserve.room()
        full: kit.State = "bad" if room.people == 0 else "warn" if room.few else "ok"
        self._disk.say(full, "Disco", self._desk.reserve.short())
        backup = self._desk.backups.standing()
        self._backup.setVisible(backup.owed)
        if backup.age is None:
            self._backup.say("warn", "Nunca se ha respaldado", second="")
        else:
            self._backup.say("warn", "Respaldo", f"hace {span_words(backup.age)}")
        self._fit()

    def _show_last(self) -> None:
        zone = self._desk.clock.local().tzinfo
        last = self._desk.waiting.rows(0, _LAST)
        self._show_hours([row.sealed_utc for row in last])
        rows = [
            [
                kit.Cell(words=_short(row.folio), strong=True, exact=True),
                kit.Cell(words=f"{day_of(row.sealed_utc, zone)} {hour_of(row.sealed_utc, zone)}"),
                kit.Cell(words=size_words(row.size)),
                _badge(str(row.state)),
            ]
            for row in last[:_SHOWN]
        ]
        self._table.set_source(kit.Rows(rows))
        self._table.setVisible(bool(rows))
        self._empty.setVisible(not rows)

    def _show_hours(self, moments: Sequence[str]) -> None:
        """How many were sealed in each of today's last hours."""
        now = self._desk.clock.local()
        hours = range(max(0, now.hour - 4), now.hour + 1)
        today = [m for m in moments if day_of(m, now.tzinfo) == f"{now:%d/%m}"]
        done = Counter(int(hour_of(m, now.tzinfo)[:2]) for m in today)
        values = [done[hour] for hour in hours]
        names = [f"{hour} h" for hour in hours[:-1]] + ["ahora"]
        spoken = ", ".join(f"{n} {v}" for n, v in zip(names, values, strict=True))
        self._hours.show_values(f"Terminados por hora: {spoken}", values, names)

    def _first(self) -> Parked | None:
        """Whom the primary goes on with: the one touched last that opens here."""
        return next((one for one in self._drafts if one.draft is not None), None)

    def _show_drafts(self, drafts: tuple[Parked, ...]) -> None:
        self._drafts = drafts
        self._show_hero()
        others = [one for one in drafts if one is not self._first()]
        room = 1 if theme.large() or self._noticed else 2
        kit.refill(self._drafts_col, *(self._draft_row(one) for one in others[:room]))
        self._drafts_card.heading.say(f"En espera · {len(others)}")
        self._drafts_card.setVisible(bool(others))
        self._fit()
        self.changed.emit()

    def _fit(self) -> None:
        """What is told goes before the plot, and in large letters what waits before what is
        finished."""
        both = self._held.isVisibleTo(self) and self._backup.isVisibleTo(self)
        told = both or self._lists.isVisibleTo(self)
        self._hours_card.setVisible(not theme.large() and not told)
        crowded = theme.large() and self._noticed and self._drafts_card.isVisibleTo(self)
        self._last_card.setVisible(not crowded)

    def _show_hero(self) -> None:
        if not self._may_enroll():
            self._say_hero("", "Equipos y envíos", "Su función revisa los equipos y la línea.", "")
            return
        first = self._first()
        if first is None:
            self._say_hero(
                "Siguiente", "Nueva persona",
                "Siete pasos: trámite, identidad, datos, fotografía, huellas, aviso y revisión. "
                "Cada cambio queda guardado y cifrado.", "",
            )  # fmt: skip
            return
        words, sign = standing(first)
        mark = "Guardado completo" if sign == "ok" else words
        self._say_hero(
            "A medias", who(first),
            f"{step_words(first)} · {self._begun(first)}. "
            "F2 empieza otra persona; esta queda en espera.", mark, sign,
        )  # fmt: skip

    def _begun(self, one: Parked) -> str:
        """When a draft was begun, and by whom when it was a colleague."""
        if one.draft is None:
            return "guardado completo"
        now, started = self._desk.clock.local(), one.draft.started.utc
        day, hour = day_of(started, now.tzinfo), hour_of(started, now.tzinfo)
        at = (
            f"empezado a las {hour}" if day == f"{now:%d/%m}" else f"empezado el {day} a las {hour}"
        )
        session = self._desk.accounts.session
        mine = session is None or session.username == one.by or not one.by
        return at if mine else f"{at} por {one.by}"

    def _say_hero(self, cap: str, big: str, more: str, mark: str, sign: kit.State = "ok") -> None:
        self._cap.say(cap)
        self._big.say(big)
        self._more.say(more)
        self._mark.say(mark, sign, icon="shield-check-fill" if sign == "ok" else "")
        self._mark.setVisible(bool(mark))

    def _draft_row(self, one: Parked) -> kit.Item:
        picture = Thumb(width=36, height=45)
        picture.show_person(self._desk, self._bridge, one)
        words = kit.col(
            kit.Text(who(one), "strong", elide=True, exact=True),
            kit.Text(f"{step_words(one)} · {self._begun(one)}", "cap", "ink2", elide=True),
            gap=0,
        )
        state, sign = standing(one)
        badge = [] if sign == "ok" else [kit.Badge(state, sign)]
        again = kit.Button("Retomar", height=36, on=partial(self._resume, one.record_id))
        if one.draft is None:
            return kit.row(picture, (words, 1), *badge, gap=12)
        return kit.row(picture, (words, 1), *badge, again, gap=12)

    # ---- a person sits down ----------------------------------------------------------------
    def _start(self) -> None:
        self._open(self._desk.enrolling.start)

    def _resume(self, record_id: str) -> None:
        self._open(partial(self._desk.enrolling.resume, record_id))

    def _open(self, ask: Callable[[], Ticket[Draft]]) -> None:
        if self._busy:
            return
        self._set_busy(True)
        self._trouble.settle()
        self._bridge.when_done(ask(), self._opened, self._failed)

    def _opened(self, draft: Draft) -> None:
        self._set_busy(False)
        self.opened.emit(draft)

    def _failed(self, trouble: Trouble) -> None:
        self._set_busy(False)
        self._trouble.show_trouble(trouble)

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        self.changed.emit()

    def _may_enroll(self) -> bool:
        session = self._desk.accounts.session
        return session is not None and may(session.role, Act.ENROLL)


def _short(folio: str) -> str:
    """The folio, or in large letters the end that tells it from the day's others."""
    return f"…-{folio[-6:]}" if theme.large() else folio


def _badge(state: str) -> kit.Cell:
    words, sign, icon = STATES[state]
    return kit.Cell(words=words, badge=sign, icon=icon)
