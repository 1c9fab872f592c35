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


class DriverHung(DriverCrashed):
    """A driver did not come back when its time was over; it was ended and the next use is fresh."""

    code = "DEV-10"
    what = "El dispositivo dejó de contestar y se reinició el programa que lo maneja."
    advice = (
        "Lo guardado sigue a salvo. Repita la acción; si vuelve a pasar, desconecte el "
        "dispositivo y conéctelo otra vez."
    )
    who = Who.OFFICER


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


class FingerMoved(DeviceTrouble):
    """The reader took a picture and threw it away: too short, too fast, not in the middle."""

    code = "FPR-20"
    what = "El dedo se movió, quedó de lado o se retiró antes de tiempo."
    advice = "Coloque el dedo en el centro, sin moverlo, y repita la captura."


class WrongFingers(DeviceTrouble):
    """Not the fingers that were asked for: fewer, more, or others. None of them is taken."""

    code = "FPR-21"
    what = "El huellero no entregó los dedos que se pidieron."
    advice = "Coloque juntos todos los dedos que se piden; declare antes los que faltan."


class ReaderNotReady(DeviceTrouble):
    code = "FPR-22"
    what = "El servicio del huellero dice que el huellero no está listo."
    advice = "Revise que esté conectado y encendido, espere unos segundos y repita la captura."


class PictureFormatUnknown(DeviceTrouble):
    code = "FPR-23"
    what = "El huellero entregó la imagen en un formato que la estación no lee."
    advice = "Avise al técnico: el servicio debe entregar JPEG 2000 sin pérdida, no WSQ."
    who = Who.TECHNICIAN


class ReaderIncompatible(DeviceTrouble):
    code = "FPR-24"
    what = "La biblioteca del fabricante no es para este modelo de huellero."
    advice = "Avise al técnico: debe instalar la versión que corresponde al modelo."
    who = Who.TECHNICIAN


class ServiceUnreadable(DeviceTrouble):
    """An SBI answer too large, too deep, cut short, or that does not say what it must."""

    code = "FPR-30"
    what = "El servicio del huellero respondió algo que no se entiende."
    advice = "Reinicie el servicio del huellero. Si vuelve a pasar, avise al técnico."
    who = Who.TECHNICIAN


class ServiceRefused(DeviceTrouble):
    """The detail is the number the service gave."""

    code = "FPR-31"
    what = "El servicio del huellero no aceptó el pedido."
    advice = "Avise al técnico con el número que da el servicio; está en el detalle."
    who = Who.TECHNICIAN


class ReaderNotRegistered(DeviceTrouble):
    code = "FPR-32"
    what = "El huellero no está registrado por su proveedor, o su registro venció."
    advice = "Avise al técnico: el proveedor debe registrar el huellero otra vez."
    who = Who.TECHNICIAN


class ReaderTampered(DeviceTrouble):
    code = "FPR-33"
    what = "El huellero dice que alguien lo abrió o lo manipuló."
    advice = "No lo use más. Sepárelo, avise al supervisor y use otro huellero."
    who = Who.SUPERVISOR


class NoTrustRoot(DeviceTrouble):
    code = "FPR-34"
    what = "La estación no tiene el certificado raíz para comprobar el huellero."
    advice = "Avise al técnico: falta sbi_roots en station.toml, o no se puede leer."
    who = Who.TECHNICIAN


class SignatureWrong(DeviceTrouble):
    code = "FPR-35"
    what = "La firma del huellero no es válida: la captura no se acepta."
    advice = "Repita la captura. Si vuelve a pasar, deje de usar este huellero y avise al técnico."
    who = Who.TECHNICIAN


class SignerUntrusted(DeviceTrouble):
    code = "FPR-36"
    what = "El certificado del huellero no viene de una autoridad conocida."
    advice = "Avise al técnico: debe instalar la raíz del proveedor o retirar el huellero."
    who = Who.TECHNICIAN


class CertificateExpired(DeviceTrouble):
    code = "FPR-37"
    what = "El certificado del huellero está vencido, o aún no rige."
    advice = "Revise la fecha del equipo. Si es correcta, el proveedor debe renovar el certificado."
    who = Who.TECHNICIAN


class CaptureReplayed(DeviceTrouble):
    """The answer belongs to another request: another transaction, or another moment."""

    code = "FPR-38"
    what = "La respuesta del huellero es de otra captura, no de esta."
    advice = "Repita la captura. Si vuelve a pasar, deje de usar este huellero y avise al técnico."
    who = Who.TECHNICIAN


class ReaderClockWrong(DeviceTrouble):
    code = "FPR-39"
    what = "La hora del huellero no coincide con la de la estación."
    advice = "Revise la fecha y la hora del equipo y reinicie el servicio del huellero."
    who = Who.TECHNICIAN


class HashChainBroken(DeviceTrouble):
    code = "FPR-40"
    what = "Las capturas del huellero no forman una cadena: falta una o sobra una."
    advice = "Repita la captura. Si vuelve a pasar, deje de usar este huellero y avise al técnico."
    who = Who.TECHNICIAN


class WrongEnvironment(DeviceTrouble):
    """A reader of tests, or for another purpose, where one of production is meant; or back."""

    code = "FPR-41"
    what = "El huellero está preparado para otro ambiente u otro uso, no para enrolar aquí."
    advice = "Avise al técnico: env y purpose del servicio no son los de station.toml."
    who = Who.TECHNICIAN


class OtherReader(DeviceTrouble):
    code = "FPR-42"
    what = "Respondió un huellero distinto del que se abrió."
    advice = "Deje conectado un solo huellero y repita la captura."


class NoPicture(DeviceTrouble):
    code = "CAM-01"
    what = "La cámara no entregó ninguna imagen a tiempo."
    advice = "Revise que nada tape la cámara y repita la acción."


class CameraWillNotOpen(DeviceTrouble):
    code = "CAM-02"
    what = "La cámara está conectada, pero no se deja abrir."
    advice = "Cierre otros programas que usen la cámara, o vuelva a conectarla."


class FrozenPicture(DeviceTrouble):
    code = "CAM-03"
    what = "La cámara repite la misma imagen: está detenida."
    advice = "Desconecte la cámara, espere cinco segundos y vuelva a conectarla."


class DarkPicture(DeviceTrouble):
    code = "CAM-04"
    what = "La cámara entrega una imagen negra."
    advice = "Quite la tapa o lo que cubra el lente, encienda una luz y repita la acción."


class GarbledPicture(DeviceTrouble):
    code = "CAM-05"
    what = "Las imágenes de la cámara llegan dañadas."
    advice = "Conecte la cámara a un puerto del equipo, sin concentrador, o cambie el cable."


class CameraMounted(DeviceBusy):
    """A desktop mounts still cameras by itself (gvfs on Linux), and then nobody else may."""

    code = "CAM-06"
    what = "El explorador de archivos se quedó con la cámara de fotos."
    advice = "Expulse la cámara en el explorador de archivos y repita la acción."


class BatteryLow(DeviceTrouble):
    code = "CAM-07"
    what = "La batería de la cámara está casi vacía."
    advice = "Cambie la batería o conecte el adaptador de corriente y repita la acción."


class NotShot(DeviceTrouble):
    """Most still cameras refuse to release the shutter while they cannot focus."""

    code = "CAM-08"
    what = "La cámara no pudo enfocar o disparar."
    advice = "Apunte al rostro con más luz, espere a que enfoque y repita la toma."


class SettingRefused(DeviceTrouble):
    code = "CAM-09"
    what = "La cámara no acepta ese ajuste."
    advice = "Déjelo en automático, o ajústelo en la cámara misma."


class CardFull(DeviceTrouble):
    code = "CAM-10"
    what = "La memoria de la cámara está llena."
    advice = "Retire la tarjeta o libere espacio en ella y repita la toma."


class PrinterUnreachable(Unplugged):
    code = "PRN-01"
    what = "La impresora no responde."
    advice = "Revise que esté encendida y conectada; luego repita la impresión."


class PaperOut(DeviceTrouble):
    code = "PRN-02"
    what = "La impresora se quedó sin papel."
    advice = "Coloque papel, cierre la tapa y repita la impresión."


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


class PaperEndedMidway(PaperOut):
    """The rest of the slip is forgotten by the printer: the next one comes out whole."""

    code = "PRN-06"
    what = "El papel se acabó a mitad del comprobante."
    advice = "Rompa el trozo que salió, coloque un rollo nuevo y repita la impresión: sale entera."


class CutterJammed(DeviceTrouble):
    code = "PRN-07"
    what = "El cortador de la impresora está trabado."
    advice = "Apague la impresora, retire el papel atascado, enciéndala y repita la impresión."


class HeadTooHot(DeviceTrouble):
    code = "PRN-08"
    what = "La impresora se detuvo porque está demasiado caliente."
    advice = "Espere un minuto y repita la impresión."


class PrinterGarbled(DeviceTrouble):
    code = "PRN-09"
    what = "La impresora envía respuestas que no se entienden."
    advice = "Apáguela y enciéndala. Si sigue igual, el técnico debe revisar su conexión."
    who = Who.TECHNICIAN


class PrinterBroken(DeviceTrouble):
    code = "PRN-10"
    what = "La impresora avisa de una avería propia."
    advice = "Apáguela y enciéndala. Si sigue igual, avise al técnico con este código."
    who = Who.TECHNICIAN


class PrintCancelled(DeviceTrouble):
    code = "PRN-11"
    what = "El comprobante se canceló en la impresora o en su cola."
    advice = "Si lo necesita, repita la impresión."


class PrintRefused(DeviceTrouble):
    code = "PRN-12"
    what = "La impresora o su cola no aceptó el comprobante."
    advice = "Avise al técnico: debe revisar la cola de impresión con este código."
    who = Who.TECHNICIAN


class PrinterNotTrusted(DeviceTrouble):
    code = "PRN-13"
    what = "La impresora se presentó con un certificado que la estación no conoce."
    advice = "No se envió nada. El técnico debe anotar la huella del certificado en los ajustes."
    who = Who.TECHNICIAN


class PaperJammed(DeviceTrouble):
    code = "PRN-14"
    what = "El papel está atascado en la impresora."
    advice = "Abra la impresora, retire el papel atascado y repita la impresión."


class InkOut(DeviceTrouble):
    code = "PRN-15"
    what = "A la impresora se le acabó la tinta o el tóner."
    advice = "Cambie el cartucho y repita la impresión."


class StillQueued(DeviceTrouble):
    """The printer took a slip, and could then not be told to forget it."""

    code = "PRN-16"
    what = "No se sabe si el comprobante saldrá: quedó en la cola de la impresora."
    advice = "Si sale más tarde, rómpalo o entréguelo a su titular. Puede repetir la impresión."


class PrinterSilent(DeviceTrouble):
    """A printer that answered before says nothing any more; no slip was sent to it."""

    code = "PRN-17"
    what = "La impresora dejó de contestar."
    advice = "Apáguela, espere cinco segundos, enciéndala y repita la impresión."


class NoDocumentRead(DeviceTrouble):
    code = "MRZ-01"
    what = "El lector no leyó ningún documento a tiempo."
    advice = "Pase el documento otra vez, con las líneas de letras hacia el lector."


class NoCodeRead(DeviceTrouble):
    code = "MRZ-02"
    what = "El lector no leyó ningún código a tiempo."
    advice = "Acerque el código al lector, con la pantalla o el papel sin brillos, y repita."


class ReaderGibberish(DeviceTrouble):
    code = "MRZ-03"
    what = "El lector envía letras que no se entienden."
    advice = "Avise al técnico: la velocidad o el protocolo del lector no son los de la estación."
    who = Who.TECHNICIAN


class WedgeLayout(DeviceTrouble):
    """A wedge that presses the keys of another keyboard: its letters arrive as others."""

    code = "MRZ-04"
    what = "El lector de mano escribe con otro teclado y sus letras llegan cambiadas."
    advice = "Escriba las líneas a mano. El técnico debe poner el lector en el teclado del equipo."
    who = Who.TECHNICIAN


class NoFix(DeviceTrouble):
    code = "GNS-01"
    what = "El receptor satelital todavía no sabe dónde está."
    advice = "Puede seguir trabajando. Saque la antena a cielo abierto y espere unos minutos."


class NotNmea(DeviceTrouble):
    code = "GNS-02"
    what = "El receptor satelital envía datos que no se entienden."
    advice = "Puede seguir trabajando. Avise al técnico: debe hablar NMEA 0183."
    who = Who.TECHNICIAN


# What belongs to the person, the document or the moment: no fault of the device.
EVERYDAY = (
    Cancelled,
    NoDevice,
    NoFinger,
    ImageUnreadable,
    FingerTooFaint,
    FingerMoved,
    WrongFingers,
    NotForEnrolment,
    DarkPicture,
    PrintCancelled,
    NoDocumentRead,
    NoCodeRead,
    NoFix,
)
