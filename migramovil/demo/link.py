"""A link that can be cut: a TCP forwarder on the loopback between station and headquarters."""

from __future__ import annotations

import contextlib
import select
import socket
import threading


class Link:
    """Forwards `port` to `target`; `down()` drops every connection and refuses new ones.

    `cut_after(n)` lets `n` more bytes towards headquarters through and then goes down by itself.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._up = True
        self._left: int | None = None
        self._guard = threading.Lock()
        self._open: set[socket.socket] = set()
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True, name="link").start()

    def up(self) -> None:
        with self._guard:
            self._up, self._left = True, None

    def down(self) -> None:
        with self._guard:
            self._up = False
            doomed, self._open = self._open, set()
        for sock in doomed:
            _reset(sock)

    def cut_after(self, count: int) -> None:
        with self._guard:
            self._left = count

    def close(self) -> None:
        self.down()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True, name="link").start()

    def _carry(self, near: socket.socket) -> None:
        with self._guard:
            if not self._up:
                _reset(near)
                return
        try:
            far = socket.create_connection(self._target, timeout=5)
        except OSError:
            _reset(near)
            return
        with self._guard:
            self._open |= {near, far}
        with contextlib.suppress(OSError, ValueError):
            self._pump(near, far)
        with self._guard:
            self._open -= {near, far}
        for sock in (near, far):
            _reset(sock)

    def _pump(self, near: socket.socket, far: socket.socket) -> None:
        while True:
            ready, _, _ = select.select([near, far], [], [], 1.0)
            for sock in ready:
                data = sock.recv(65536)
                if not data:
                    return
                if sock is near and self._spent(len(data)):
                    self.down()
                    return
                (far if sock is near else near).sendall(data)

    def _spent(self, count: int) -> bool:
        with self._guard:
            if self._left is None:
                return False
            self._left -= count
            if self._left > 0:
                return False
            self._left = None
            self.cuts += 1
            return True


def _reset(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        sock.close()
