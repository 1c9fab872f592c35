"""What the eyes cannot do, and who can act on it."""

from __future__ import annotations

from migramovil.core.trouble import Trouble, Who


class VisionTrouble(Trouble):
    """Something kept a picture from being judged."""


class QualityUnavailable(VisionTrouble):
    """The judge of fingerprint quality died, hung or is not installed."""

    code = "VIS-01"
    what = "No se pudo medir la calidad de esta huella."
    advice = (
        "La imagen está a salvo. Tome la huella otra vez; si se repite, avise al técnico con este "
        "código."
    )
    who = Who.TECHNICIAN


class PortraitTooSmall(VisionTrouble):
    """The camera's picture holds no portrait of 600×800 pixels."""

    code = "VIS-02"
    what = "La cámara entrega una imagen demasiado pequeña para la fotografía."
    advice = "Cambie de cámara con F6 o avise al técnico: se necesitan al menos 600×800 píxeles."
    who = Who.TECHNICIAN


class UnreadablePicture(VisionTrouble):
    """Bytes that should be a picture are not one."""

    code = "VIS-03"
    what = "Una imagen guardada no se puede leer."
    advice = "Tome la imagen otra vez. Si se repite, avise al técnico con este código."
    who = Who.TECHNICIAN
