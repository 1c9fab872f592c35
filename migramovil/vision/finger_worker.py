"""The child process that asks NFIQ 2: native code that may crash or hang, kept outside the station.

One question is a length (4 bytes, big-endian) and that many bytes of a PGM picture at 500 ppi; its
answer is the score 0..100, or -1 when NFIQ 2 refuses the picture, as 4 signed bytes. The first
message of all is the answer `READY`, so that loading time is not taken for a hang.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from typing import BinaryIO

LENGTH = struct.Struct(">I")
ANSWER = struct.Struct(">i")
READY = -2
REFUSED = -1

Judge = Callable[[bytes], int]


def serve(judge: Judge) -> None:
    """Answer questions on standard input until it ends."""
    questions, answers = _private_pipes()
    answers.write(ANSWER.pack(READY))
    answers.flush()
    while len(head := questions.read(LENGTH.size)) == LENGTH.size:
        picture = questions.read(LENGTH.unpack(head)[0])
        answers.write(ANSWER.pack(judge(picture)))
        answers.flush()


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Our two ends of the pipes; what native code prints goes nowhere instead of among answers."""
    questions = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    return questions, answers


def nfiq2() -> Judge:
    """A judge that gives the NFIQ 2 score of a PGM picture at 500 ppi, or REFUSED."""
    import nbis  # noqa: PLC0415 - only the child may load native code

    extractor = nbis.new_nbis_extractor(
        nbis.NbisExtractorSettings(
            min_quality=0.0,
            get_center=False,
            check_fingerprint=False,
            compute_nfiq2=True,
            ppi=500.0,
        )
    )

    def judge(picture: bytes) -> int:
        try:
            return int(extractor.extract_minutiae(picture).quality().score)
        except nbis.NbisError:
            return REFUSED

    return judge


if __name__ == "__main__":
    serve(nfiq2())
