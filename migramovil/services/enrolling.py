"""One person's enrollment: the draft in hand, its captures, and the moment it is sealed.

Every change is saved encrypted at once, on the desk lane; what is on the screen is what a restart
brings back. Devices work on their own lanes; nothing here waits on the caller's thread.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import uuid_utils

from migramovil import __version__
from migramovil.core import biometrics, canonical, documents, enrollment, packet, sealing
from migramovil.core import person as persons
from migramovil.core.biometrics import (
    Attempt,
    DeviceUsed,
    ExceptionCode,
    Finger,
    FingerRules,
    Measure,
    Portrait,
)
from migramovil.core.documents import IdentityDocument, MrzReading, MrzTrouble
from migramovil.core.enrollment import (
    SCHEMA,
    AnotherInHand,
    Consent,
    Draft,
    ExceptionNeedsAnother,
    Incomplete,
    Missing,
    Rules,
    Step,
    read_draft,
)
from migramovil.core.folio import make_folio
from migramovil.core.roles import Act, demand
from migramovil.core.trouble import Trouble, Who
from migramovil.devices.lanes import Lane, Ticket
from migramovil.devices.mrz.mrz_frames import assemble, mended
from migramovil.devices.ports import DeviceInfo, FingerImage, Frame, OnPreview, Pixels
from migramovil.devices.registry import Bench
from migramovil.devices.trouble import NotForEnrolment
from migramovil.services.accounts import Accounts, Inside, KeptDraft
from migramovil.services.catalogues import Catalogues
from migramovil.services.clock import LIMA, StationClock
from migramovil.store import acts, finishing, kept
from migramovil.store.outbox import Outbox
from migramovil.store.trouble import DraftGone
from migramovil.store.vault import StoredDraft
from migramovil.vision import face, pictures
from migramovil.vision.finger import FingerHint, FingerMeasure, FingerQuality

STILL_SIZE = (1200, 1600)
"""A still has ten times the pixels a portrait can use, and the link would pay for each of them."""

T = TypeVar("T")
_UNWRITTEN = b"migramovil/unwritten/2"


class NoSuchRecord(Trouble):
    code = "DRF-02"
    what = "Ese registro no está en la línea de esta estación."
    advice = "Búsquelo en Envíos por su folio."
    who = Who.OFFICER


class ReasonMissing(Trouble):
    code = "DRF-03"
    what = "Falta escribir el motivo."
    advice = "Escriba en una línea por qué se hace."
    who = Who.OFFICER


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long each capture waits, in seconds, before it ends in a trouble."""

    finger_s: float = 15.0
    frame_s: float = 3.0
    still_s: float = 15.0  # a still camera focuses, exposes, and sends some megabytes over USB
    mrz_s: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerTaken:
    """One impression as the page shows it; `good` is whether the finger needs no other."""

    finger: Finger
    pixels: Pixels
    quality: int | None
    hints: tuple[FingerHint, ...]
    attempt: int
    good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A sealed record as the station still knows it."""

    record_id: str
    folio: str
    size: int
    sealed_utc: str
    seq: int
    procedure: str
    initials: str
    refused: bool = False


class Enrolling:
    """The wizard's service: one draft at a time in hand, others parked in the vault."""

    def __init__(  # noqa: PLR0917 - the rooms this service stands on
        self,
        accounts: Accounts,
        outbox: Outbox,
        bench: Bench,
        quality: FingerQuality,
        catalogues: Catalogues,
        clock: StationClock,
        desk: Lane,
        fingers: FingerRules,
        *,
        tell_finger: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._accounts = accounts
        self._outbox = outbox
        self._bench = bench
        self._quality = quality
        self._catalogues = catalogues
        self._clock = clock
        self._desk = desk
        self._fingers = fingers
        self._tell_finger = tell_finger
        self._guard = threading.RLock()
        self._draft: Draft | None = None
        self._written: Draft | None = None  # as it lies on the disk
        self._on_its_way = False  # a save that waits on the desk's lane
        self._seal_to = b""  # the station's own key, which outlives every change of the vault's
        self._unwritten: dict[str, bytes] = {}  # what the disk refused before a lock, sealed to it
        self._running: set[Future[Any]] = set()
        self._saved: list[Callable[[], object]] = []
        self.saved_at = ""
        self.patience = Patience()
        self.newest_catalogues: Callable[[], Catalogues] = lambda: catalogues
        self.on_chair: Callable[[], object] = lambda: None  # in training the next person sits down
        self.demand_room: Callable[[], object] = lambda: None  # NoRoom: nobody else may sit down
        self.on_unsaved: Callable[[Trouble], object] = lambda _: None  # on the desk's thread
        accounts.on_lock = self._leave
        left = kept.read(outbox.folder)
        if left is not None:
            accounts.keep(self._told(left))

    # ---- what the pages read ---------------------------------------------------------------
    @property
    def draft(self) -> Draft | None:
        return self._draft

    @property
    def catalogue(self) -> Any:
        return self._catalogues.procedures

    @property
    def countries(self) -> Any:
        return self._catalogues.countries

    @property
    def districts(self) -> Any:
        return self._catalogues.districts

    @property
    def notices(self) -> Any:
        return self._catalogues.notices

    @property
    def rules(self) -> Rules:
        today = self._clock.today()
        return Rules(
            today=today,
            procedures=self._catalogues.codes_in_force(today),
            countries=self._catalogues.country_codes,
            ubigeos=self._catalogues.ubigeo_codes,
            fingers=self._fingers,
        )

    def missing(self) -> tuple[Missing, ...]:
        draft = self._draft
        return () if draft is None else enrollment.what_is_missing(draft, self.rules)

    @property
    def busy(self) -> bool:
        """Whether a capture, an approval or a finish is under way, which no lock may cut."""
        return bool(self._running)

    def when_saved(self, call: Callable[[], object]) -> None:
        """Call `call` on the desk's thread after each save."""
        self._saved.append(call)

    # ---- beginning, keeping, leaving -----------------------------------------------------------
    def start(self) -> Ticket[Draft]:
        return self._desk.run(lambda _: self._begin(self._accounts.demand(Act.ENROLL)))

    def correct(self, record_id: str, why: str) -> Ticket[Draft]:
        """Start over a finished record that was wrong: a new one that says which it replaces.

        Nothing of the finished record can be read here, so everything is captured again.
        """

        def begin(_: threading.Event) -> Draft:
            inside = self._accounts.demand(Act.ENROLL)
            if self._outbox.row(record_id) is None:
                raise NoSuchRecord
            if not why.strip():
                raise ReasonMissing
            return self._begin(inside, supersedes=record_id, correction=why.strip())

        return self._desk.run(begin)

    def _begin(self, inside: Inside, supersedes: str = "", correction: str = "") -> Draft:
        self.demand_room()
        self._catalogues = self.newest_catalogues()
        self.on_chair()
        draft = Draft(
            record_id=str(uuid_utils.uuid7()),
            started=self._clock.now(),
            started_by=inside.session.account,
            catalogue=self._catalogues.version,
            supersedes=supersedes,
            correction=correction,
        )
        act = "correct" if draft.supersedes else "start"
        self._audit(inside, act, f"{draft.record_id} {draft.supersedes}".rstrip())
        return self._take_up(draft)

    def resume(self, record_id: str) -> Ticket[Draft]:
        """Go on with a draft, one's own or a colleague's, which is taken over on the record."""

        def again(_: threading.Event) -> Draft:
            inside = self._accounts.demand(Act.ENROLL)
            self.save()
            self.land(inside)
            found = next((k for k in inside.vault.drafts() if k.record_id == record_id), None)
            if found is None:
                raise DraftGone
            draft = read_draft(found.schema, found.body)
            if draft.started_by == inside.session.account:
                self._audit(inside, "resume", record_id)
            else:
                self._sign_for(inside, found, draft.started_by)
            return self._take_up(draft)

        return self._desk.run(again)

    def _sign_for(self, inside: Inside, found: StoredDraft, began: str) -> None:
        """Whoever goes on with a colleague's draft signs for it as it was handed over."""
        at, record = self._clock.now(), found.record_id
        signed = self._accounts.sign_act(
            inside.person, "take_over", record, sealing.sha256(found.body)
        )
        act = acts.StoredAct(
            id=str(uuid_utils.uuid7()),
            act="take_over",
            subject=record,
            utc=at.utc,
            body=canonical.encode(signed),
        )
        acts.take_over(inside.vault, act, inside.session.account, began, at)

    def park(self) -> None:
        """Put the draft down. It stays in the vault, whole, with what was typed last."""
        unsaved = self._let_down()
        if unsaved is not None and self._accounts.session is not None:
            self._desk.run(lambda _: self._put_down(unsaved))

    def change(self, **fields: Any) -> Draft:
        """The draft with these fields replaced, already on its way to the disk."""
        self._accounts.demand(Act.ENROLL)
        with self._guard:
            self._draft = replace(self._held(), **fields)
            return self._keep(self._draft)

    # ---- identity ----------------------------------------------------------------------------
    def parse_mrz(self, text: str) -> MrzReading | None:
        """The reading of typed or wedged lines; None while they are not whole yet."""
        lines = assemble(text)
        return None if lines is None else documents.parse_mrz(lines, today=self._clock.today())

    def read_typed(self, text: str) -> MrzReading:
        """The reading that a hand-held reader typed; MRZ-04 when it types with another keyboard,
        MRZ-11 when it is no document."""
        reading = self.parse_mrz(mended(text))
        if reading is None:
            raise MrzTrouble
        return reading

    def read_mrz(self) -> Ticket[MrzReading]:
        def read(reader: Any, off: threading.Event) -> MrzReading:
            self._accounts.demand(Act.ENROLL)
            lines = reader.read_lines(timeout_s=self.patience.mrz_s, cancelled=off)
            return documents.parse_mrz(lines, today=self._clock.today())

        return self._watched(self._bench.mrz.use(read))

    def accept_reading(self, reading: MrzReading) -> Draft:
        """Fill what is still empty from a reading the officer confirmed; typed values stay."""
        draft = self._held()
        who = draft.person
        names = reading.surname.split(" ", 1)
        read: dict[str, Any] = {
            "first_surname": names[0],
            "second_surname": names[1] if len(names) > 1 else "",
            "given_names": reading.given_names,
            "birth_date": reading.birth_date,
            "sex": reading.sex,
            "nationality": documents.country_of(reading.nationality),
        }
        fresh = {name: value for name, value in read.items() if value and not getattr(who, name)}
        if who.first_surname or who.no_second_surname:  # never mix a typed surname and a read one
            fresh.pop("second_surname", None)
        held = draft.document
        paper = IdentityDocument(
            type=held.type if held else _paper_of(reading),
            number=held.number if held and held.number else reading.number,
            issuer=held.issuer if held and held.issuer else documents.country_of(reading.issuer),
            expiry=held.expiry if held and held.expiry else reading.expiry,
            source="mrz",
        )
        return self.change(
            person=replace(who, **fresh),
            document=paper,
            mrz_lines=reading.lines,
            mrz_confirmed=True,
        )

    # ---- portrait ----------------------------------------------------------------------------
    def start_preview(
        self, on_frame: Callable[[Frame], None], on_blind: Callable[[], object] = lambda: None
    ) -> Ticket[None]:
        """Give frames, newest only, until the ticket is cancelled; on the camera's lane.

        `on_blind` is called instead, once, where the camera shows no live picture.
        """

        def run(camera: Any, off: threading.Event) -> None:
            self._accounts.demand(Act.ENROLL)
            if not self._camera_can("preview", unless_said=True):
                on_blind()
                off.wait()
            while not off.is_set():
                on_frame(camera.read(timeout_s=self.patience.frame_s, cancelled=off))

        return self._bench.camera.use(run)

    def check_portrait(self, pixels: Pixels) -> tuple[face.FaceCheck, ...]:
        return face.measure(face.crop_portrait(pixels))

    def take_portrait(self) -> Ticket[Draft]:
        asked_for = self._in_hand()

        def take(camera: Any, off: threading.Event) -> Draft:
            self._accounts.demand(Act.ENROLL)
            master = self._master(camera, off)
            checks = face.measure(master)
            used = _used(self._bench.camera.info)
            return self._on_desk(
                lambda inside: self._keep_portrait(inside, asked_for, master, checks, used)
            )

        return self._watched(self._bench.camera.use(take))

    def _master(self, camera: Any, off: threading.Event) -> Pixels:
        """The portrait's pixels: a still of a camera that takes stills, else a live picture."""
        if not self._camera_can("still"):
            frame = camera.read(timeout_s=self.patience.frame_s, cancelled=off)
            return face.crop_portrait(frame.pixels)
        frame = camera.capture_still(timeout_s=self.patience.still_s, cancelled=off)
        return pictures.thumbnail(face.crop_portrait(frame.pixels), *STILL_SIZE)

    def _camera_can(self, what: str, *, unless_said: bool = False) -> bool:
        info = self._bench.camera.info
        return bool(info.capabilities.get(what, unless_said)) if info else unless_said

    def _keep_portrait(
        self,
        inside: Inside,
        asked_for: str,
        master: Pixels,
        checks: tuple[face.FaceCheck, ...],
        used: DeviceUsed,
    ) -> Draft:
        draft = self._held(asked_for)
        height, width = master.shape[:2]
        portrait = Portrait(
            object_id=self._put_picture(inside, draft, master),
            width=width,
            height=height,
            measures=tuple(
                Measure(name=c.name, version=face.VERSION, value=c.value, threshold=c.threshold)
                for c in checks
            ),
            device=used,
        )
        changed = self.change(portrait=portrait)
        if draft.portrait is not None:
            self.save()
            inside.vault.drop_media(draft.record_id, draft.portrait.object_id)
        return changed

    def portrait_pixels(self) -> Ticket[Pixels]:
        def read(_: threading.Event) -> Pixels:
            portrait = self._held().portrait
            if portrait is None:
                raise Incomplete("portrait")
            return self._picture(portrait.object_id)

        return self._desk.run(read)

    # ---- fingers -----------------------------------------------------------------------------
    def next_finger(self, after: int | None = None) -> int | None:
        """The next position still asked for: after `after` first, then from the start."""
        draft = self._held()
        asked = enrollment.fingers_asked(draft, self.rules)
        turn = [p for p in asked if after is None or p > after] + list(asked)
        rules = self._fingers
        return next((p for p in turn if not biometrics.settled(draft.finger(p), rules)), None)

    def take_finger(
        self, position: int, on_preview: OnPreview | None = None
    ) -> Ticket[FingerTaken]:
        """One impression of `position`: captured, judged, encrypted; the better one is kept.

        FPR-04 when the reader does not declare that its pictures are fit for it. `on_preview` gets,
        on the reader's lane, what is seen of the finger meanwhile, where the reader shows it; that
        is kept nowhere.
        """

        asked_for = self._in_hand()

        def take(reader: Any, off: threading.Event) -> FingerTaken:
            self._accounts.demand(Act.ENROLL)
            if reader.info.capabilities.get("grade") != "enrolment":
                raise NotForEnrolment
            self._tell_finger(position)
            image = reader.capture(
                timeout_s=self.patience.finger_s, cancelled=off, on_preview=on_preview
            )
            judged = self._quality.measure(image.pixels, image.ppi)
            return self._on_desk(
                lambda inside: self._keep_finger(inside, asked_for, position, image, judged)
            )

        return self._watched(self._bench.fingerprint.use(take))

    def _keep_finger(
        self,
        inside: Inside,
        asked_for: str,
        position: int,
        image: FingerImage,
        judged: FingerMeasure,
    ) -> FingerTaken:
        draft = self._held(asked_for)
        before = draft.finger(position) or Finger(position=position)
        kept = before.best
        better = kept is None or (judged.quality or -1) > (
            -1 if kept.quality is None else kept.quality
        )
        object_id = ""
        if better:
            object_id = self._put_picture(inside, draft, image.pixels)
        attempt = Attempt(
            object_id=object_id,
            quality=judged.quality,
            hints=tuple(hint.value for hint in judged.hints),
        )
        earlier = (
            tuple(replace(a, object_id="") for a in before.attempts) if better else before.attempts
        )
        finger = Finger(
            position=position,
            attempts=(*earlier, attempt),
            measure=judged.measure,
            measure_version=judged.version,
            device=replace(_used(self._bench.fingerprint.info), ppi=image.ppi),
        )
        self._put_finger(finger)
        if better and kept is not None:
            self.save()
            inside.vault.drop_media(draft.record_id, kept.object_id)
        return FingerTaken(
            finger=finger,
            pixels=image.pixels,
            quality=judged.quality,
            hints=judged.hints,
            attempt=len(finger.attempts),
            good=biometrics.settled(finger, self._fingers),
        )

    def finger_pixels(self, position: int) -> Ticket[Pixels]:
        def read(_: threading.Event) -> Pixels:
            finger = self._held().finger(position)
            if finger is None or finger.best is None:
                raise Incomplete("finger")
            return self._picture(finger.best.object_id)

        return self._desk.run(read)

    def declare_exception(self, position: int, code: ExceptionCode, reason: str) -> Draft:
        """This finger cannot be had: why, and who says so. Another person must approve it."""
        inside = self._accounts.demand(Act.ENROLL)
        before = self._held().finger(position) or Finger(position=position)
        return self._put_finger(
            replace(
                before,
                exception=code,
                reason=reason.strip(),
                declared_by=inside.session.account,
                approved_by="",
                approval=None,
            )
        )

    def withdraw_exception(self, position: int) -> Draft:
        before = self._held().finger(position) or Finger(position=position)
        return self._put_finger(
            replace(
                before, exception=None, reason="", declared_by="", approved_by="", approval=None
            )
        )

    def approve_exception(self, position: int, username: str, password: str) -> Ticket[Draft]:
        """The second person's own signature on the exception, by their own password."""

        asked_for = self._in_hand()

        def approve(_: threading.Event) -> Draft:
            inside = self._accounts.demand(Act.ENROLL)
            second = self._accounts.second_person(username, password)
            finger = self._held(asked_for).finger(position)
            if finger is None or finger.exception is None:
                raise Incomplete("exception")
            if second.account == finger.declared_by:
                raise ExceptionNeedsAnother
            demand(self._accounts.role_of(second.account), Act.APPROVE_EXCEPTION)
            said = canonical.encode(
                {"position": position, "code": finger.exception, "reason": finger.reason}
            )
            approval = self._accounts.sign_act(
                second, "approve_exception", asked_for, sealing.sha256(said)
            )
            inside.vault.audit.append(
                second.account, "approve-exception", asked_for, self._clock.now()
            )
            with self._guard:
                if self._held(asked_for).finger(position) != finger:
                    raise Incomplete("exception")
                return self._put_finger(
                    replace(finger, approved_by=second.account, approval=approval)
                )

        return self._watched(self._desk.run(approve))

    # ---- notice and consent ------------------------------------------------------------------
    def give_notice(self, language: str, mode: str) -> Draft:
        text = self._catalogues.notices.text(language)
        return self.change(
            consent=Consent(
                language=language,
                version=self._catalogues.notices.version,
                notice_sha256=sealing.sha256(text.notice.encode()),
                consent_sha256=sealing.sha256(text.consent.encode()),
                mode=mode,
                notice_at=self._clock.now(),
            )
        )

    def answer(self, given: bool, reason: str = "") -> Draft:
        """The person's answer. A refusal seals no biometric: what was captured is destroyed."""
        consent = self._held().consent
        if consent is None:
            raise Incomplete("notice")
        return self.change(
            consent=replace(
                consent,
                given=given,
                answered_at=self._clock.now(),
                refusal_reason="" if given else reason,
            )
        )

    # ---- the end -----------------------------------------------------------------------------
    def finish(self) -> Ticket[Finished]:
        """Seal the draft: from then on the record is bytes that only headquarters opens."""

        asked_for = self._in_hand()

        def seal(_: threading.Event) -> Finished:
            inside = self._accounts.demand(Act.FINISH)
            draft = self._held(asked_for)
            if enrollment.what_is_missing(draft, self.rules):
                raise Incomplete
            if any(f.approved_by == inside.session.account for f in draft.fingers if f.exception):
                raise ExceptionNeedsAnother("finisher")
            self.save()
            if draft.refused:
                draft = self._destroy_biometrics(inside, draft)
            keys = inside.vault.station_keys()
            row = self._accounts.with_room(
                lambda: finishing.finish(
                    self._outbox,
                    inside.vault,
                    draft.record_id,
                    lambda seq, head, media: self._compose(inside, draft, seq, head, media),
                    self._accounts.recipients(),
                    keys[0],
                    actor=inside.session.account,
                    keep=self._accounts.keepsake,
                )
            )
            self.put_away(inside, draft.record_id)
            return Finished(
                record_id=row.record,
                folio=row.folio,
                size=row.size,
                sealed_utc=row.sealed_utc,
                seq=row.seq,
                procedure=draft.procedure,
                initials=persons.initials(draft.person),
                refused=draft.refused,
            )

        return self._watched(self._desk.run(seal))

    def _destroy_biometrics(self, inside: Inside, draft: Draft) -> Draft:
        ids = [draft.portrait.object_id] if draft.portrait else []
        ids += [a.object_id for f in draft.fingers for a in f.attempts if a.object_id]
        bare = self.change(portrait=None, fingers=())
        self.save()
        for object_id in ids:
            inside.vault.drop_media(draft.record_id, object_id)
        return bare

    def _compose(
        self, inside: Inside, draft: Draft, seq: int, audit_head: str, media: Mapping[str, bytes]
    ) -> packet.Draught:
        station = self._outbox.station()
        if station is None:
            raise Incomplete("station")
        names = _names(draft)
        applicant = {
            **msgspec.to_builtins(draft.person),
            "document": msgspec.to_builtins(draft.document),
            "guardian": msgspec.to_builtins(draft.guardian),
        }
        content = {
            "record": draft.record_id,
            "schema": draft.schema,
            "software": __version__,
            "station": station.station,
            "officer": inside.session.account,
            "started": msgspec.to_builtins(draft.started),
            "started_by": draft.started_by,
            "supersedes": draft.supersedes,
            "correction": draft.correction,
            "finished": msgspec.to_builtins(self._clock.now()),
            "procedure": draft.procedure,
            "catalogue": draft.catalogue,
            "receipt_number": draft.receipt_number,
            "mrz_lines": list(draft.mrz_lines),
            "outcome": "consent_refused" if draft.refused else "enrolled",
            "consent": msgspec.to_builtins(draft.consent),
            "portrait": msgspec.to_builtins(draft.portrait),
            "fingers": msgspec.to_builtins(draft.fingers),
            "finger_rules": msgspec.to_builtins(self._fingers),
            "objects": [
                {
                    "id": object_id,
                    "role": role,
                    "name": f"{role}.png",
                    "media_type": "image/png",
                    "sha256": sealing.sha256(media[object_id]),
                }
                for object_id, role in names.items()
            ],
        }
        signed_part = sealing.sha256(canonical.encode({"applicant": applicant, "content": content}))
        approval = self._accounts.sign_act(inside.person, "finish", draft.record_id, signed_part)
        body = {
            "format": "migramovil/record/1",
            "applicant": applicant,
            "content": content,
            "approvals": [msgspec.to_builtins(approval)],
        }
        day = self._clock.utc().astimezone(LIMA).date()
        return packet.Draught(
            realm=station.realm,
            station=station.station,
            epoch=station.epoch,
            seq=seq,
            record=draft.record_id,
            folio=make_folio(station.code, day, seq),
            created=self._clock.now(),
            audit_head=audit_head,
            software=__version__,
            supersedes=draft.supersedes,
            record_body=canonical.encode(body),
            objects={object_id: media[object_id] for object_id in names},
        )

    def put_away(self, inside: Inside, record_id: str) -> None:
        """The draft is gone for good: nothing of it may be written again."""
        self._unwritten.pop(record_id, None)
        with self._guard:
            if self._draft is not None and self._draft.record_id == record_id:
                self._draft = None
        self.tell_newest(inside.vault.drafts())

    def land(self, inside: Inside) -> None:
        """Write what the disk refused when it was put down, on the desk's lane."""
        if not self._unwritten:
            return
        opener = inside.vault.station_keys()[1]
        for record_id, sealed in tuple(self._unwritten.items()):
            body = opener.open(sealed, _UNWRITTEN)
            with contextlib.suppress(DraftGone):
                inside.vault.save_draft(record_id, SCHEMA, body, self._clock.now().utc)
            del self._unwritten[record_id]

    # ---- within ------------------------------------------------------------------------------
    def _leave(self) -> None:
        """Before the lock, on the desk's lane: put the draft down, saved."""
        unsaved = self._let_down()
        if unsaved is not None:
            self._put_down(unsaved)

    def _let_down(self) -> Draft | None:
        """Nobody is in hand any more; the draft, where its last change is not on the disk yet."""
        with self._guard:
            draft, self._draft = self._draft, None
        return None if draft is self._written else draft

    def _put_down(self, draft: Draft) -> None:
        """Save it; what the disk refuses waits in memory, sealed, until it can be written."""
        try:
            self._write(draft)
        except DraftGone:
            return
        except Exception:  # noqa: BLE001 - whatever it is, what was typed must not go with it
            self._unwritten[draft.record_id] = sealing.seal_to(
                self._seal_to, canonical.encode(draft), _UNWRITTEN
            )

    def _watched(self, ticket: Ticket[T]) -> Ticket[T]:
        self._running.add(ticket.future)
        ticket.add_done_callback(self._running.discard)
        return ticket

    def _audit(self, inside: Inside, act: str, subject: str) -> None:
        inside.vault.audit.append(inside.session.account, act, subject, self._clock.now())

    def _in_hand(self) -> str:
        """Whose record an act is asked for, so that it never ends in another's."""
        draft = self._draft
        return "" if draft is None else draft.record_id

    def _held(self, asked_for: str = "") -> Draft:
        draft = self._draft
        if draft is None:
            raise Incomplete("no draft")
        if asked_for and draft.record_id != asked_for:
            raise AnotherInHand
        return draft

    def _put_finger(self, finger: Finger) -> Draft:
        with self._guard:
            return self.change(fingers=self._held().with_finger(finger).fingers)

    def _take_up(self, draft: Draft) -> Draft:
        self.save()  # whoever was in hand until now
        self._seal_to = self._accounts.inside().vault.station_keys()[1].public
        with self._guard:
            self._draft = draft
        self._write(draft)
        return draft

    def _keep(self, draft: Draft) -> Draft:
        """Have the newest draft saved; one save on its way is enough for many changes."""
        already, self._on_its_way = self._on_its_way, True
        if not already:
            self._desk.run(lambda _: self._save_or_tell())
        return draft

    def _save_or_tell(self) -> None:
        with self._guard:
            self._on_its_way = False
        try:
            self.save()
        except Exception as error:
            known = error if isinstance(error, Trouble) else Trouble(type(error).__name__)
            self.on_unsaved(known)
            raise

    def save(self) -> None:
        """Write the newest draft, on the desk's lane only."""
        draft = self._draft
        if draft is not None and draft is not self._written:
            self._write(draft)

    def _write(self, draft: Draft) -> None:
        vault, utc = self._accounts.inside().vault, self._clock.now().utc
        body = canonical.encode(draft)
        self._accounts.with_room(lambda: vault.save_draft(draft.record_id, draft.schema, body, utc))
        self._written = draft
        self._tell(kept.Kept(step=draft.step.value, utc=utc))
        self.saved_at = f"{self._clock.local():%H:%M:%S}"
        for call in self._saved:
            call()

    def _put_picture(self, inside: Inside, draft: Draft, pixels: Pixels) -> str:
        data = pictures.encode_png(pixels)
        return self._accounts.with_room(lambda: inside.vault.put_media(draft.record_id, data))

    # ---- what the entrance may tell ------------------------------------------------------------
    def tell_newest(self, drafts: Sequence[StoredDraft]) -> None:
        """Have the entrance name the draft touched last; nothing when none waits."""
        newest = next((draft for draft in drafts if draft.schema <= SCHEMA), None)
        if newest is not None:
            step = read_draft(newest.schema, newest.body).step.value
            self._tell(kept.Kept(step=step, utc=newest.updated_utc))
        else:
            self._accounts.keep(None)
            kept.forget(self._outbox.folder)

    def _tell(self, left: kept.Kept) -> None:
        self._accounts.keep(self._told(left))
        kept.write(self._outbox.folder, left)

    def _told(self, left: kept.Kept) -> KeptDraft:
        at = datetime.fromisoformat(left.utc).astimezone(LIMA)
        today = at.date() == self._clock.today()
        return KeptDraft(step=left.step, saved=f"{at:%H:%M:%S}" if today else f"{at:%d/%m %H:%M}")

    def _on_desk(self, job: Callable[[Inside], T]) -> T:
        """Do the disk's part of a capture on the desk's lane, and wait (never the reverse)."""
        return self._desk.run(lambda _: job(self._accounts.demand(Act.ENROLL))).result()

    def _picture(self, object_id: str) -> Pixels:
        inside = self._accounts.demand(Act.ENROLL)
        return pictures.decode_png(inside.vault.get_media(self._held().record_id, object_id))


def _names(draft: Draft) -> dict[str, str]:
    """Object id → what it is, for everything that goes into the packet."""
    names: dict[str, str] = {}
    if draft.portrait is not None:
        names[draft.portrait.object_id] = "portrait"
    for finger in draft.fingers:
        if finger.best is not None:
            names[finger.best.object_id] = f"finger-{finger.position:02d}"
    return names


def _used(info: DeviceInfo | None) -> DeviceUsed:
    if info is None:
        return DeviceUsed(driver="", model="")
    return DeviceUsed(
        driver=info.driver, model=info.model, serial=info.serial, simulated=info.simulated
    )


def _paper_of(reading: MrzReading) -> documents.DocumentType:
    passport = reading.document_code.startswith("P")
    kinds = documents.DocumentType
    return kinds.PASSPORT if passport else kinds.NATIONAL_ID


__all__ = ["Enrolling", "FingerTaken", "Finished", "Patience", "Step"]
