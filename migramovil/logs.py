"""One JSON object a line, codes and ids only. Personal data is never handed to a logger."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path


class JsonLines(logging.Formatter):
    """Time, level, room, message; of an exception its type and place, never its text."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "room": record.name,
            "say": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            frames = record.exc_info[2]
            places = []
            while frames is not None:
                code = frames.tb_frame.f_code
                places.append(f"{Path(code.co_filename).name}:{frames.tb_lineno}:{code.co_name}")
                frames = frames.tb_next
            line["where"] = places[-6:]
        return json.dumps(line, ensure_ascii=False)


def start(folder: Path) -> logging.Handler:
    """Log to `folder`/station.log (5 files of 1 MB); give the handler back for closing."""
    folder.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(
        folder / "station.log", maxBytes=1_000_000, backupCount=4, encoding="utf-8"
    )
    handler.setFormatter(JsonLines())
    root = logging.getLogger("migramovil")
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    return handler
