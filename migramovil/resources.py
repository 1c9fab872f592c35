"""Where the product's own data files are: inside the installed package, else in the checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """`name` is "resources" or "alembic"."""
    packed = _PACKAGE / f"_{name}"
    return packed if packed.is_dir() else _PACKAGE.parent / name


def read(path: str) -> bytes:
    """The bytes of a file under resources/, such as "catalogues/procedures.json"."""
    return (folder("resources") / path).read_bytes()
