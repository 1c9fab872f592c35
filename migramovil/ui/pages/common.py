"""What the day's pages share: the hook for news, and the words for states, roles and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from migramovil.core.enrollment import Step
from migramovil.core.queue import Counts
from migramovil.core.record import RecordState
from migramovil.core.roles import Role
from migramovil.core.trouble import Trouble
from migramovil.devices.ports import DeviceKind, DeviceState
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
DEVICES: Mapping[DeviceKind, tuple[str, str]] = {
    DeviceKind.CAMERA: ("Cámara", "camera"),
    DeviceKind.FINGERPRINT: ("Huellero", "fingerprint"),
    DeviceKind.PRINTER: ("Impresora", "printer"),
    DeviceKind.MRZ: ("Lector de documentos", "identification-card"),
    DeviceKind.GNSS: ("GPS del vehículo", "map-pin"),
}
DAILY = (DeviceKind.CAMERA, DeviceKind.FINGERPRINT, DeviceKind.PRINTER, DeviceKind.MRZ)
"""What an enrollment may need; the others serve the vehicle, and diagnostics shows them."""
DEVICE_STATES: Mapping[DeviceState, tuple[str, State]] = {
    DeviceState.READY: ("Listo", "ok"),
    DeviceState.BUSY: ("En uso", "now"),
    DeviceState.ABSENT: ("No está", "idle"),
    DeviceState.FAULTED: ("Con falla", "bad"),
}


class DayPage(Page):
    """A page that shows what changes by itself; the window calls these while it is in sight."""

    def news(self) -> None:
        """The link, the line or a device changed."""

    def tick(self) -> None:
        """A second passed."""


LINK_TROUBLES: Mapping[str, str] = {
    "SYN-02": "Estación sin alta",
    "SYN-06": "Otra sede",
    "SYN-09": "Sede ocupada",
    "SYN-10": "Red con portal o ajena",
    "SYN-11": "Certificado vencido",
    "SYN-14": "Sede sin espacio",
}
"""What keeps the station from headquarters, in the two or three words the header has room for."""


def link_words(status: Status | None, counts: Counts) -> tuple[str, Light, str]:
    """How the line to headquarters stands: words, light, icon. Offline is normal, not a fault."""
    left = f"{counts.sealed} por enviar"
    named = LINK_TROUBLES.get(status.trouble.code, "") if status and status.trouble else ""
    if status is None or status.kind == "offline" or (named and status.kind == "waiting"):
        what = named or "Sin conexión"
        words = f"{what} · {left}" if counts.sealed else what
        return words, "warn", "warning-bold" if named else "wifi-slash-bold"
    if status.kind == "sending":
        words = f"Enviando {status.sending_index}/{status.sending_total}"
        return words, "ok", "arrows-clockwise-bold"
    if status.kind == "halted":
        return f"Envío detenido · {left}", "bad", "warning-octagon-fill"
    if counts.sealed:
        return left[0].upper() + left[1:], "warn", "cloud-arrow-up"
    if counts.stored:
        return f"{counts.stored} por confirmar", "plain", "cloud-check-bold"
    return "Al día", "ok", "cloud-check-bold"


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
    """Bytes as people read them: 2.3 MB, 840 kB."""
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
