"""The preview of device services: JPEG pictures in a multipart answer that never ends.

A part is read by its `Content-Length`: services disagree with their own header on how many dashes
the boundary has, so it is not looked at. Source: MOSIP specification 0.9.5, "Device Stream".
"""

from __future__ import annotations

import re

from migramovil.devices.fingerprint.sbi_fir import decoded_picture
from migramovil.devices.ports import Pixels
from migramovil.devices.trouble import ServiceUnreadable

MAX_PICTURE = 2 << 20
_MAX_HEADERS = 2048
_LENGTH = re.compile(rb"^content-length:[ \t]*([0-9]{1,7})[ \t]*\r?$", re.I | re.M)


class Parts:
    """Feed it what comes; it keeps at most one picture that is not complete yet."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The pictures completed by `data`; FPR-30 when that is no multipart answer."""
        self._buffer += data
        complete = []
        while (part := self._next()) is not None:
            complete.append(part)
        return complete

    def _next(self) -> bytes | None:
        del self._buffer[: len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))]
        end = self._buffer.find(b"\r\n\r\n", 0, _MAX_HEADERS)
        if end < 0:
            if len(self._buffer) >= _MAX_HEADERS:
                raise ServiceUnreadable("part")
            return None
        found = _LENGTH.search(self._buffer[:end])
        size = int(found[1]) if found else 0
        if not 1 <= size <= MAX_PICTURE:
            raise ServiceUnreadable("part")
        if len(self._buffer) < end + 4 + size:
            return None
        part = bytes(self._buffer[end + 4 : end + 4 + size])
        del self._buffer[: end + 4 + size]
        return part


def frame(picture: bytes) -> Pixels:
    """A preview picture as uint8 (height, width); FPR-02 when it is none."""
    return decoded_picture(picture, "JPEG", modes=("L", "RGB"))
