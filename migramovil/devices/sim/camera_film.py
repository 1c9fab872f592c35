"""The training camera's picture: motion JPEG over HTTP on the loopback, as a network camera's.

Nothing touches the disk, every platform has it, and the real camera driver reads it: a camera
that can be late, go dark, or be pulled out.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Sequence
from itertools import count

import cv2
import numpy as np

from migramovil.devices.ports import Pixels

_HELLO = (
    b"HTTP/1.0 200 OK\r\nCache-Control: no-store\r\n"
    b"Content-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
)
_JPEG_QUALITY = 92


class CameraFilm:
    """A film that runs round and round. Pictures are uint8 (1080, 1920, 3), blue-green-red.

    Faults: `dark` has its cap on; `dim` stands in a dark room; `frozen` repeats one picture to the
    last bit; `garbage` spoils every picture on its way; `hangs` keeps the line and sends nothing;
    a low `fps` is slow. `unplug` and `plug` take the camera away and bring it back, at the same
    `address`. A station may have several: a film is one camera.
    """

    def __init__(self, frames: Sequence[Pixels] = (), *, fps: float = 15.0) -> None:
        self.dark = self.dim = self.frozen = self.garbage = self.hangs = False
        self.fps = fps
        self._reel = _Reel(frames)
        self._black = _Reel([np.zeros((1080, 1920, 3), np.uint8)])
        self._last = b""
        self._lines: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._door = self._open_door(0)
        self._port: int = self._door.getsockname()[1]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    @property
    def plugged(self) -> bool:
        return self._door.fileno() >= 0

    def show(self, frames: Sequence[Pixels]) -> None:
        """Put another film in; none shows the empty chair."""
        self._reel = _Reel(frames)

    def unplug(self) -> None:
        # shutdown as well: closing alone does not wake the thread that waits at the door
        _shut(self._door)
        with self._lock:
            for line in self._lines:
                _shut(line)

    def plug(self) -> None:
        if not self.plugged:
            self._door = self._open_door(self._port)

    def close(self) -> None:
        self.unplug()

    def _open_door(self, port: int) -> socket.socket:
        door = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._welcome, args=(door,), name="film", daemon=True).start()
        return door

    def _welcome(self, door: socket.socket) -> None:
        while True:
            try:
                line, _ = door.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(line,), name="film-line", daemon=True).start()

    def _run(self, line: socket.socket) -> None:
        with self._lock:
            self._lines.add(line)
        try:
            with contextlib.suppress(OSError):
                line.recv(4096)
                line.sendall(_HELLO)
                self._project(line)
        finally:
            with self._lock:
                self._lines.discard(line)
            line.close()

    def _project(self, line: socket.socket) -> None:
        due = time.monotonic()
        for turn in count():
            if not self.hangs:
                line.sendall(_part(self._picture(turn)))
            due = max(due + 1 / self.fps, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
            if not self.plugged:
                return

    def _picture(self, turn: int) -> bytes:
        if not (self.frozen and self._last):
            reel = self._black if self.dark else self._reel
            self._last = reel.jpeg(turn, dim=self.dim)
        return self._last[: len(self._last) // 3] if self.garbage else self._last


class _Reel:
    """Pictures, each compressed when it is first shown, however often it comes.

    Every round differs from the one before in a corner, by less than an eye sees: no sensor gives
    the same picture twice, and the driver knows that.
    """

    def __init__(self, frames: Sequence[Pixels]) -> None:
        self._frames = frames or [empty_chair()]
        self._jpegs: dict[tuple[int, bool, bool], bytes] = {}

    def jpeg(self, turn: int, *, dim: bool = False) -> bytes:
        rounds, at = divmod(turn, len(self._frames))
        frame, odd = self._frames[at], bool(rounds % 2)
        wanted = (id(frame), odd, dim)  # the reel holds its frames: no id is used twice
        if wanted not in self._jpegs:
            self._jpegs[wanted] = _compressed(frame, odd=odd, dim=dim)
        return self._jpegs[wanted]


def _compressed(frame: Pixels, *, odd: bool, dim: bool) -> bytes:
    if dim:
        frame = frame // 10 + 12
    if odd:
        frame = frame.copy()
        frame[:16, :16] ^= 2
    return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()


def empty_chair() -> Pixels:
    """The wall behind the chair with nobody on it."""
    rows = np.linspace(226, 198, 1080)[:, None, None]
    return np.broadcast_to(rows, (1080, 1920, 3)).astype(np.uint8)


def _part(jpeg: bytes) -> bytes:
    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
    return head.encode("ascii") + jpeg + b"\r\n"


def _shut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()
