"""Trying a device for real: what it gives, how fast, and what is wrong with it.

Each is a job for the device's own lane. `tell(words, picture)` says how it goes; a picture of a
person or a finger goes no further than that and the result.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

from migramovil.core.trouble import Trouble, Who
from migramovil.devices.ports import (
    DeviceInfo,
    DeviceKind,
    DeviceRole,
    Fix,
    Frame,
    PaperStatus,
    Pixels,
    Printed,
    SlipLine,
)
from migramovil.services.checks import Figures, Outcome, Result
from migramovil.vision import codes, face, sensors
from migramovil.vision.finger import FingerQuality

Tell = Callable[[str, Pixels | None], object]
Try = Callable[[Any, Event, Tell], Result]
FRAMES = 20
FINGER_S = 15.0
SHOWN_S = 30.0
_EMPTY_S = 5.0
_FEW = 0.6  # of the pictures a second that the camera declares

TEST_CODE = "MIGRAMOVIL-PRUEBA-"


class CameraBlurred(Trouble):
    code = "CHK-10"
    what = "La imagen de la cámara sale borrosa."
    advice = "Limpie el lente con un paño seco; revise el enfoque y repita la prueba."
    who = Who.OFFICER


class CameraLight(Trouble):
    code = "CHK-11"
    what = "La cámara recibe demasiada luz o demasiado poca."
    advice = "Cambie la luz o el lugar: ninguna ventana detrás de la persona; repita la prueba."
    who = Who.OFFICER


class CameraTinted(Trouble):
    code = "CHK-12"
    what = "Los colores de la cámara salen teñidos."
    advice = "Ponga el balance de blancos en automático y apague las luces de color."


class CameraSlow(Trouble):
    code = "CHK-13"
    what = "La cámara entrega menos imágenes de las que promete."
    advice = "Conéctela a un puerto del equipo, sin concentrador, y encienda más luz."


class GlassStained(Trouble):
    code = "CHK-14"
    what = "El vidrio del huellero tiene manchas o puntos muertos."
    advice = "Limpie el vidrio con un paño seco; si los puntos siguen, avise al técnico."
    who = Who.OFFICER


class GlassNoisy(Trouble):
    code = "CHK-15"
    what = "El sensor del huellero da una imagen con mucho ruido."
    advice = "Aleje el huellero del sol y de fuentes de calor; si sigue, avise al técnico."
    who = Who.OFFICER


class CodeNotSeen(Trouble):
    code = "CHK-16"
    what = "La cámara no pudo leer el código de la hoja de prueba."
    advice = "Muestre la hoja plana, a dos palmos y sin brillos. Si no, limpie cabezal y lente."
    who = Who.OFFICER


class NothingPrinted(Trouble):
    code = "CHK-17"
    what = "Todavía no hay una hoja de prueba que leer."
    advice = "Pruebe primero la impresora; luego muestre la hoja a la cámara."
    who = Who.OFFICER


class SelfTests:
    """What each kind of device is tried with."""

    def __init__(self, quality: FingerQuality) -> None:
        self._quality = quality
        self._printed = ""  # the code on the page printed last

    def of(self, role: DeviceRole) -> Try:
        tries: Mapping[DeviceKind, Try] = {
            DeviceKind.CAMERA: lambda camera, off, tell: try_camera(role, camera, off, tell),
            DeviceKind.FINGERPRINT: self._try_reader,
            DeviceKind.PRINTER: self._try_printer,
            DeviceKind.MRZ: _try_mrz,
            DeviceKind.GNSS: _try_gnss,
        }
        return tries[role.kind]

    def read_back(self, camera: Any, off: Event, tell: Tell) -> Result:
        """Wait for the page printed last to be held before the camera: CHK-16, CHK-17."""
        if not self._printed:
            raise NothingPrinted
        began = time.monotonic()
        while time.monotonic() - began < SHOWN_S:
            frame: Frame = camera.read(timeout_s=3.0, cancelled=off)
            tell("Muestre la hoja a la cámara.", frame.pixels)
            if self._printed in codes.read(frame.pixels):
                took = time.monotonic() - began
                return Result(
                    of=DeviceRole.PRINTER,
                    outcome=Outcome.OK,
                    text="La cámara leyó el código de la hoja: papel y lente están bien.",
                    figures=(("Tiempo hasta leerlo", f"{took:.1f} s"),),
                    pixels=frame.pixels,
                )
        raise CodeNotSeen

    def _try_reader(self, reader: Any, off: Event, tell: Tell) -> Result:
        figures, trouble = _empty_glass(reader, off, tell)
        asked = "Ponga un dedo sobre el vidrio."
        tell(asked, None)
        previews: list[float] = []

        def preview(pixels: Pixels) -> None:
            previews.append(time.monotonic())
            tell(asked, pixels)

        began = time.monotonic()
        image = reader.capture(timeout_s=FINGER_S, cancelled=off, on_preview=preview)
        took = time.monotonic() - began
        judged = self._quality.measure(image.pixels, image.ppi)
        quality = "sin medida" if judged.quality is None else f"{judged.quality} / 100"
        height, width = image.pixels.shape
        return _seen(
            DeviceRole.FINGERS,
            "El huellero entrega imágenes.",
            (
                ("Tiempo de captura", f"{took:.1f} s"),
                ("Tamaño", f"{width}×{height} px · {image.ppi} ppp"),
                ("Calidad NFIQ 2", quality),
                ("Vista previa", _rate(previews)),
                *figures,
            ),
            trouble,
            image.pixels,
        )

    def _try_printer(self, printer: Any, off: Event, tell: Tell) -> Result:
        tell("Sale una página de prueba.", None)
        paper = printer.status()
        code = TEST_CODE + secrets.token_hex(3).upper()
        told: Printed = printer.print_slip(page_of(printer.info, code), cancelled=off)
        self._printed = code
        words = {PaperStatus.OK: "hay papel", PaperStatus.LOW: "queda poco"}
        sure = "La impresora confirmó la página de prueba."
        doubt = "La impresora recibió la página de prueba: mire si salió completa."
        return _seen(
            DeviceRole.PRINTER,
            sure if told.confirmed else doubt,
            (
                ("Papel", words.get(paper, "no lo dice")),
                ("Confirma lo impreso", "sí" if told.confirmed else "no"),
                ("Código de la hoja", code.removeprefix(TEST_CODE)),
            ),
            None,
        )


def try_camera(role: DeviceRole, camera: Any, off: Event, tell: Tell) -> Result:
    """Twenty pictures, and what the last one shows of light, lens and colour."""
    frame: Frame = camera.read(timeout_s=3.0, cancelled=off)
    began = time.monotonic()
    for _ in range(FRAMES):
        frame = camera.read(timeout_s=3.0, cancelled=off)
        tell("La cámara toma imágenes.", frame.pixels)
    rate = FRAMES / max(1e-3, time.monotonic() - began)
    if role is DeviceRole.PORTRAIT:
        face.crop_portrait(frame.pixels)  # VIS-02: too small for the picture of a person
    seen = sensors.lens(frame.pixels)
    height, width = frame.pixels.shape[:2]
    promised = camera.info.capabilities.get("fps")
    figures = (
        ("Tamaño", f"{width}×{height} px"),
        ("Imágenes por segundo", f"{rate:.0f}" + (f" de {promised}" if promised else "")),
        *_delivered(camera),
        ("Enfoque", f"{seen.focus:.0f}"),
        ("Luz media", f"{seen.light:.0f} de 255"),
        ("Quemado · negro", f"{seen.burnt:.0%} · {seen.black:.0%}"),
        ("Tinte", f"{seen.cast:.0f} hacia {seen.colour}" if seen.colour else "no se ve"),
        *_exposure(camera),
    )
    trouble = _camera_trouble(seen, rate, promised)
    return _seen(role, "La cámara entrega imágenes.", figures, trouble, frame.pixels)


def page_of(info: DeviceInfo, code: str) -> list[SlipLine]:
    """The test page: a ruler as wide as the paper, every sign we print, and a code to read back."""
    columns = info.capabilities.get("columns")
    wide = columns if isinstance(columns, int) and 16 <= columns <= 64 else 32
    tens = "".join(f"{n:>10}" for n in range(10, wide + 1, 10))
    return [
        SlipLine(text="PRUEBA DE IMPRESORA", bold=True, centre=True),
        SlipLine(text="", rule=True),
        SlipLine(text=tens),
        SlipLine(text=("1234567890" * 7)[:wide]),
        SlipLine(text="izquierda", right="derecha"),
        SlipLine(text="áéíóú ñ Ñ ü ¿? ¡! N.º €", centre=True),
        SlipLine(text="Negrita 0O 1Il 5S 8B", bold=True),
        SlipLine(text="Doble", size=2, centre=True),
        SlipLine(text="#" * wide),
        SlipLine(text=code, qr=True, centre=True),
        SlipLine(text=code, centre=True),
        SlipLine(text="Muestre esta hoja a la cámara.", centre=True),
    ]


def _try_mrz(reader: Any, off: Event, tell: Tell) -> Result:
    tell("Pase un documento por el lector.", None)
    lines = reader.read_lines(timeout_s=FINGER_S, cancelled=off)
    return _seen(
        DeviceRole.MRZ,
        "El lector entrega las líneas del documento.",
        (("Líneas", str(len(lines))), ("Letras por línea", str(len(lines[0])))),
        None,
    )


def _try_gnss(receiver: Any, off: Event, tell: Tell) -> Result:
    tell("El GPS busca satélites; el vehículo debe estar al aire libre.", None)
    fix: Fix = receiver.read_fix(timeout_s=60.0, cancelled=off)
    doubt = "no lo dice" if fix.accuracy_m is None else f"{fix.accuracy_m:.0f} m"
    return _seen(
        DeviceRole.GNSS,
        "El GPS sabe dónde está el vehículo.",
        (("Satélites", str(fix.satellites)), ("Precisión", doubt)),
        None,
    )


def _seen(
    of: DeviceRole,
    text: str,
    figures: Figures,
    trouble: Trouble | None,
    pixels: Pixels | None = None,
) -> Result:
    """The device works; `trouble` is what keeps it from its best."""
    return Result(
        of=of,
        outcome=Outcome.WARNS if trouble else Outcome.OK,
        text=trouble.what if trouble else text,
        figures=figures,
        pixels=pixels,
        trouble=trouble,
    )


def _camera_trouble(seen: sensors.LensView, rate: float, promised: object) -> Trouble | None:
    """The first thing to mend: without light nothing else can be judged."""
    if not seen.well_lit:
        return CameraLight()
    if not seen.sharp:
        return CameraBlurred()
    if isinstance(promised, int) and rate < promised * _FEW:
        return CameraSlow()
    return None if seen.true else CameraTinted()


def _delivered(camera: Any) -> Figures:
    if getattr(camera, "delivery", None) is None:
        return ()
    told = camera.delivery()
    return (("Perdidas · dañadas", f"{told.dropped} · {told.spoilt} de {told.pictures}"),)


def _exposure(camera: Any) -> Figures:
    if not camera.info.capabilities.get("controls"):
        return ()
    return tuple(
        (
            f"Ajuste {control.name}",
            f"{control.value} (automático)" if control.automatic else control.value,
        )
        for control in camera.controls()
    )


def _empty_glass(reader: Any, off: Event, tell: Tell) -> tuple[Figures, Trouble | None]:
    """What a reader that can show its empty glass sees on it."""
    if getattr(reader, "empty_image", None) is None:
        return (), None
    tell("Nadie toque el vidrio todavía.", None)
    seen = sensors.glass(reader.empty_image(timeout_s=_EMPTY_S, cancelled=off))
    trouble: Trouble | None = None if seen.quiet else GlassNoisy()
    figures = (
        ("Ruido del vidrio vacío", f"{seen.noise:.1f}"),
        ("Desigualdad", f"{seen.uneven:.1f}"),
        ("Puntos muertos", str(seen.odd)),
    )
    return figures, trouble if seen.clean else GlassStained()


def _rate(moments: list[float]) -> str:
    if len(moments) < 2:
        return "no la da" if not moments else "1 imagen"
    return f"{(len(moments) - 1) / max(1e-3, moments[-1] - moments[0]):.0f} por segundo"
