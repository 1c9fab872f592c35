"""Every expected failure of a device: the vendor's words end here, the station's begin."""

from __future__ import annotations

from migramovil.core.trouble import Trouble, Who


class DeviceTrouble(Trouble):
    """A device could not do what it was asked; the device itself is still usable."""

    code = "DEV-00"
    what = "El dispositivo no pudo completar la acción."
    advice = "Repita la acción. Si vuelve a pasar, avise al técnico con este código."
    who = Who.OFFICER


class Unplugged(DeviceTrouble):
    """The device is gone: its slot becomes ABSENT and looks for it again at the next use."""

    code = "DEV-01"
    what = "El dispositivo dejó de responder: parece desconectado."
    advice = "Revise el cable y vuelva a conectarlo; luego repita la acción."


class TimedOut(DeviceTrouble):
    code = "DEV-02"
    what = "El dispositivo tardó más de lo esperado."
    advice = "Espere unos segundos y repita la acción."


class Cancelled(DeviceTrouble):
    code = "DEV-03"
    what = "La acción se canceló."
    advice = "Puede empezar de nuevo cuando quiera."


class NotInstalled(DeviceTrouble):
    code = "DEV-04"
    what = "Falta instalar el programa que maneja este dispositivo."
    advice = "Avise al técnico: debe completar la instalación de la estación."
    who = Who.TECHNICIAN


class NoDevice(DeviceTrouble):
    code = "DEV-05"
    what = "No hay ningún dispositivo de este tipo conectado."
    advice = "Conecte el dispositivo y repita la acción."


class NotAllowed(DeviceTrouble):
    code = "DEV-06"
    what = "La estación no tiene permiso para usar este dispositivo."
    advice = "Avise al técnico: falta la regla de acceso (udev) del dispositivo."
    who = Who.TECHNICIAN


class DeviceBusy(DeviceTrouble):
    code = "DEV-07"
    what = "Otro programa está usando este dispositivo."
    advice = "Cierre el otro programa y repita la acción."


class DriverCrashed(DeviceTrouble):
    """A driver raised something nobody expected; the slot is FAULTED until its next use."""

    code = "DEV-09"
    what = "El programa que maneja el dispositivo se detuvo."
    advice = (
        "Lo ya guardado sigue a salvo. Repita la acción; si vuelve a pasar, "
        "avise al técnico con este código."
    )
    who = Who.TECHNICIAN


class NoFinger(DeviceTrouble):
    code = "FPR-01"
    what = "No se sintió ningún dedo a tiempo."
    advice = "Coloque el dedo plano sobre el vidrio y repita la captura."


class ImageUnreadable(DeviceTrouble):
    code = "FPR-02"
    what = "La imagen de la huella llegó incompleta o ilegible."
    advice = "Limpie el vidrio, retire el dedo y repita la captura."


class ReaderFault(DeviceTrouble):
    code = "FPR-03"
    what = "El huellero no pudo encender su sensor."
    advice = "Desconecte el huellero, espere cinco segundos y vuelva a conectarlo."


class NotForEnrolment(DeviceTrouble):
    """A reader of verification grade was asked for the prints of an enrolment."""

    code = "FPR-04"
    what = "Este huellero solo sirve para verificar a una persona, no para enrolarla."
    advice = "Conecte el huellero de enrolamiento y repita la captura."


class ReaderLocked(DeviceTrouble):
    code = "FPR-05"
    what = "El huellero está protegido con una clave que la estación no conoce."
    advice = "Avise al técnico: debe quitar la clave del huellero o cambiar el huellero."
    who = Who.TECHNICIAN


class FingerTooFaint(DeviceTrouble):
    code = "FPR-06"
    what = "La huella salió demasiado tenue: el dedo está seco o apenas tocó el vidrio."
    advice = "Humedezca un poco la yema, presione con firmeza y repita la captura."


class NoPicture(DeviceTrouble):
    code = "CAM-01"
    what = "La cámara no entregó ninguna imagen a tiempo."
    advice = "Revise que nada tape la cámara y repita la acción."


class CameraWillNotOpen(DeviceTrouble):
    code = "CAM-02"
    what = "La cámara está conectada, pero no se deja abrir."
    advice = "Cierre otros programas que usen la cámara, o vuelva a conectarla."


class PrinterUnreachable(Unplugged):
    code = "PRN-01"
    what = "La impresora no responde."
    advice = "Revise que esté encendida y conectada; luego repita la impresión."


class PaperOut(DeviceTrouble):
    code = "PRN-02"
    what = "La impresora se quedó sin papel."
    advice = "Coloque un rollo nuevo, cierre la tapa y repita la impresión."


class CoverOpen(DeviceTrouble):
    code = "PRN-03"
    what = "La tapa de la impresora está abierta."
    advice = "Cierre la tapa hasta que haga clic y repita la impresión."


class PrinterOffline(DeviceTrouble):
    code = "PRN-04"
    what = "La impresora responde, pero no está lista para imprimir."
    advice = "Apague la impresora, enciéndala de nuevo y repita la impresión."


class PrintUnconfirmed(DeviceTrouble):
    code = "PRN-05"
    what = "La impresora no confirmó que terminó de imprimir."
    advice = "Mire si el papel salió completo; si no, repita la impresión."


class NoDocumentRead(DeviceTrouble):
    code = "MRZ-01"
    what = "El lector no leyó ningún documento a tiempo."
    advice = "Pase el documento otra vez, con las líneas de letras hacia el lector."
