"""What the day's pages share: the hook for news, and the words for states, roles and sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from migramovil.core.downstream import Kind
from migramovil.core.enrollment import Step
from migramovil.core.queue import Counts
from migramovil.core.record import RecordState
from migramovil.core.roles import Role
from migramovil.core.trouble import Trouble, Who
from migramovil.devices.ports import DeviceRole, DeviceState
from migramovil.services.checks import NAMES
from migramovil.ui.kit.page import Page
from migramovil.ui.kit.shell import Light
from migramovil.ui.kit.states import State

if TYPE_CHECKING:
    from migramovil.services.clock import Skew
    from migramovil.sync.machine import Status

_WEEK = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")
_YEAR = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre",
    "octubre", "noviembre", "diciembre",
)  # fmt: skip
ROLES: Mapping[str, str] = {
    Role.OFFICER: "Oficial", Role.SUPERVISOR: "Supervisión", Role.TECHNICIAN: "Técnico",
}  # fmt: skip
STEP_NAMES: Mapping[Step, str] = {
    Step.PROCEDURE: "Trámite", Step.IDENTITY: "Identidad", Step.PERSON: "Datos",
    Step.PORTRAIT: "Fotografía", Step.FINGERS: "Huellas", Step.CONSENT: "Aviso",
    Step.REVIEW: "Revisión",
}  # fmt: skip
STATES: Mapping[str, tuple[str, State, str]] = {
    RecordState.SEALED: ("Por enviar", "idle", "hourglass"),
    RecordState.STORED: ("Recibido", "info", "cloud-check-bold"),
    RecordState.OPENED: ("Confirmado", "ok", ""),
    RecordState.REFUSED: ("Rechazado", "bad", ""),
}
"""A record's state as words, sign and icon."""
_DEVICE_ICONS: Mapping[DeviceRole, str] = {
    DeviceRole.PORTRAIT: "camera",
    DeviceRole.DOCUMENT: "camera",
    DeviceRole.APPLICANT: "camera",
    DeviceRole.FINGERS: "fingerprint",
    DeviceRole.PRINTER: "printer",
    DeviceRole.MRZ: "identification-card",
    DeviceRole.GNSS: "map-pin",
}
DEVICES: Mapping[DeviceRole, tuple[str, str]] = {
    role: (NAMES[role], icon) for role, icon in _DEVICE_ICONS.items()
}
"""What a device is called, and its icon."""
DAILY = (DeviceRole.PORTRAIT, DeviceRole.FINGERS, DeviceRole.PRINTER, DeviceRole.MRZ)
"""What an enrollment may need; the others serve the vehicle, and diagnostics shows them."""
DEVICE_STATES: Mapping[DeviceState, tuple[str, State]] = {
    DeviceState.READY: ("Listo", "ok"),
    DeviceState.BUSY: ("En uso", "now"),
    DeviceState.ABSENT: ("No está", "idle"),
    DeviceState.FAULTED: ("Con falla", "bad"),
}


LIST_NAMES: Mapping[Kind, str] = {
    Kind.PROCEDURES: "Trámites, requisitos y tasas",
    Kind.COUNTRIES: "Países",
    Kind.UBIGEO: "Distritos (ubigeo)",
    Kind.NOTICES: "Avisos de privacidad",
    Kind.SETTINGS: "Ajustes de la estación",
    Kind.ACCOUNTS: "Personas y anulaciones",
    Kind.APPOINTMENTS: "Citas",
    Kind.CARDS: "Carnés por entregar",
    Kind.DECISIONS: "Decisiones sobre registros",
}
"""What headquarters sends down, as it is called here."""


class DayPage(Page):
    """A page that shows what changes by itself; the window calls these while it is in sight."""

    def news(self) -> None:
        """The link, the line or a device changed."""

    def tick(self) -> None:
        """A second passed."""


LINK_TROUBLES: Mapping[str, str] = {
    "SYN-01": "Sin conexión",
    "SYN-02": "Estación sin alta",
    "SYN-03": "Registro no aceptado",
    "SYN-04": "Registro apartado",
    "SYN-05": "Acuse sin comprobar",
    "SYN-06": "Otra sede",
    "SYN-07": "Envío detenido",
    "SYN-08": "Registro apartado",
    "SYN-09": "Sede ocupada",
    "SYN-10": "Red con portal o ajena",
    "SYN-11": "Certificado vencido",
    "SYN-12": "Envío detenido",
    "SYN-14": "Sede sin espacio",
    "SYN-15": "Portal de red",
    "SYN-16": "Límite de datos",
    "SYN-17": "Imágenes en espera",
}
"""What keeps records from headquarters, in the two or three words the header has room for."""
WHO: Mapping[Who, str] = {
    Who.NOBODY: "No hay que hacer nada",
    Who.OFFICER: "Lo resuelve usted",
    Who.SUPERVISOR: "Lo resuelve supervisión",
    Who.TECHNICIAN: "Lo resuelve el técnico",
    Who.HEADQUARTERS: "Lo resuelve sede central",
}
_STILL_S = 30.0


def link_words(status: Status | None, counts: Counts) -> tuple[str, Light, str]:
    """How the line to headquarters stands: words, light, icon. Offline is normal, not a fault."""
    left = f"{counts.sealed:,} por enviar"
    if status is None or status.kind in {"offline", "halted"} or _stands(status):
        trouble = status.trouble if status is not None else None
        halted = status is not None and status.kind == "halted"
        calm = "Envío detenido" if halted else "Sin conexión"
        what = calm if trouble is None or halted else trouble_words(trouble)
        words = f"{what} · {left}" if counts.sealed else what
        return (words, *_light(status, trouble))
    if status.kind == "sending":
        words = f"Enviando {status.sending_index:,}/{status.sending_total:,}"
        return words, "ok", "arrows-clockwise-bold"
    if counts.sealed:
        return left[0].upper() + left[1:], "warn", "cloud-arrow-up"
    if counts.stored:
        return f"{counts.stored:,} por confirmar", "plain", "cloud-check-bold"
    return "Al día", "ok", "cloud-check-bold"


def _stands(status: Status) -> bool:
    """Whether something other than its turn keeps a record here."""
    return status.kind == "waiting" and status.trouble is not None


def _light(status: Status | None, trouble: Trouble | None) -> tuple[Light, str]:
    if status is not None and status.kind == "halted":
        return "bad", "warning-octagon-fill"
    if trouble is None or trouble.code == "SYN-01":
        return "warn", "wifi-slash-bold"
    return "warn", "cloud-arrow-up" if trouble.who is Who.NOBODY else "warning-bold"


def trouble_words(trouble: Trouble) -> str:
    """A trouble of the link in two or three words; the code of one nobody foresaw here."""
    return LINK_TROUBLES.get(trouble.code, f"Envío con falla {trouble.code}")


def link_why(status: Status | None, next_try_s: float | None) -> str:
    """Why nothing moves and when it is tried again, in a sentence or two."""
    if status is None:
        return "La estación todavía no intentó conectarse."
    trouble: Trouble | None = status.trouble
    words = [f"{trouble.what.rstrip('.')} ({trouble.code})."] if trouble else []
    if next_try_s is not None:
        words.append(f"Próximo intento {_soon(next_try_s)}.")
    return " ".join(words)


def link_short(status: Status | None, next_try_s: float | None) -> str:
    """The same where there is room for a few words; "" while nothing is wrong."""
    trouble = status.trouble if status is not None else None
    if trouble is None:
        return ""
    soon = f" · intento {_soon(next_try_s)}" if next_try_s is not None else ""
    return f"{trouble_words(trouble)} ({trouble.code}){soon}"


def link_advice(trouble: Trouble, next_try_s: float | None) -> str:
    """What to do about it, who can, and when the station tries again by itself."""
    soon = f" Próximo intento {_soon(next_try_s)}." if next_try_s is not None else ""
    return f"{trouble.advice} {WHO[trouble.who]}. Código: {trouble.code}.{soon}"


def link_alarm(status: Status | None) -> Trouble | None:
    """What somebody should do something about; None where waiting is all there is to do."""
    trouble = status.trouble if status is not None else None
    return None if trouble is None or trouble.who is Who.NOBODY else trouble


def still_words(status: Status | None, still_s: float) -> str:
    """That a record under way has not moved for a while; "" while it does."""
    if status is None or status.kind != "sending" or still_s < _STILL_S:
        return ""
    return f"Sin avance desde hace {pause_words(still_s)}."


def pause_words(seconds: float) -> str:
    """«40 s», «5 min»: how long a pause is, rounded as people say it."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _soon(seconds: float) -> str:
    return f"en {pause_words(seconds)}" if seconds >= 0.5 else "ahora"


def estimate_words(seconds: float) -> str:
    """«unos 40 min», «unas 3 h»: no finer than an estimate is, and rather too long."""
    minutes = math.ceil(seconds / 60)
    if minutes <= 1:
        return "1 min o menos"
    if minutes <= 50:
        return f"unos {minutes if minutes <= 10 else math.ceil(minutes / 5) * 5} min"
    hours = max(1, math.ceil(minutes / 60 - 0.25))
    if hours > 30 * 24:
        return "más de 30 días"
    if hours > 48:
        return f"unos {math.ceil(hours / 24)} días"
    return "cerca de 1 h" if hours == 1 else f"unas {hours} h"


def offline(status: Status | None) -> bool:
    """Whether headquarters cannot be reached right now, as far as the station knows."""
    return status is None or status.kind == "offline"


def skew_words(skew: Skew) -> tuple[str, str]:
    """A laptop's clock that is wrong, and what to do; it never keeps anybody from working."""
    way = "adelantado" if skew.ahead else "atrasado"
    if skew.trusted:
        return (
            f"El reloj de la laptop está {way} {span_words(skew.by)}",
            "La estación usa la hora firmada por sede central. Avise al técnico.",
        )
    least = "al menos " if not skew.ahead else ""
    return (
        f"El reloj de la laptop está {way} {least}{span_words(skew.by)}",
        "Siga trabajando: cada registro lo anota y conserva su orden. Corrija la hora o conéctese.",
    )


def span_words(span: timedelta) -> str:
    """«2 h», «3 días», «1 año»: how long, rounded down as people say it."""
    days = span.days
    if days >= 365:
        return "1 año" if days < 730 else f"{days // 365} años"
    if days:
        return "1 día" if days == 1 else f"{days} días"
    minutes = int(span.total_seconds()) // 60
    return f"{minutes // 60} h" if minutes >= 60 else f"{minutes} min"


def size_words(size: int) -> str:
    """Bytes as people read them: 51.5 GB, 2.3 MB, 840 kB."""
    if size >= 1e9:
        return f"{size / 1e9:,.1f} GB"
    if size >= 100_000:
        return f"{size / 1_000_000:,.1f} MB"
    return f"{size / 1000:,.0f} kB"


def date_words(day: datetime) -> str:
    """«lunes 23 de noviembre»; the machine's own locale is not relied on."""
    return f"{_WEEK[day.weekday()]} {day.day} de {_YEAR[day.month - 1]}"


def hour_of(utc: str, zone: tzinfo | None) -> str:
    """HH:MM in `zone` of an instant «yyyy-mm-ddThh:mm:ssZ»."""
    return _local(utc, zone).strftime("%H:%M")


def moment_of(utc: str, zone: tzinfo | None) -> str:
    """HH:MM:SS in `zone` of an instant «yyyy-mm-ddThh:mm:ssZ»."""
    return _local(utc, zone).strftime("%H:%M:%S")


def day_of(utc: str, zone: tzinfo | None) -> str:
    """dd/mm in `zone` of an instant «yyyy-mm-ddThh:mm:ssZ»."""
    return _local(utc, zone).strftime("%d/%m")


def date_of(utc: str, zone: tzinfo | None) -> str:
    """dd/mm/yyyy in `zone` of an instant in UTC."""
    return _local(utc, zone).strftime("%d/%m/%Y")


def steps_of(trouble: Trouble) -> list[str]:
    """The advice of a trouble as separate orders."""
    orders = trouble.advice.replace("; luego ", ". ").replace("; ", ". ").split(". ")
    return [order[:1].upper() + order[1:].rstrip(".") for order in orders if order.strip()]


def _local(utc: str, zone: tzinfo | None) -> datetime:
    return datetime.fromisoformat(utc.replace("Z", "+00:00")).replace(tzinfo=UTC).astimezone(zone)
