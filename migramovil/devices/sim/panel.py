"""Every played device of a training station and whatever can be made to go wrong with it.

The trainer's window, scripts, the demonstration and tests all work these switches.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Any

import cv2
import numpy as np

from migramovil.core.trouble import Trouble, Who
from migramovil.devices.ports import Pixels
from migramovil.devices.sim.ef01_pty import Ef01Pty, SensorFault
from migramovil.devices.sim.ipp_printer import IppFault, IppPrinter
from migramovil.devices.sim.people import SimPerson
from migramovil.devices.sim.sbi_service import SbiFault, SbiService
from migramovil.devices.sim.station import SimulatedStation
from migramovil.devices.sim.thermal_mechanism import PrinterFault
from migramovil.devices.sim.usb_reader import ReaderFault

_ROSTER = 24  # people a trainer can choose from
_SLOW_FPS, _SLOW_PRINT_S, _SLOW_FINGER_S = 2.0, 8.0, 6.0
_SLIP_WIDE = 640
_FACE_SIDE = 240  # pixels of a thumbnail's height
_ONE_WORD = {"hangs": "hang", "garbage": "noise"}  # the same fault, whatever the device calls it
PERSON, UNPLUGGED = "person", "unplugged"


class NoSuchSwitch(Trouble):
    code = "SIM-01"
    what = "Esta estación de entrenamiento no tiene ese equipo, falla o persona."
    advice = "Vea los que hay con «migramovil sim list»."
    who = Who.TECHNICIAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One switch: `key` for scripts, `name` and what it `does` in Spanish for the trainer.

    A fault that happens `once` is over when the device has had it.
    """

    key: str
    name: str
    does: str
    turn: Callable[[Any, bool], object]
    is_on: Callable[[Any], bool]
    once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A fault as it stands now."""

    key: str
    name: str
    does: str
    once: bool
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A played device as it stands now."""

    key: str
    name: str
    plugged: bool
    switches: tuple[Switch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One of the people a trainer can send to the chair."""

    number: int
    name: str
    document: str
    about: str
    seated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Device:
    key: str
    name: str
    get: Callable[[], Any]
    faults: tuple[Fault, ...]


class Panel:
    """The switches of one played station. Calls come from any thread and may take a moment.

    `roster` are the people to choose from; nobody else can be sent to the chair.
    """

    def __init__(self, station: SimulatedStation, roster: Iterable[SimPerson] = ()) -> None:
        self._station = station
        self._one_hand = threading.Lock()  # a cable is not put in twice
        self._roster: Sequence[SimPerson] = tuple(itertools.islice(roster, _ROSTER))
        self._devices = {device.key: device for device in _devices(station)}

    # ---- devices --------------------------------------------------------------------------------
    def state(self) -> tuple[Standing, ...]:
        return tuple(_standing(device) for device in self._devices.values())

    def apply(self, device: str, fault: str, *, on: bool = True) -> None:
        """Make a fault happen, or end it; SIM-01 when there is no such device or fault."""
        known = self._devices.get(device)
        wanted = [one for one in known.faults if one.key == fault] if known else []
        if known is None or not wanted:
            raise NoSuchSwitch(f"{device} {fault}")
        with self._one_hand:
            wanted[0].turn(known.get(), on)

    def clear(self, device: str = "") -> None:
        """End every fault of a device, or of all of them."""
        if device and device not in self._devices:
            raise NoSuchSwitch(device)
        for standing in self.state():
            if device in {"", standing.key}:
                for switch in standing.switches:
                    if switch.on:
                        self.apply(standing.key, switch.key, on=False)

    # ---- the person -----------------------------------------------------------------------------
    def people(self) -> tuple[Seat, ...]:
        return tuple(self._seat(number, one) for number, one in enumerate(self._roster))

    def sit(self, number: int | None) -> None:
        """Send somebody to the chair, for whoever starts next; None empties it."""
        self._station.send(None if number is None else self._person(number))

    def face(self, number: int) -> Pixels:
        """A thumbnail of somebody: uint8 (240, 180, 3), blue-green-red."""
        frame = self._person(number).camera_frames()[0]
        height, width = frame.shape[:2]
        wide = height * 3 // 4
        left = (width - wide) // 2
        size = (_FACE_SIDE * 3 // 4, _FACE_SIDE)
        small = cv2.resize(frame[:, left : left + wide], size, interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)

    @property
    def finger(self) -> int:
        """The finger that is laid whatever is asked for, 1..10; 0: the one that is asked for."""
        return self._station.lays or 0

    def lay(self, position: int) -> None:
        if not 0 <= position <= 10:
            raise NoSuchSwitch(f"finger {position}")
        self._station.lays = position or None

    @property
    def slips(self) -> int:
        """How many slips came out."""
        return self._station.slips_out

    def slip(self) -> Pixels | None:
        """The last slip as a picture, blue-green-red, no wider than it is read at."""
        last = self._station.last_slip
        if last is None:
            return None
        seen = last.convert("RGB")
        seen.thumbnail((_SLIP_WIDE, 4 * _SLIP_WIDE))
        return np.ascontiguousarray(np.asarray(seen, np.uint8)[..., ::-1])

    def _person(self, number: int) -> SimPerson:
        if not 0 <= number < len(self._roster):
            raise NoSuchSwitch(f"person {number}")
        return self._roster[number]

    def _seat(self, number: int, one: SimPerson) -> Seat:
        surnames = f"{one.first_surname} {one.second_surname}".strip()
        return Seat(
            number=number,
            name=f"{surnames}, {one.given_names}",
            document=f"{_PAPERS[one.document_type]} {one.nationality} {one.document_number}",
            about=f"{one.age} años" + (", con quien responde" if one.minor else ""),
            seated=self._station.seated == one,
        )


_PAPERS = {"passport": "Pasaporte", "national_id": "Cédula"}


def _standing(device: _Device) -> Standing:
    played = device.get()
    switches = tuple(
        Switch(key=f.key, name=f.name, does=f.does, once=f.once, on=f.is_on(played))
        for f in device.faults
    )
    plugged = not any(one.on for one in switches if one.key == UNPLUGGED)
    return Standing(key=device.key, name=device.name, plugged=plugged, switches=switches)


# ---- kinds of switches --------------------------------------------------------------------------
def _flag(key: str, name: str, does: str, attribute: str, **values: Any) -> Fault:
    """An attribute that is `ill` (True) while the fault lasts and `well` (False) otherwise."""
    ill, well = values.get("ill", True), values.get("well", False)
    return Fault(
        key=key,
        name=name,
        does=does,
        turn=lambda played, on: setattr(played, attribute, ill if on else well),
        is_on=lambda played: bool(getattr(played, attribute) == ill),
    )


def _mode(fault: StrEnum, name: str, does: str) -> Fault:
    """One of the faults of which a device has only one at a time; its name makes its key."""
    none = type(fault)("none")

    def turn(played: Any, on: bool) -> None:
        if on or played.fault is fault:
            played.fault = fault if on else none

    key = _ONE_WORD.get(fault.value, fault.value.replace(",", "").replace(" ", "-"))
    return Fault(
        key=key, name=name, does=does, turn=turn, is_on=lambda played: played.fault is fault
    )


def _once(key: str, name: str, does: str, attribute: str) -> Fault:
    """A counter of how often something still goes wrong."""

    def turn(played: Any, on: bool) -> None:
        setattr(played, attribute, getattr(played, attribute) + 1 if on else 0)

    return Fault(
        key=key,
        name=name,
        does=does,
        turn=turn,
        is_on=lambda played: bool(getattr(played, attribute)),
        once=True,
    )


def _plug(words: str, plug: Callable[[Any], object], unplug: Callable[[Any], object]) -> Fault:
    return Fault(
        key=UNPLUGGED,
        name="Desconectado",
        does=words,
        turn=lambda played, on: unplug(played) if on else plug(played),
        is_on=lambda played: not played.plugged,
    )


def _set_plugged(reader: Any, plugged: bool) -> None:
    reader.plugged = plugged


_CABLE = "Se saca el cable; al quitar la falla vuelve a su puerto."
_SELF = _plug(_CABLE, lambda one: one.plug(), lambda one: one.unplug())
_NO_REPLY = "Recibe lo que se le pide y no contesta."


# ---- what each device can do wrong --------------------------------------------------------------
def _devices(station: SimulatedStation) -> Iterable[_Device]:
    yield _Device(
        key=PERSON, name="Persona en la silla", get=lambda: station, faults=_person_faults()
    )
    camera = _camera_faults(station.fps)
    yield _Device(key="camera", name="Cámara", get=lambda: station.film, faults=camera)
    if (table := station.document_film) is not None:
        faults = _camera_faults(table.fps)
        yield _Device(key="table", name="Cámara de mesa", get=lambda: table, faults=faults)
    yield _Device(
        key="reader", name="Huellero", get=lambda: station.reader, faults=_reader_faults(station)
    )
    yield _Device(
        key="printer",
        name="Impresora",
        get=lambda: station.printer,
        faults=_printer_faults(station),
    )
    if station.mrz is not None:
        yield _Device(key="mrz", name="Lector MRZ", get=lambda: station.mrz, faults=_mrz(station))
    if station.gnss is not None:
        yield _Device(
            key="gnss", name="Receptor satelital", get=lambda: station.gnss, faults=_gnss(station)
        )


def _person_faults() -> tuple[Fault, ...]:
    return (
        _flag("no-finger", "No pone el dedo", "Nadie toca el vidrio.", "withholds"),
        _flag(
            "dry", "Dedo seco", "Crestas cortadas y pálidas.", "dryness", ill=1.0, well=None
        ),
        _flag(
            "wet", "Dedo mojado", "Crestas que se juntan y manchan.", "dryness", ill=-1.0, well=None
        ),
    )  # fmt: skip


def _camera_faults(fps: float) -> tuple[Fault, ...]:
    return (
        _SELF,
        _flag("cap", "Lente tapado", "La imagen es negra.", "dark"),
        _flag("dark-room", "Poca luz", "El lugar está casi a oscuras.", "dim"),
        _flag("frozen", "Imagen detenida", "Repite la misma imagen sin fin.", "frozen"),
        _flag("noise", "Imagen dañada", "Cada imagen llega a medias.", "garbage"),
        _flag("hang", "No responde", "Sigue conectada y no envía imágenes.", "hangs"),
        _flag(
            "slow", "Lenta", "Dos imágenes por segundo.", "fps", ill=_SLOW_FPS, well=fps
        ),
    )  # fmt: skip


def _reader_faults(station: SimulatedStation) -> tuple[Fault, ...]:
    slow = _flag(
        "slow-hand", "Mano lenta", "El dedo tarda seis segundos en llegar.", "pace_s",
        ill=_SLOW_FINGER_S, well=station.pace_s,
    )  # fmt: skip
    if isinstance(station.reader, SbiService):
        return (_SELF, slow, *_SBI)
    if isinstance(station.reader, Ef01Pty):
        plug = _plug(_CABLE, lambda _: station.plug_reader(), lambda one: one.unplug())
        return (plug, slow, *_EF01)
    plug = _plug(_CABLE, partial(_set_plugged, plugged=True), partial(_set_plugged, plugged=False))
    return (plug, slow, *_USB)


def _printer_faults(station: SimulatedStation) -> tuple[Fault, ...]:
    ipp = isinstance(station.printer, IppPrinter)
    slow = _flag(
        "slow", "Lenta", "Cada hoja tarda ocho segundos.",
        "seconds_per_page" if ipp else "seconds_per_slip",
        ill=_SLOW_PRINT_S, well=2 * station.pace_s,
    )  # fmt: skip
    return (_SELF, slow, *(_IPP if ipp else _THERMAL))


def _mrz(station: SimulatedStation) -> tuple[Fault, ...]:
    return (
        _plug(_CABLE, lambda _: station.plug_mrz(), lambda one: one.unplug()),
        _flag("noise", "Basura", "Habla a otra velocidad: nada se entiende.", "garbage"),
        _flag("hang", "No lee", "El documento está puesto y no lo lee.", "hangs"),
    )


def _gnss(station: SimulatedStation) -> tuple[Fault, ...]:
    return (
        _plug(_CABLE, lambda _: station.plug_gnss(), lambda one: one.unplug()),
        _flag("no-fix", "Sin satélites", "Bajo techo, sin posición.", "fix", ill=False, well=True),
        _flag(
            "wrong-time", "Hora equivocada", "Dice tres horas más.", "off_by",
            ill=timedelta(hours=3), well=timedelta(),
        ),
        _flag(
            "old-week", "Semana antigua", "Su cuenta de semanas volvió a cero.", "epochs_lost",
            ill=1, well=0,
        ),
        _flag("bad-sum", "Suma equivocada", "La suma de cada frase no cuadra.", "bad_sum"),
        _flag("noise", "Basura", "Habla a otra velocidad: nada se entiende.", "garbage"),
        _flag("hang", "No responde", "Sigue conectado y calla.", "hangs"),
    )  # fmt: skip


_USB = (
    _mode(ReaderFault.NO_FINGER, "Sin dedo", "El sensor no siente dedo alguno."),
    _mode(ReaderFault.HANGS, "No responde", "Siente el dedo y la imagen nunca llega."),
    _mode(ReaderFault.SHORT, "Imagen cortada", "Llega la mitad de la imagen."),
    _mode(ReaderFault.NOISE, "Basura", "Lo que llega no es una imagen."),
    _flag("wedged", "Trabado", "Otro programa lo dejó a medias.", "wedged"),
    _once("dies", "Se apaga una vez", "Muere en lugar de sentir el dedo.", "deaths"),
    _once("empty", "Imagen vacía una vez", "La captura llega sin nada.", "empty_scans"),
    _once("deaf", "Arranque mudo una vez", "Enciende y no lo dice.", "deaf_starts"),
)
_EF01 = (
    _flag("dry-glass", "Contacto débil", "Las crestas apenas tocan.", "dry"),
    _mode(SensorFault.HANGS, "No responde", "No dice nada más."),
    _mode(SensorFault.BREAKS_OFF, "Imagen cortada", "Llega la mitad de la imagen."),
    _mode(SensorFault.BABBLES, "No calla", "Envía sin fin."),
    _mode(SensorFault.BAD_SUM, "Suma equivocada", "La suma de cada paquete no cuadra."),
    _mode(SensorFault.NOISE, "Ruido en la línea", "Un byte de cada mil es otro."),
)
_SBI = (
    _mode(SbiFault.NOT_READY, "No está listo", "El servicio dice que el lector no está listo."),
    _mode(SbiFault.NOT_REGISTERED, "Sin registrar", "El lector no está registrado."),
    _mode(SbiFault.BUSY, "Ocupado", "Otra aplicación lo está usando."),
    _mode(SbiFault.NO_FINGER, "Sin dedo", "El lector no siente dedo alguno."),
    _mode(SbiFault.HANGS, "No responde", _NO_REPLY),
    _mode(SbiFault.SLOW, "Respuesta lenta", "Contesta letra por letra."),
    _mode(SbiFault.BREAKS_OFF, "Respuesta cortada", "Contesta la mitad y cuelga."),
    _mode(SbiFault.GARBAGE, "Basura", "Contesta lo que nadie entiende."),
    _mode(SbiFault.FLOOD, "Respuesta sin fin", "Contesta y no termina."),
    _mode(SbiFault.WRONG_SIGNATURE, "Firma inválida", "La firma no es de su llave."),
    _mode(SbiFault.OTHER_AUTHORITY, "Otra autoridad", "Su certificado viene de otra raíz."),
    _mode(SbiFault.EXPIRED, "Certificado vencido", "Venció ayer."),
    _mode(SbiFault.REPLAYED, "Captura repetida", "Entrega la captura anterior."),
    _mode(SbiFault.WRONG_CLOCK, "Hora equivocada", "Firma con hora de siete horas antes."),
    _mode(SbiFault.BROKEN_CHAIN, "Cadena rota", "Falta una captura entre dos."),
    _mode(SbiFault.OTHER_ENVIRONMENT, "Otro ambiente", "Es de un ambiente de pruebas ajeno."),
    _mode(SbiFault.OTHER_READER, "Otro lector", "Firma con el nombre de otro lector."),
    _mode(SbiFault.TOO_FEW, "Falta un dedo", "Entrega un dedo menos."),
    _mode(SbiFault.OTHER_FINGERS, "Otra mano", "Entrega los dedos de la otra mano."),
    _mode(SbiFault.WSQ, "Comprimida con pérdida", "Entrega WSQ, que no se admite."),
    _mode(SbiFault.DAMAGED, "Imagen dañada", "La imagen llega a medias."),
    _mode(SbiFault.TAMPERED, "Lector abierto", "El lector dice que lo abrieron."),
)
_THERMAL = (
    _mode(PrinterFault.PAPER_LOW, "Poco papel", "El rollo está por acabarse."),
    _mode(PrinterFault.PAPER_OUT, "Sin papel", "No hay papel; al ponerlo, sigue."),
    _mode(PrinterFault.PAPER_ENDS_MIDWAY, "Papel a medias", "Se acaba a mitad del comprobante."),
    _mode(PrinterFault.COVER_OPEN, "Tapa abierta", "La tapa está abierta."),
    _mode(PrinterFault.OFFLINE, "Fuera de línea", "Contesta y no imprime."),
    _mode(PrinterFault.CUTTER, "Cortador trabado", "La cuchilla no se mueve."),
    _mode(PrinterFault.HOT, "Cabezal caliente", "Espera a enfriarse."),
    _mode(PrinterFault.BROKEN, "Averiada", "Falla que no se arregla sola."),
    _mode(PrinterFault.MUTE, "Muda", "Imprime y no contesta nada."),
    _mode(PrinterFault.GARBAGE, "Basura", "Imprime y contesta lo que nadie entiende."),
    _mode(PrinterFault.HANG, "No responde", "Ni recibe ni contesta."),
)
_IPP = (
    _mode(IppFault.PAPER_LOW, "Poco papel", "La bandeja está por acabarse."),
    _mode(IppFault.PAPER_OUT, "Sin papel", "No hay papel; al ponerlo, sigue."),
    _mode(IppFault.PAPER_OUT_WARNING, "Sin papel, como aviso", "Así lo llaman algunas."),
    _mode(IppFault.COVER_OPEN, "Tapa abierta", "La tapa está abierta."),
    _mode(IppFault.JAM, "Papel atascado", "Una hoja quedó trabada."),
    _mode(IppFault.NO_INK, "Sin tóner", "No queda tóner."),
    _mode(IppFault.PAUSED, "En pausa", "Alguien la puso en pausa."),
    _mode(IppFault.BUSY, "Ocupada", "Imprime para otros."),
    _mode(IppFault.NOT_ACCEPTING, "No recibe trabajos", "Rechaza todo lo que llega."),
    _mode(IppFault.CANCELS, "Cancela", "Alguien cancela el trabajo en la impresora."),
    _mode(IppFault.ABORTS, "Abandona", "Deja el trabajo a medias."),
    _mode(IppFault.FORGETS, "Olvida", "No recuerda lo que ya imprimió."),
    _mode(IppFault.GARBAGE, "Basura", "Contesta lo que nadie entiende."),
    _mode(IppFault.ENDLESS, "Respuesta sin fin", "Contesta y no termina."),
    _mode(IppFault.HANG, "No responde", _NO_REPLY),
)
