"""What can go wrong with the disk."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import sqlcipher3.dbapi2 as sqlcipher
from sqlalchemy import exc

from migramovil.core.trouble import Trouble, Who


class DiskFull(Trouble):
    code = "STO-01"
    what = "El disco de la estación está lleno."
    advice = "Lo anterior sigue guardado. Envíe lo pendiente y avise al técnico antes de continuar."


class Damaged(Trouble):
    code = "STO-02"
    what = "Una parte de lo guardado en esta estación está dañada o falta."
    advice = "No siga inscribiendo en esta estación. Avise al técnico con este código."


class InUse(Trouble):
    code = "STO-03"
    what = "Otro programa está usando los datos de esta estación."
    advice = "Cierre la otra ventana de la estación y vuelva a abrir esta."
    who = Who.OFFICER


class VaultLocked(Trouble):
    code = "STO-04"
    what = "La bóveda de la estación no se abre con esta llave."
    advice = "Nada se perdió. Vuelva a entrar con su contraseña; si se repite, avise al técnico."


class FromTheFuture(Trouble):
    code = "STO-05"
    what = "Los datos de esta estación los guardó una versión más nueva del programa."
    advice = "Nada se cambió. Instale la versión más reciente del programa."


class Busy(Trouble):
    code = "STO-06"
    what = "El disco de la estación no respondió a tiempo."
    advice = "No se guardó el último cambio. Espere un momento y repita la acción."
    who = Who.OFFICER


class DraftGone(Trouble):
    code = "STO-07"
    what = "Ese trámite ya no está abierto en esta estación."
    advice = "Búsquelo en Envíos: puede estar terminado. Si no aparece, avise al técnico."
    who = Who.OFFICER


class Closed(Trouble):
    code = "STO-11"
    what = "La estación se bloqueó y lo guardado está cerrado."
    advice = "Nada se perdió. Entre otra vez y repita la acción."
    who = Who.OFFICER


class OutOfLine(Trouble):
    code = "STO-09"
    what = "El número de orden de este registro ya no es el que sigue."
    advice = "El trámite sigue guardado. Vuelva a terminarlo."
    who = Who.OFFICER


class CannotWrite(Trouble):
    code = "STO-10"
    what = "La estación no puede leer o escribir en su disco."
    advice = "No se guardó el último cambio. Avise al técnico con este código."


class NeedsNewEpoch(Trouble):
    code = "STO-21"
    what = "Estos datos se rescataron de una estación que perdió su identidad o sus llaves."
    advice = "No se tocó nada. Un técnico debe darles una época nueva con «store renew»."


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# SQLite's own words (sqlite3_errstr); SQLCipher says "not a database" of a wrong key or of rubbish.
_SAID = (
    ("disk is full", DiskFull),
    ("not a database", Damaged),
    ("malformed", Damaged),
    ("is locked", Busy),
    ("disk i/o", CannotWrite),
    ("readonly", CannotWrite),
    ("unable to open", CannotWrite),
    ("locking protocol", CannotWrite),  # a read-only disk, met while the log is opened
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what disk and database say into troubles; a broken rule or a bug stays as it is."""
    try:
        yield
    except OSError as problem:
        kind = DiskFull if problem.errno in _FULL else CannotWrite
        raise kind(errno.errorcode.get(problem.errno or 0, "")) from None
    except (exc.DatabaseError, sqlcipher.DatabaseError) as problem:
        said = problem.orig if isinstance(problem, exc.DatabaseError) else problem
        found = _kind(str(said).lower())
        if found is None:
            raise
        raise found from None


def _kind(said: str) -> type[Trouble] | None:
    return next((kind for words, kind in _SAID if words in said), None)
