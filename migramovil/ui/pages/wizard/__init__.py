"""The enrollment, step by step: one page for each, in the order of the core's steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migramovil.core.enrollment import Step
from migramovil.services.desk import Desk
from migramovil.ui.bridge import Bridge
from migramovil.ui.pages.wizard.base import StepPage
from migramovil.ui.pages.wizard.consent import ConsentPage
from migramovil.ui.pages.wizard.fingers import FingersPage
from migramovil.ui.pages.wizard.identity import IdentityPage
from migramovil.ui.pages.wizard.person import PersonPage
from migramovil.ui.pages.wizard.portrait import PortraitPage
from migramovil.ui.pages.wizard.procedure import ProcedurePage
from migramovil.ui.pages.wizard.review import ReviewPage


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInfo:
    """How a step is called in the rail, its icon there, and what makes its page."""

    title: str
    icon: str
    page: Callable[[Desk, Bridge], StepPage]


STEP_PAGES: dict[Step, StepInfo] = {
    Step.PROCEDURE: StepInfo(title="Trámite", icon="clipboard-text", page=ProcedurePage),
    Step.IDENTITY: StepInfo(title="Identidad", icon="identification-card", page=IdentityPage),
    Step.PERSON: StepInfo(title="Datos", icon="note-pencil", page=PersonPage),
    Step.PORTRAIT: StepInfo(title="Fotografía", icon="camera", page=PortraitPage),
    Step.FINGERS: StepInfo(title="Huellas", icon="fingerprint", page=FingersPage),
    Step.CONSENT: StepInfo(title="Aviso", icon="pen-nib", page=ConsentPage),
    Step.REVIEW: StepInfo(title="Revisión", icon="magnifying-glass", page=ReviewPage),
}

__all__ = [
    "STEP_PAGES", "ConsentPage", "FingersPage", "IdentityPage", "PersonPage", "PortraitPage",
    "ProcedurePage", "ReviewPage", "StepInfo", "StepPage",
]  # fmt: skip
