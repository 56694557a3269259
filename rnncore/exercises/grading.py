"""How an answer is judged: against the reference, the usual mistakes, then their look-alikes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnncore.exercises.model import Array, Exercise, Parts, parts

SEED = 1989  # test cases of functions are random but the same for every reader


@dataclass(frozen=True)
class Verdict:
    """The judgement of one answer: ``right``, and the line that :func:`check` prints."""

    right: bool
    line: str


class MisfitError(Exception):
    """An answer that cannot be compared; the message says why, to the reader."""


@dataclass(frozen=True)
class _Case:
    """One comparison: the reader's result, the right one, and that of each usual mistake."""

    got: Parts
    want: Parts
    wrongs: list[Parts]


def judge(exercise: Exercise, answer: Any) -> Verdict:
    """Judge ``answer``; nothing that it does or raises gets past this function.

    Parameters
    ----------
    exercise
        The exercise with its reference and mistakes.
    answer
        The reader's answer. ``None`` and ``...`` count as not answered.

    Returns
    -------
    Verdict
        Its line is always one line and does not give the right answer away.
    """
    if answer is None or answer is ...:
        return Verdict(False, f"{exercise.id} not answered yet")
    try:
        cases = (
            _run(exercise, answer) if exercise.kind == "function" else [_given(exercise, answer)]
        )
        reason = _reason(exercise, cases)
    except NotImplementedError:
        return Verdict(False, f"{exercise.id} not answered yet")
    except MisfitError as misfit:
        reason = str(misfit)
    if reason is None:
        return Verdict(True, f"{exercise.id} right")
    return Verdict(False, " ".join(f"{exercise.id} not yet: {reason}".split()))


# -- collecting results -----------------------------------------------------


def _given(exercise: Exercise, answer: Any) -> _Case:
    if callable(answer):
        raise MisfitError("a value is asked for, and this is a function. Hint: call it.")
    want = parts(exercise.reference)
    wrongs = [parts(mistake.wrong) for mistake in exercise.mistakes]
    return _Case(_fit(answer, want, exercise.reference, "answer"), want, wrongs)


def _run(exercise: Exercise, function: Any) -> list[_Case]:
    if not callable(function):
        raise MisfitError(
            f"a function is asked for, and this is {_kind_of(function)}. "
            "Hint: pass the function itself, without brackets behind its name."
        )
    return [_run_case(exercise, function, number) for number in range(exercise.cases)]


def _run_case(exercise: Exercise, function: Callable[..., Any], number: int) -> _Case:
    assert exercise.inputs is not None
    inputs = exercise.inputs

    def arguments() -> tuple[Any, ...]:
        return inputs(np.random.default_rng([SEED, number]))

    def call(f: Callable[..., Any], *args: Any) -> Any:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return f(*args)

    reference = call(exercise.reference, *arguments())
    want = parts(reference)
    wrongs = [parts(call(mistake.wrong, *arguments())) for mistake in exercise.mistakes]
    handed = arguments()
    try:
        result = call(function, *handed)
    except NotImplementedError:
        raise
    except Exception as error:  # whatever the reader's function does is reported by name
        raise MisfitError(f"your function raises {type(error).__name__}: {error}") from error
    if result is None or result is ...:
        raise MisfitError("your function returns nothing. Hint: end it with return and the result.")
    got = _fit(result, want, reference, "result")
    for place, (used, fresh) in enumerate(zip(handed, arguments(), strict=True), start=1):
        if isinstance(fresh, np.ndarray) and not np.array_equal(used, fresh, equal_nan=True):
            raise MisfitError(f"your function changes its argument {place}. Hint: work on a copy.")
    return _Case(got, want, wrongs)


def _fit(answer: Any, want: Parts, reference: Any, noun: str) -> Parts:
    """The parts of the reader's answer, or the reason why they cannot be compared."""
    several = isinstance(reference, tuple)
    if isinstance(reference, Mapping) != isinstance(answer, Mapping):
        kinds = ("a mapping of arrays", "no mapping")
        expected = kinds[0] if isinstance(reference, Mapping) else kinds[1]
        raise MisfitError(f"expected {expected}, got {_kind_of(answer)}.")
    if several and not isinstance(answer, (tuple, list)):
        raise MisfitError(f"expected {len(want)} results, got {_kind_of(answer)}.")
    try:
        got = parts(
            tuple(answer) if several else list(answer) if isinstance(answer, tuple) else answer
        )
    except (ValueError, TypeError):
        raise MisfitError(f"your {noun} is no array: its rows have different lengths.") from None
    if several and len(got) != len(want):
        raise MisfitError(f"expected {len(want)} results, got {len(got)}.")
    missing, unknown = sorted(set(want) - set(got)), sorted(set(got) - set(want))
    if missing or unknown:
        lines = [
            f"{what} {', '.join(names)}"
            for what, names in (("missing", missing), ("not asked for", unknown))
            if names
        ]
        raise MisfitError(f"the names differ: {'; '.join(lines)}.")
    for name, array in got.items():
        _same_sort(array, want[name], f"your {noun}{_of(name)}")
    return got


def _same_sort(got: Array, want: Array, what: str) -> None:
    sorts = {"U": "text", "b": "True or False", "c": "complex numbers"}
    expected, came = (sorts.get(a.dtype.kind, "real numbers") for a in (want, got))
    if got.dtype.kind not in "Ubiufc":
        came = f"entries of dtype {got.dtype}"
    if got.size == 0 and want.size > 0:
        raise MisfitError(f"{what} is empty.")
    if expected != came and not (expected == "complex numbers" and came == "real numbers"):
        raise MisfitError(f"{what} should be {expected}, and it is {came}.")


# -- finding the reason -----------------------------------------------------


def _reason(exercise: Exercise, cases: list[_Case]) -> str | None:
    """Why the answer is not right, or None if it is."""
    noun = "result" if exercise.kind == "function" else "answer"
    tolerance = exercise.tolerance
    if all(same(case.got, case.want, tolerance) for case in cases):
        return None
    for k, mistake in enumerate(exercise.mistakes):
        if all(same(case.got, case.wrongs[k], tolerance) for case in cases):
            return f"your {noun} is {mistake.name}. Hint: {mistake.hint}"
    general = f" Hint: {exercise.hint}" if exercise.hint else ""
    return (
        _defect(cases, noun)
        or _look_alike(cases, noun, tolerance)
        or _difference(cases, noun, tolerance)
    ) + general


def same(got: Parts, want: Parts, tolerance: float) -> bool:
    """Whether all parts agree in shape and, relative to the largest entry, in value."""
    if set(got) != set(want):
        return False
    return all(_close(got[name], want[name], tolerance) for name in want)


def _close(got: Array, want: Array, tolerance: float) -> bool:
    if want.ndim == 0 and got.size == 1:
        got = got.reshape(())
    if got.shape != want.shape:
        return False
    if want.dtype.kind == "U" or got.dtype.kind == "U":
        return _words(got) == _words(want)
    if want.dtype.kind == "b":
        return bool(np.all(got == want))
    scale = float(np.max(np.abs(want), initial=0.0)) or 1.0
    with np.errstate(invalid="ignore"):
        return bool(np.all(np.abs(got - want) <= tolerance * scale))


def _words(array: Array) -> list[str]:
    return [" ".join(str(word).casefold().split()) for word in array.ravel()]


def _defect(cases: list[_Case], noun: str) -> str | None:
    """A wrong shape, NaN or infinity."""
    for case in cases:
        for name, got in case.got.items():
            want, what = case.want[name], f"your {noun}{_of(name)}"
            if got.dtype.kind in "fc" and not np.isfinite(got).all():
                return f"{what} contains {'NaN' if np.isnan(got).any() else 'infinity'}."
            if got.shape != want.shape and not (want.ndim == 0 and got.size == 1):
                turned = got.ndim == 2 and _close(got.T, want, 1e-6)
                if turned:
                    return f"{what} is the transpose of the right one."
                return f"{what} has shape {got.shape}, expected {want.shape}."
    return None


def _look_alike(cases: list[_Case], noun: str, tolerance: float) -> str | None:
    """The right result but for its sign, a constant factor or a transpose."""

    def all_same(change: Callable[[Array], Array]) -> bool:
        changed = ({name: change(a) for name, a in case.got.items()} for case in cases)
        return all(
            same(got, case.want, tolerance) for got, case in zip(changed, cases, strict=True)
        )

    first, want = (next(iter(p.values())) for p in (cases[0].got, cases[0].want))
    if want.dtype.kind in "Ub":
        return None
    if all_same(np.negative):
        return f"your {noun} has the wrong sign."
    if all_same(np.transpose):
        return f"your {noun} is the transpose of the right one."
    largest = int(np.argmax(np.abs(want)))
    many = len(cases) > 1 or want.size > 1
    factor = first.ravel()[largest] / want.ravel()[largest] if want.any() else 0.0
    if many and factor != 0 and all_same(lambda a: a / factor):
        return f"your {noun} is {factor:.3g} times the right one."
    return None


def _difference(cases: list[_Case], noun: str, tolerance: float) -> str:
    """Where the answer is wrong, without saying what is right."""
    for case in cases:
        for name, want in case.want.items():
            got = case.got[name]
            if _close(got, want, tolerance):
                continue
            if want.dtype.kind in "Ub":
                return f"your {noun}{_of(name)} is another one."
            if want.size == 1 and len(cases) == 1 and want.dtype.kind != "c":
                side = "large" if got.item() > want.item() else "small"
                return f"your {noun}{_of(name)} is too {side}."
            if want.size == 1:
                return f"your {noun}{_of(name)} differs from the right one."
            worst = np.unravel_index(int(np.argmax(np.abs(got - want))), want.shape)
            place = ", ".join(str(int(i)) for i in worst)
            return f"your {noun}{_of(name)} differs from the right one, most at [{place}]."
    raise AssertionError("no difference found")  # pragma: no cover


def _of(name: str) -> str:
    return f" {name}" if name else ""


def _kind_of(value: Any) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
