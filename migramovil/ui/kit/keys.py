"""Keys by the names the screen shows: «F5», «Alt+←», «Ctrl+L», «Supr», «1», «S»."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

_NAMES = {
    Qt.Key.Key_Escape: "Esc",
    Qt.Key.Key_Return: "Intro",
    Qt.Key.Key_Enter: "Intro",
    Qt.Key.Key_Delete: "Supr",
    Qt.Key.Key_Left: "←",
    Qt.Key.Key_Right: "→",
    Qt.Key.Key_Up: "↑",
    Qt.Key.Key_Down: "↓",
    Qt.Key.Key_Space: "Espacio",
    Qt.Key.Key_Plus: "+",
    Qt.Key.Key_Minus: "-",
}
_NAMES |= {Qt.Key(Qt.Key.Key_F1.value + n): f"F{n + 1}" for n in range(12)}
_NAMES |= {Qt.Key(Qt.Key.Key_A.value + n): chr(ord("A") + n) for n in range(26)}
_NAMES |= {Qt.Key(Qt.Key.Key_0.value + n): str(n) for n in range(10)}


def name_of(event: QKeyEvent) -> str:
    """The shown name of a pressed key with its modifiers; "" for keys that do nothing by name."""
    try:
        name = _NAMES.get(Qt.Key(event.key()), "")
    except ValueError:  # a code Qt has no name for: media keys of some keyboards
        return ""
    held = event.modifiers()
    if name and held & Qt.KeyboardModifier.AltModifier:
        name = f"Alt+{name}"
    if name and held & Qt.KeyboardModifier.ControlModifier:
        name = f"Ctrl+{name}"
    return name


def types_a_letter(name: str) -> bool:
    """True for keys that would write into a field: they act only where no field has the focus."""
    return len(name) == 1 or name == "Espacio"
