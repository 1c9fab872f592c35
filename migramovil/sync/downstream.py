"""Fetches what headquarters publishes, part by part, after everything that goes up has gone.

It never fails anybody else: what goes wrong with one kind is kept as that kind's trouble, and the
others are fetched all the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from migramovil.core import canonical
from migramovil.core.downstream import MOST_MANIFESTS, BadDownload, Download, Manifest
from migramovil.core.record import Signed
from migramovil.core.trouble import Trouble
from migramovil.sync import wire
from migramovil.sync.ports import HeadquartersBusy, Interrupted, NoLink, NotHeadquarters

log = logging.getLogger(__name__)

EVERY_S = 60.0
LISTING = ""
"""The place among troubles of what went wrong with the list of what there is."""
_LINK = (NoLink, NotHeadquarters, HeadquartersBusy)


class Source(Protocol):
    """Headquarters, as far as this asks it (HttpsHeadquarters)."""

    def fetch(self, path: str, known: str = "") -> bytes | None:
        """What is at this path; None when it is still what `known` (an ETag) was."""
        ...


class Shelf(Protocol):
    """Where downloads rest, checked."""

    def wanted(self, signed: Signed) -> Manifest | None:
        """The manifest if it is newer than what is here; a Trouble where it must not be used."""
        ...

    def file(self, download: Download) -> None: ...


class Downloader:
    """Asks at most every `EVERY_S`; what was brought of a broken download is kept in memory."""

    def __init__(self, shelf: Shelf, *, now: Callable[[], float] = time.monotonic) -> None:
        self._shelf = shelf
        self._now = now
        self._next = float("-inf")
        self._listed: tuple[Signed, ...] = ()
        self._etag = ""
        self._parts: dict[str, list[bytes]] = {}
        self._troubles: dict[str, Trouble] = {}

    @property
    def troubles(self) -> Mapping[str, Trouble]:
        """What went wrong with each kind the last time it was tried."""
        return dict(self._troubles)

    def turn(self, source: Source, stopping: Callable[[], bool]) -> None:
        """One round if it is time; raises nothing but Interrupted, when `stopping`.

        A bug in here is said and forgotten: it must not end the sending of records.
        """
        if self._now() < self._next:
            return
        self._next = self._now() + EVERY_S
        self._troubles = {}
        try:
            self._list(source)
            for signed in self._listed:
                self._bring(source, signed, stopping)
        except Trouble as trouble:  # the link: what is left is for the next round
            self._troubles[LISTING] = trouble
            log.warning("downloads wait: %s", trouble.code)
        except Interrupted:
            raise
        except Exception as bug:  # noqa: BLE001
            log.error("downloads stopped by %s", type(bug).__name__)  # the text might hold anything

    def _list(self, source: Source) -> None:
        answer = source.fetch(wire.DOWNSTREAM_PATH, self._etag)
        if answer is None:
            return
        try:
            listed = canonical.decode(answer, wire.Downstream).manifests
        except canonical.NotCanonical:
            raise BadDownload("listing") from None
        if len(listed) > MOST_MANIFESTS:
            raise BadDownload("listing")
        self._listed, self._etag = listed, wire.etag(answer)

    def _bring(self, source: Source, signed: Signed, stopping: Callable[[], bool]) -> None:
        kind = _named(signed)
        try:
            manifest = self._shelf.wanted(signed)
            if manifest is not None:
                body = self._body(source, manifest, stopping)
                self._shelf.file(Download(signed=signed, body=body))
        except _LINK:
            raise
        except Trouble as trouble:
            self._troubles[kind] = trouble
            log.warning("download of %s not used: %s", kind, trouble.code)

    def _body(self, source: Source, manifest: Manifest, stopping: Callable[[], bool]) -> bytes:
        """Every part there is; those that came before a break are not asked for again."""
        parts = self._parts.setdefault(manifest.sha256, [])
        count = wire.part_count(manifest.size, wire.PART_SIZE)
        while len(parts) < count:
            if stopping():
                raise Interrupted
            part = source.fetch(wire.download_path(manifest.sha256, len(parts)))
            parts.append(part or b"")
        self._parts.clear()
        return b"".join(parts)


def _named(signed: Signed) -> str:
    """Which kind a manifest says it is; for saying so, never for trusting."""
    try:
        return canonical.decode(canonical.from_text(signed.body), Manifest).kind[:32]
    except canonical.NotCanonical:
        return LISTING
