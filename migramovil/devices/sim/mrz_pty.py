"""A reader of MRZ and bar codes on a pseudo-terminal: the real driver opens it like any port."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Sequence

if sys.platform != "win32":
    import pty
    import tty


class MrzPty:
    """The reader. A document that lies on it is read again and again, every `pace_s`.

    It ends lines with `end` and puts STX and ETX round a reading when it is `framed`. Faults:
    `garbage` speaks at another speed; `hangs` reads nothing. `unplug` is for good: a new plug is a
    new object, as it is a new port.
    """

    def __init__(self, *, pace_s: float = 0.5, framed: bool = False, end: str = "\r\n") -> None:
        self.garbage = self.hangs = False
        self._end = end
        self._near, self._far = pty.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        self.port = os.ttyname(self._far)
        self._pace_s = pace_s
        self._framed = framed
        self._document = b""
        self._changed = threading.Condition()
        self._plugged = True
        self._thread = threading.Thread(target=self._read_on, name="mrz-pty", daemon=True)
        self._thread.start()

    def lay(self, lines: Sequence[str]) -> None:
        """Lay a document on the reader, or a bar code, as one line; no lines take it away."""
        body = "".join(f"{line}{self._end}" for line in lines).encode("utf-8")
        with self._changed:
            self._document = b"\x02" + body + b"\x03" if self._framed and body else body
            self._changed.notify_all()

    def send(self, data: bytes) -> None:
        """Bytes of any kind, once: a reader that misreads."""
        with contextlib.suppress(BlockingIOError):  # nobody listens and the line is full
            os.write(self._near, data)

    @property
    def plugged(self) -> bool:
        return self._plugged

    def unplug(self) -> None:
        with self._changed:
            if not self._plugged:
                return
            self._plugged = False
            self._changed.notify_all()
        self._thread.join()
        os.close(self._near)
        os.close(self._far)

    def close(self) -> None:
        self.unplug()

    def _read_on(self) -> None:
        with self._changed:
            while self._plugged:
                if self._document and not self.hangs:
                    noise = 0xA5 if self.garbage else 0
                    self.send(bytes(byte ^ noise for byte in self._document))
                self._changed.wait(self._pace_s)
