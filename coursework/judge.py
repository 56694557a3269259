"""A student's values against the reference: the marks are decided here, outside the kernel."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from coursework.outputs import clean
from coursework.questions import Arguments, Part, Question
from coursework.values import ValueFormatError, decode

Result = Mapping[str, Any]
UNREADABLE = (ValueFormatError, ValueError, TypeError, ArithmeticError, RecursionError)


@dataclass(frozen=True)
class Mark:
    """The mark of one question: points, out of how many, and why, a line for each part."""

    points: float
    out_of: float
    lines: tuple[str, ...]


def lost(question: Question, reason: str) -> Mark:
    """No points, with the reason."""
    return Mark(0.0, question.points, (f"0 of {question.points:g} points: {reason}",))


def judge(
    question: Question, cases: Sequence[Sequence[Arguments]], results: Sequence[Result] | None
) -> Mark:
    """Compare reported values with the reference.

    Parameters
    ----------
    question
        The question with its reference.
    cases
        The hidden inputs, part by part, as :meth:`Question.cases` gave them.
    results
        What the student's kernel reported for the cases in order, each ``{"value": ...}`` or
        ``{"error": ...}``; ``None`` if it reported nothing that could be read.
    """
    count = sum(len(part) for part in cases)
    if results is None or len(results) != count:
        return lost(question, "your notebook did not report the values that it was asked for.")
    points, lines, start = 0.0, [], 0
    for part, inputs in zip(question.parts, cases, strict=True):
        given = results[start : start + len(inputs)]
        start += len(inputs)
        reason = _reason(question, inputs, given)
        got = part.points if reason is None else 0.0
        points += got
        lines.append(_line(part, got, reason))
    return Mark(points, question.points, tuple(lines))


def _line(part: Part, got: float, reason: str | None) -> str:
    verdict = "right" if reason is None else "not right"
    line = f"{got:g} of {part.points:g} points: {verdict} for {part.name}"
    return line + ("." if reason is None else f". {reason}")


def _reason(question: Question, inputs: Sequence[Arguments], given: Sequence[Result]) -> str | None:
    """Why a part is not right, or ``None`` if it is."""
    for arguments, result in zip(inputs, given, strict=True):
        if not isinstance(result, Mapping) or "value" not in result:
            raised = result.get("error") if isinstance(result, Mapping) else None
            return f"Your function stopped with {clean(str(raised)[:200])}"
        try:
            value = decode(result["value"])
        except UNREADABLE:
            return "Your function returned something that is not a number or an array."
        reason = difference(value, question.truth(*arguments), question.tolerance)
        if reason is not None:
            known = _known(question, inputs, given)
            return f"{reason}{known}"
    return None


def _known(question: Question, inputs: Sequence[Arguments], given: Sequence[Result]) -> str:
    """Name the usual mistake that gives all of these values, if there is one."""
    for mistake in question.mistakes:
        try:
            same = all(
                difference(decode(r["value"]), mistake.wrong(*a), question.tolerance) is None
                for a, r in zip(inputs, given, strict=True)
            )
        except Exception:  # a wrong function may fail where the right one does not
            continue
        if same:
            return f" Your values are those of {mistake.name}."
    return ""


def difference(got: Any, want: Any, tolerance: float, name: str = "") -> str | None:
    """Say in what ``got`` differs from ``want``, or ``None`` if it does not."""
    whole = f"the entry {name}" if name else "the result"
    if isinstance(want, Mapping):
        if not isinstance(got, Mapping):
            return f"{_upper(whole)} should be a dictionary."
        if set(got) != set(want):
            return f"{_upper(whole)} should have the keys {sorted(want)}."
        pairs = [(f"{name}[{key!r}]", got[key], want[key]) for key in want]
    elif isinstance(want, tuple):
        if not isinstance(got, tuple | list) or len(got) != len(want):
            return f"{_upper(whole)} should be {len(want)} values."
        pairs = [(f"{name}[{k}]", g, w) for k, (g, w) in enumerate(zip(got, want, strict=True))]
    else:
        return _array_difference(got, np.asarray(want), tolerance, whole)
    reasons = (difference(g, w, tolerance, key) for key, g, w in pairs)
    return next((reason for reason in reasons if reason is not None), None)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _array_difference(got: Any, want: np.ndarray, tolerance: float, whole: str) -> str | None:
    if isinstance(got, str | Mapping) or got is None:
        return f"{_upper(whole)} should be a number or an array."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = np.asarray(got, float)
    except UNREADABLE:
        return f"{_upper(whole)} should be an array of numbers."
    if array.shape != want.shape:
        return f"{_upper(whole)} should have the shape {want.shape}, and has {array.shape}."
    if not np.isfinite(array).all():
        return f"{_upper(whole)} holds numbers that are not finite."
    largest = max(1.0, float(np.abs(want).max(initial=0)))
    if array.size and float(np.abs(array - want).max()) > tolerance * largest:
        return f"{_upper(whole)} has the right shape and wrong values."
    return None
