"""The hand over libfprint's own virtual reader: it listens on a socket and is told what to see."""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path

from migramovil.devices.ports import Pixels

_RETRY, _ERROR, _UNPLUG = -1, -2, -5


class VirtualHand:
    """Speaks to the reader at `path`: the value of FP_VIRTUAL_IMAGE, as short as a path must be."""

    def __init__(self, path: Path, *, patience_s: float = 5.0) -> None:
        self._path = path
        self._patience_s = patience_s
        self._line: socket.socket | None = None

    def lay(self, pixels: Pixels) -> None:
        height, width = pixels.shape
        self._say(struct.pack("ii", width, height) + pixels.tobytes())

    def ask_again(self, code: int) -> None:
        self._say(struct.pack("ii", _RETRY, code))

    def fail(self, code: int) -> None:
        self._say(struct.pack("ii", _ERROR, code))

    def unplug(self) -> None:
        self._say(struct.pack("ii", _UNPLUG, 0))

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _say(self, message: bytes) -> None:
        self.close()
        self._line = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + self._patience_s
        while True:
            try:
                self._line.connect(str(self._path))
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)
        self._line.sendall(message)
