"""What a kernel sends: clipped, cleaned, and never trusted to have the form that it should.

A student's code can send anything in the kernel's name. What does not have the form of an output
is dropped; what could run in the browser of who reads it is dropped too.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["ok", "error", "time", "memory", "died", "processes", "disk", "restarts"]

MIME = "application/vnd.coursework.values+json"
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*\Z")


@dataclass
class Outcome:
    """What came of a cell: how it ended, its outputs (clipped), and reported values."""

    status: Status = "ok"
    outputs: list[dict[str, Any]] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)


def clean(text: str) -> str:
    """Text that can be written to a file: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def keep(outcome: Outcome, kind: str, content: dict[str, Any], left: int) -> int:
    """Add an output to what is kept, if there is room; return the bytes it took.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError
        If it is no output but something that only claims to be one.
    """
    if kind in ("display_data", "execute_result"):
        if isinstance(content["data"].get(MIME), str):
            outcome.reports.append(content["data"][MIME])
            return 0
        output = _rich(content["data"])
    elif kind == "stream":
        return _stream(outcome, str(content["name"]), clean(content["text"][: max(left, 0)]))
    elif kind == "error":
        outcome.status = "error"
        output = {"output_type": "error", "ename": clean(str(content["ename"])[:200])}
        output["evalue"] = clean(str(content["evalue"])[:2000])
        output["traceback"] = [clean(str(line)[:2000]) for line in content["traceback"][-20:]]
    else:
        return 0
    size = len(json.dumps(output))
    if output.get("data") == {} or (size > left and kind != "error"):
        return 0
    outcome.outputs.append(output)
    return size


def _stream(outcome: Outcome, name: str, text: str) -> int:
    if name not in ("stdout", "stderr") or not text:
        return 0
    last = outcome.outputs[-1] if outcome.outputs else {}
    if last.get("name") == name:
        last["text"] += text
    else:
        outcome.outputs.append({"output_type": "stream", "name": name, "text": text})
    return len(text.encode())


def _rich(data: dict[str, Any]) -> dict[str, Any]:
    """Text and pictures of an output; a page could run scripts."""
    kept = {}
    if isinstance(text := data.get("text/plain"), str):
        kept["text/plain"] = clean(text)
    if isinstance(image := data.get("image/png"), str) and _BASE64.match(image):
        kept["image/png"] = image
    return {"output_type": "display_data", "data": kept, "metadata": {}}
