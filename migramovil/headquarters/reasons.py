"""Why a packet was not taken or not opened, in the operators' words; the code stays beside them."""

from __future__ import annotations

import re

from migramovil.core import canonical, packet, sealing

_CODE = re.compile(r"[A-Z]{2,4}-\d+")
_OF_CODES = {
    one.code: one.what
    for one in (packet.BadPacket, sealing.BadSignature, sealing.CannotOpen, canonical.NotCanonical)
}
_OF_RECORDS = {
    "account body": "Una cuenta dice otra cosa que su firma",
    "account chain": "La cuenta de quien firmó no llega hasta la sede",
    "account place": "La cuenta de quien firmó es de otra estación",
    "another packet": "Es el paquete de otro registro",
    "approval": "Firmó otra cuenta que la indicada",
    "approval binding": "Una firma es de otro registro",
    "approval recipients": "Una firma nombra llaves que no son de la sede",
    "approval role": "Firmó alguien a quien su función no se lo permite",
    "exception approval": "Una excepción de dedo no tiene su aprobación",
    "finger list": "La lista de dedos no se entiende",
    "finish approval": "Falta la firma de quien terminó, o son varias",
    "four eyes": "La misma persona declaró y aprobó una excepción",
    "object hash": "Una imagen no es la que el registro describe",
    "object list": "La lista de imágenes no se entiende",
    "object names": "Un nombre de imagen no es válido",
    "objects listed": "Sobra o falta una imagen",
    "packet damaged": "El paquete está dañado en la sede",
    "packet lost": "El paquete no está en la sede",
    "record format": "El registro tiene un formato que no se conoce",
    "recovery not released": "La cuenta vuelve de una recuperación que nadie autorizó",
    "supersedes": "El registro corrige otro que su cabecera no nombra",
}
_OF_PACKETS = {
    "part": "Llegó una parte distinta de la anunciada",
    "object": "Un objeto no es el de su cabecera",
    "signature": "La firma no es de su estación",
    "digest": "El contenido no es el anunciado",
    "length": "El tamaño no es el anunciado",
}


def in_words(reason: str) -> str:
    """A refusal's reason in a sentence; what an operator wrote stays as it is."""
    code, _, detail = reason.partition(" ")
    if not _CODE.fullmatch(code):
        return _OF_PACKETS.get(code, reason)
    said = _OF_RECORDS.get(detail) or _OF_CODES.get(code) or detail
    return f"{said.rstrip('.')} ({code})" if said else code
