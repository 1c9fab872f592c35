"""Drivers in a process of their own: native code may crash or hang there, and only there.

`ApartDriver` stands for a driver's module and `ApartDevice` for one of its devices; neither the
driver nor whoever uses it need know. A process that dies or hangs costs the call it was asked for
(DEV-09, DEV-10); the next use starts another. What travels is in `apart_wire`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, BinaryIO

from migramovil.devices import apart_wire as wire
from migramovil.devices.apart_wire import Answer, Block, Call, Cancel, NotUnderstood, Raised, Told
from migramovil.devices.ports import DeviceInfo
from migramovil.devices.trouble import (
    DeviceTrouble,
    DriverCrashed,
    DriverHung,
    NotInstalled,
    Unplugged,
)

GRACE_S = 5.0  # more than a call was given before its process counts as hung
CALL_S = 20.0  # for calls that were given no time, opening among them
LOAD_S = 20.0  # a cold disk in a cold vehicle
CANCEL_S = 3.0
_LOOK_S = 0.05
_END_S = 1.0

log = logging.getLogger(__name__)

# A child is told to die with the thread that started it: this one lives as long as the station.
_nursery = ThreadPoolExecutor(1, thread_name_prefix="nursery")


class Worker:
    """One child process with one driver's module loaded. Used by one thread at a time."""

    def __init__(self, module: str) -> None:
        self._block = Block()
        self._answers: queue.SimpleQueue[wire.Said | None] = queue.SimpleQueue()
        self._sending = threading.Lock()
        self._number = 0
        try:
            self._process = _nursery.submit(_started, module, self._block).result()
        except OSError as error:  # no memory, no processes left
            self._block.close()
            raise DriverCrashed(type(error).__name__) from None
        self._block.hand_over()
        self._ear = threading.Thread(target=self._hear, name="apart-ear", daemon=True)
        self._ear.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def call(self, name: str, *args: Any, patience_s: float = CALL_S, **named: Any) -> Any:
        """Have the child do it; a DeviceTrouble of its own, DEV-09 when it dies, DEV-10 when late.

        An Event among the named arguments calls it off, a function is called with what the driver
        gives it: the newest only.
        """
        self._number += 1
        packer = wire.Packer()
        call = Call(
            number=self._number,
            name=name,
            args=[packer.pack(arg) for arg in args],
            named={key: packer.pack(arg) for key, arg in named.items()},
        )
        flags = [arg for arg in named.values() if isinstance(arg, Event)]
        tell = next((arg for arg in named.values() if callable(arg)), lambda _: None)
        try:
            self._send(call)
            return self._answer(flags[0] if flags else Event(), tell, patience_s)
        except OSError:
            raise DriverCrashed(self._how_it_ended()) from None
        except NotUnderstood as nonsense:
            self.end()
            raise DriverCrashed(f"nonsense: {nonsense}") from None

    def end(self) -> None:
        """End the child and what it started, whatever they are doing, and clear up after them."""
        _kill(self._process)
        self._process.wait()
        with contextlib.suppress(OSError):
            _pipe(self._process.stdin).close()
        if threading.current_thread() is not self._ear:
            self._ear.join()
        self._block.close()

    def _send(self, message: wire.Asked) -> None:
        with self._sending:
            wire.send(_pipe(self._process.stdin), message)

    def _hear(self) -> None:
        line = _pipe(self._process.stdout)
        with contextlib.suppress(OSError, ValueError, NotUnderstood), line:
            while (message := wire.hear_said(line)) is not None:
                self._answers.put(message)
        self._answers.put(None)

    def _answer(self, cancelled: Event, tell: Callable[[Any], object], patience_s: float) -> Any:
        end = time.monotonic() + patience_s
        values = wire.Unpacker(self._block)
        asked_off = False
        while True:
            left = end - time.monotonic()
            if left <= 0:
                self.end()
                raise DriverHung
            if cancelled.is_set() and not asked_off:
                asked_off = True
                end = min(end, time.monotonic() + CANCEL_S)
                self._send(Cancel(number=self._number))
            with contextlib.suppress(queue.Empty):
                message = self._answers.get(timeout=min(_LOOK_S, left))
                if message is None:
                    raise DriverCrashed(self._how_it_ended())
                if isinstance(message, Told):
                    self._pass_on(message, tell, values)
                elif message.number == self._number:
                    return _outcome(message, values)

    def _pass_on(self, message: Told, tell: Callable[[Any], object], values: wire.Unpacker) -> None:
        value = values.unpack(message.value)
        self._send(wire.Seen())
        if message.number == self._number:
            try:
                tell(value)
            except BaseException:
                self._send(Cancel(number=self._number))  # nobody will wait for its end
                raise

    def _how_it_ended(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self.end()
        code = self._process.returncode
        if code < 0:
            with contextlib.suppress(ValueError):
                return signal.Signals(-code).name
        return f"exit {code}"


class ApartDriver:
    """A driver's module run apart. `close` ends the process that waits for the next use."""

    def __init__(
        self, module: str, addresses: dict[str, str] | None = None, *, find_s: float = 10.0
    ) -> None:
        self._module = module
        self._addresses = addresses or {}
        self._find_s = find_s
        self._spare: Worker | None = None
        self._works: bool | None = None
        self._lock = threading.Lock()

    def installed(self) -> bool:
        """Whether the driver's libraries are on this machine; asked once."""
        if self._works is None:
            with contextlib.suppress(DeviceTrouble):
                self.keep(self.take())
        return bool(self._works)

    def find(self) -> list[DeviceInfo]:
        """What is plugged in now; empty when looking fails, which the log tells."""
        try:
            worker = self.take()
        except DeviceTrouble:
            return []
        try:
            found: list[DeviceInfo] = worker.call("find", patience_s=self._find_s)
        except DeviceTrouble as trouble:
            log.error("looking for devices of %s failed: %s", self._module, trouble.code)
            worker.end()
            return []
        if found:
            self.keep(worker)
        else:
            worker.end()  # a driver without a device holds no memory
        return found

    def make(self, info: DeviceInfo) -> ApartDevice:
        return ApartDevice(self, info)

    def take(self) -> Worker:
        """A process with the driver loaded: the one that waits, or another. DEV-04 without one."""
        with self._lock:
            worker, self._spare = self._spare, None
        if worker is not None and worker.alive:
            return worker
        if worker is not None:
            worker.end()
        worker = Worker(self._module)
        try:
            self._works = bool(worker.call("load", self._addresses, patience_s=LOAD_S))
        except BaseException:
            worker.end()
            raise
        if not self._works:
            worker.end()
            raise NotInstalled(self._module)
        return worker

    def keep(self, worker: Worker) -> None:
        """Let a process wait for the next use; one is enough."""
        with self._lock:
            worker, self._spare = self._spare, worker  # type: ignore[assignment]
        if worker is not None:
            worker.end()

    def close(self) -> None:
        with self._lock:
            worker, self._spare = self._spare, None
        if worker is not None:
            worker.end()


class ApartDevice:
    """A device whose driver runs apart: it has the methods of the driver's own device."""

    def __init__(self, driver: ApartDriver, info: DeviceInfo) -> None:
        self.info = info
        self._driver = driver
        self._worker: Worker | None = None
        self._methods: frozenset[str] = frozenset()

    def open(self) -> None:
        self.close()
        worker = self._driver.take()
        try:
            self._methods = frozenset(worker.call("make", self.info))
            worker.call("open")
            self.info = worker.call("info")
        except BaseException:
            worker.end()
            raise
        self._worker = worker

    def close(self) -> None:
        """Close the device and end its process; safe on one that is gone."""
        worker, self._worker = self._worker, None
        if worker is not None:
            with contextlib.suppress(DeviceTrouble):
                if worker.alive:
                    worker.call("close", patience_s=GRACE_S)
            worker.end()

    def find_again(self) -> list[DeviceInfo]:
        """What is plugged in now, asked of the device's own process while it has one."""
        if self._worker is None or not self._worker.alive:
            return self._driver.find()
        found: list[DeviceInfo] = self._worker.call("find")
        return found

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or (self._worker and name not in self._methods):
            raise AttributeError(name)

        def call(*args: Any, **named: Any) -> Any:
            return self._call(name, args, named)

        return call

    def _call(self, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if self._worker is None:
            raise Unplugged("not open")
        if not self._worker.alive:  # it died while nobody asked: that costs no answer
            log.error("a driver's process ended by itself: %s", self.info.driver)
            self.open()
        patience = named["timeout_s"] + GRACE_S if "timeout_s" in named else CALL_S
        return self._worker.call(name, *args, patience_s=patience, **named)


def _outcome(message: wire.Said, values: wire.Unpacker) -> Any:
    if isinstance(message, Answer):
        return values.unpack(message.value)
    if isinstance(message, Raised):
        raise _trouble(message)
    where = getattr(message, "where", "")
    log.error("a device driver crashed: %s", where)
    raise DriverCrashed(where)


def _trouble(message: Raised) -> DeviceTrouble:
    known = {DeviceTrouble.__name__: DeviceTrouble}
    waiting = [DeviceTrouble]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            known[kind.__name__] = kind
            waiting.append(kind)
    nearest = next((known[name] for name in message.names if name in known), DeviceTrouble)
    return nearest(message.detail)


def _started(module: str, block: Block) -> subprocess.Popen[bytes]:
    alone: dict[str, Any] = {"pass_fds": (block.handle,), "start_new_session": True}
    if sys.platform == "win32":
        alone = {"creationflags": subprocess.CREATE_NO_WINDOW}
    return subprocess.Popen(
        [sys.executable, "-m", "migramovil.devices.apart_child", module, block.name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        **alone,
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
    elif process.poll() is None:  # once it was waited for, its number may be somebody else's
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # a helper of the driver's own goes with it


def _pipe(stream: Any) -> BinaryIO:
    pipe: BinaryIO = stream
    return pipe
