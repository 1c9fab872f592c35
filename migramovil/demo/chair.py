"""One person on the chair, from «Empezar» to the slip in their hand, by keys alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt

from migramovil import app
from migramovil.core.biometrics import settled
from migramovil.core.documents import DOCUMENT_LABELS
from migramovil.core.enrollment import Draft, fingers_asked
from migramovil.core.places import District
from migramovil.core.procedures import in_force
from migramovil.demo.hand import Hand
from migramovil.demo.training import PASSPHRASE, SUPERVISOR
from migramovil.devices.sim.panel import PERSON, UNPLUGGED, Panel
from migramovil.devices.sim.people import SimPerson
from migramovil.devices.sim.station import SimulatedStation
from migramovil.store.outbox import QueueRow

LACKS_A_FINGER, REFUSES = 1, 2
"""Who of the day, counted from 0, has an exception, and who says no."""
_ROUND = (10, 9, 8, 7, 6, 1, 2, 3, 4, 5)
_KINSHIP = {"mother": "madre", "father": "padre"}


class Chair:
    """Person `number` of the day; with `fails`, devices fail once and come back."""

    def __init__(
        self, hand: Hand, station: app.Station, sim: SimulatedStation, number: int, *, fails: bool
    ) -> None:
        self._hand, self._station, self._sim = hand, station, sim
        self._lacks, self._refuses = number == LACKS_A_FINGER, number == REFUSES
        self._fails, self._no_paper = fails, False
        self._panel = Panel(sim)
        self._excepted: list[int] = []
        self._enrolling = station.desk.enrolling

    @property
    def outcome(self) -> dict[str, object]:
        """How it ended, for the story: whether the person said no, the fingers not to be had."""
        return {"refused": self._refuses, "exceptions": self._excepted}

    def sit_down(self) -> None:
        self._hand.wait_page("HomePage")
        person = self._sim.next_person()
        if not isinstance(person, SimPerson):
            raise TypeError("nobody is left to come")
        self._person = person
        self._hand.primary()

    def papers(self) -> None:
        """The procedure and the document."""
        self._procedure()
        self._identity()

    def until_fingers(self) -> None:
        self.papers()
        self._data()
        self._portrait()

    def until_sealed(self) -> QueueRow:
        """Notice, answer, review, seal; the sealed record as it stands in the line."""
        self._consent()
        self._hand.wait_page("ReviewPage")
        without = "-sin-biometria" if self._refuses else "" if self._left_prints() else "-menor"
        self._hand.picture(f"07-revision{without}")
        if self._fails and self._hand.lacks("08-terminado-sin-papel"):
            self._panel.apply("printer", "paper-out")
            self._no_paper = True
        self._slips = self._sim.slips_out
        self._hand.primary()
        self._hand.wait_page("DonePage", 60)
        return self._station.outbox.rows(limit=1)[0]

    def slip(self) -> None:
        """The slip comes out, at the second attempt where the paper had ended."""
        if self._no_paper:
            self._hand.wait(lambda: self._hand.sees("El comprobante no salió"), "the missing paper")
            self._hand.picture("08-terminado-sin-papel")
            self._panel.clear("printer")
            self._no_paper = False
            self._hand.press(Qt.Key.Key_R)
        self._hand.wait(lambda: self._sim.slips_out > self._slips, "the slip")
        self._hand.wait(lambda: self._hand.sees("Comprobante impreso"), "the printer's word")
        self._hand.picture("08-terminado-sin-biometria" if self._refuses else "08-terminado")
        self._hand.press(Qt.Key.Key_Escape)

    # ---- papers and data --------------------------------------------------------------------
    def _procedure(self) -> None:
        hand, person = self._hand, self._person
        hand.wait_page("ProcedurePage")
        today = self._station.desk.clock.today()
        codes = [p.code for p in in_force(self._enrolling.catalogue, today)]
        number = codes.index(person.procedure) + 1 if person.procedure in codes else 1
        hand.press(Qt.Key(Qt.Key.Key_0.value + number))
        hand.wait(lambda: bool(self._draft.procedure), "the procedure")
        hand.type("Número del comprobante de pago", person.receipt.number)
        hand.picture("03-tramite")
        hand.primary()

    def _identity(self) -> None:
        hand = self._hand
        hand.wait_page("IdentityPage")
        hand.press(Qt.Key.Key_F5)
        hand.wait(lambda: bool(self._draft.mrz_lines), "the document")
        hand.picture("04-identidad-lectura")
        hand.press(Qt.Key.Key_F8)
        hand.wait(lambda: self._draft.mrz_confirmed, "the confirmation")
        hand.picture("04-identidad")
        hand.primary()

    def _data(self) -> None:
        hand, person = self._hand, self._person
        hand.wait_page("PersonPage")
        hand.type("Primer apellido", person.first_surname)
        if person.second_surname:
            hand.type("Segundo apellido", person.second_surname)
        else:
            hand.field("Segundo apellido").control.setFocus()
            hand.press(Qt.Key.Key_F2)
        hand.type("Nombres", person.given_names)
        hand.type("País de nacimiento", person.birth_country)
        hand.type("País de residencia", "PER")
        place = self._district()
        hand.type("Departamento", place.department)
        hand.type("Provincia", place.province)
        hand.type("Distrito", place.district)
        hand.type("Dirección", person.address)
        hand.type("Celular", person.phone)
        if person.email:
            hand.type("Correo", person.email)
        self._guardian()
        hand.picture("05-datos-menor" if person.minor else "05-datos")
        hand.primary()

    def _guardian(self) -> None:
        hand, guardian = self._hand, self._person.guardian
        if guardian is None:
            return
        names = (guardian.given_names, guardian.first_surname, guardian.second_surname)
        kinds = {kind.value: words for kind, words in DOCUMENT_LABELS.items()}
        hand.type("Nombres y apellidos", " ".join(name for name in names if name))
        hand.type("Tipo de documento", kinds[guardian.document_type])
        hand.type("Número", guardian.document_number)
        hand.type("Parentesco o cargo", _KINSHIP[guardian.relationship])

    def _district(self) -> District:
        districts: tuple[District, ...] = self._enrolling.districts
        return next(d for d in districts if d.ubigeo == self._person.ubigeo)

    # ---- face and fingers -------------------------------------------------------------------
    def _portrait(self) -> None:
        hand = self._hand
        if self._fails and hand.lacks("06-fotografia-sin-camara"):
            self._panel.apply("camera", UNPLUGGED)
        hand.wait_page("PortraitPage")
        if not self._sim.film.plugged:
            hand.wait(lambda: hand.verb == "Buscar la cámara", "the missing camera")
            hand.picture("06-fotografia-sin-camara")
            self._panel.clear("camera")
            hand.press(Qt.Key.Key_F5)
        hand.wait(lambda: hand.sees("Puede tomar"), "the preview")
        hand.picture("06-fotografia-vista")
        hand.primary()
        hand.wait(lambda: self._draft.portrait is not None, "the portrait")
        hand.picture("06-fotografia")
        hand.primary()

    def fingers(self, *, pause: Callable[[], None] | None = None) -> None:
        """Every finger asked for; `pause` happens once, with most of them taken."""
        hand = self._hand
        hand.wait_page("FingersPage")
        at = self._enrolling.next_finger()
        if pause is not None and at is None:
            pause()
        self._nobody_there()
        while at is not None:
            if self._lacks and self._left() == 1:
                self._exception(at)
            else:
                self._take(at)
            if pause is not None and self._left() <= 3:
                pause()
                pause, at = None, self._enrolling.next_finger()
                continue
            at = self._on_from(at)
        hand.primary()

    def _take(self, position: int) -> None:
        """F5 until it is good, or kept at its best after the last attempt."""
        hand = self._hand
        while not self._settled(position):
            seen = self._attempts(position)
            hand.press(Qt.Key.Key_F5)
            hand.wait(partial(self._more_attempts, position, seen), "a finger")
            hand.wait(lambda: not hand.sees("Capturando"), "the finger's picture")
            if not self._settled(position):
                hand.picture("05-huellas-bajo-umbral")
        if self._left() == 3:
            hand.picture("05-huellas")

    def _on_from(self, position: int) -> int | None:
        """By arrows to the next finger that lacks, in the order the hands show."""
        if self._enrolling.next_finger() is None:
            return None
        place = _ROUND.index(position)
        asked = fingers_asked(self._draft, self._enrolling.rules)
        for step in range(1, len(_ROUND)):
            following = _ROUND[(place + step) % len(_ROUND)]
            if following not in asked:
                continue
            self._hand.press(Qt.Key.Key_Right)
            if not self._settled(following):
                return following
        return None

    def _nobody_there(self) -> None:
        """Once: the reader waits, nobody lays a finger down, Esc leaves it."""
        hand = self._hand
        asked = self._enrolling.next_finger() is not None
        if not (self._fails and asked and hand.lacks("05-huellas-espera")):
            return
        self._panel.apply(PERSON, "no-finger")
        hand.press(Qt.Key.Key_F5)
        hand.picture("05-huellas-espera")
        hand.press(Qt.Key.Key_Escape)
        self._panel.clear(PERSON)

    def _exception(self, position: int) -> None:
        """A finger that cannot be had: the officer says why, the supervisor signs for it."""
        hand = self._hand
        hand.press(Qt.Key.Key_F9)
        hand.type("Motivo", "Amputación antigua")
        hand.picture("05-huellas-excepcion")
        hand.press(Qt.Key.Key_Space)
        hand.wait(lambda: self._exception_of(position) is not None, "the exception")
        hand.picture("05-huellas-excepcion-sin-aprobar")
        hand.press(Qt.Key.Key_F8)
        hand.type("Otra persona", SUPERVISOR)
        hand.type("Su contraseña", PASSPHRASE)
        hand.picture("05-huellas-aprobacion")
        hand.press(Qt.Key.Key_Space)
        hand.wait(lambda: self._settled(position), "the approval", 30)
        self._excepted.append(position)
        hand.picture("05-huellas-excepcion-aprobada")

    # ---- notice -----------------------------------------------------------------------------
    def _consent(self) -> None:
        hand = self._hand
        hand.wait_page("ConsentPage")
        hand.picture("06b-aviso-sin-dar")
        hand.focus("Cómo se dio el aviso")
        hand.press(Qt.Key.Key_L)
        hand.press(Qt.Key.Key_N if self._refuses else Qt.Key.Key_S)
        if self._refuses:
            hand.type("Motivo que da", "Prefiere consultarlo con su familia")
        hand.picture("06b-aviso-no-acepta" if self._refuses else "06b-aviso")
        hand.primary()

    # ---- looking ----------------------------------------------------------------------------
    @property
    def _draft(self) -> Draft:
        draft = self._enrolling.draft
        if draft is None:
            raise RuntimeError("nobody is on the chair")
        return draft

    def _left_prints(self) -> bool:
        return bool(fingers_asked(self._draft, self._enrolling.rules))

    def _left(self) -> int:
        asked = fingers_asked(self._draft, self._enrolling.rules)
        return sum(not self._settled(position) for position in asked)

    def _settled(self, position: int) -> bool:
        finger = self._draft.finger(position)
        return finger is not None and settled(finger, self._enrolling.rules.fingers)

    def _attempts(self, position: int) -> int:
        finger = self._draft.finger(position)
        return len(finger.attempts) if finger is not None else 0

    def _more_attempts(self, position: int, seen: int) -> bool:
        return self._attempts(position) > seen

    def _exception_of(self, position: int) -> object:
        finger = self._draft.finger(position)
        return finger.exception if finger is not None else None
