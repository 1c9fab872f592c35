"""A driver's own process: `python -m migramovil.devices.apart_child MODULE BLOCK`.

What is asked comes in by standard input and is answered on standard output; the driver's own
standard streams lead nowhere, so that nothing that native code prints can mix with the answers.
The process ends with the one that started it, whatever the driver is doing then, and leaves no
picture of its memory behind.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import queue
import signal
import sys
import threading
from threading import Event
from typing import Any, BinaryIO

from migramovil.devices import apart_wire as wire
from migramovil.devices.apart_wire import Answer, Block, Broke, Call, Cancel, Packer, Raised, Told
from migramovil.devices.registry import Addresses
from migramovil.devices.slot import where
from migramovil.devices.trouble import DeviceTrouble

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


class Child:
    """Does one call after the other on its main thread; another hears what is asked meanwhile."""

    def __init__(self, module: str, block: Block, asked: BinaryIO, said: BinaryIO) -> None:
        self._module_name = module
        self._module: Any = None
        self._device: Any = None
        self._at: Any = None
        self._block = block
        self._asked, self._said = asked, said
        self._sending = threading.Lock()
        self._calls: queue.SimpleQueue[tuple[Call, Event]] = queue.SimpleQueue()
        self._flags: dict[int, Event] = {}
        self._seen = Event()

    def serve(self) -> None:
        threading.Thread(target=self._hear, name="hear", daemon=True).start()
        while True:
            call, cancelled = self._calls.get()
            self._say(self._answer(call, cancelled))
            self._flags.pop(call.number, None)

    def _hear(self) -> None:
        while (message := wire.hear_asked(self._asked)) is not None:
            if isinstance(message, Call):
                self._flags[message.number] = Event()
                self._calls.put((message, self._flags[message.number]))
            elif isinstance(message, Cancel):
                if flag := self._flags.get(message.number):
                    flag.set()
            else:
                self._seen.set()
        os._exit(0)  # the station is gone, or done with us: the driver is not asked

    def _say(self, message: wire.Said) -> None:
        with self._sending:
            wire.send(self._said, message)

    def _answer(self, call: Call, cancelled: Event) -> wire.Said:
        self._seen.set()
        try:
            values = wire.Unpacker(
                self._block, cancelled=cancelled, call=lambda value: self._tell(call, value)
            )
            value = self._done(
                call.name,
                [values.unpack(one) for one in call.args],
                {name: values.unpack(one) for name, one in call.named.items()},
            )
            return Answer(number=call.number, value=Packer(self._block).pack(value))
        except DeviceTrouble as trouble:
            kinds = [kind.__name__ for kind in type(trouble).__mro__]
            return Raised(number=call.number, names=kinds, detail=trouble.detail)
        except Exception as error:  # noqa: BLE001 - a driver may raise anything
            return Broke(number=call.number, where=where(error))

    def _done(self, name: str, args: list[Any], named: dict[str, Any]) -> Any:
        if name == "load":
            return self._load(*args)
        if name == "find":
            return self._module.find(self._at)
        if name == "make":
            self._device = self._module.make(*args, self._at)
            kind = type(self._device)
            return [name for name in dir(kind) if not name.startswith("_")]
        if name == "info":
            return self._device.info
        return getattr(self._device, name)(*args, **named)

    def _load(self, addresses: dict[str, str]) -> bool:
        """Whether the driver can work here; a missing or broken library is a no."""
        self._at = Addresses(**addresses)
        try:
            self._module = importlib.import_module(self._module_name)
        except (ImportError, OSError):
            return False
        return bool(self._module.installed())

    def _tell(self, call: Call, value: Any) -> None:
        """Pass a preview on, or drop it when the one before has not been taken over yet."""
        if self._seen.is_set():
            self._seen.clear()
            plain = Packer(self._block, wire.ROOM).pack(value)
            self._say(Told(number=call.number, value=plain))


def main() -> None:
    _die_with_the_station()
    asked, said = _private_pipes()
    module, block = sys.argv[1:]
    Child(module, Block(block), asked, said).serve()


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    asked, said = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    return asked, said


def _die_with_the_station() -> None:
    """The end of standard input says it as well, but not to a driver that holds the interpreter."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # a core file would hold faces and fingers


if __name__ == "__main__":
    main()
