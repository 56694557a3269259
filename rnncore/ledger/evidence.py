"""Pieces of evidence: comparisons with a truth, and measured quantities within bounds.

Every piece carries what would make it fail: a comparison that must hold has a control that must
not, a measurement has a control value that violates its bound. Numbers that are kept are
rounded, so that a record does not depend on the machine that made it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np


class SettleError(AssertionError):
    """A check of the ledger did not come out, or could not have failed."""


def number(value: Any, digits: int = 2) -> str:
    """Format a value with so many significant digits, or exactly where it is an integer.

    Examples
    --------
    >>> number(0.8333), number(2.0), number(1234.5), number(10000), number(3.2e-7)
    ('0.83', '2.0', '1200', '10000', '3.2e-07')
    """
    if isinstance(value, Integral):
        return str(int(value))
    value = float(value)
    if value == 0 or not 1e-3 <= abs(value) < 1e6:
        return f"{value:.{digits}g}"
    places = digits - 1 - math.floor(math.log10(abs(float(f"{value:.{digits}g}"))))
    return f"{round(value, places):.{max(places, 0)}f}"


def tolerance(tol: float) -> str:
    """Format a tolerance: ``1e-12``, or ``the last digit`` for an exact comparison."""
    if tol == 0:
        return "the last digit"
    mantissa, exponent = f"{tol:e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}" if tol < 1e-3 else f"{tol:g}"


def as_arrays(value: Any, name: str) -> dict[str, np.ndarray]:
    """Return a value as named arrays; a lone array or scalar gets the name ``""``.

    Raises
    ------
    SettleError
        If the value is empty, not numeric, or has an entry that is not finite.
    """
    items = value if isinstance(value, Mapping) else {"": value}
    if not items:
        raise SettleError(f"{name} is empty")
    arrays = {}
    for key, item in items.items():
        label = f"{name}[{key!r}]" if key else name
        array = np.asarray(item)
        if array.dtype == object:  # fractions and integers of any size
            try:
                array = np.array(array.tolist(), dtype=float)
            except (TypeError, ValueError, OverflowError):
                raise SettleError(f"{label} is not numeric: {item!r:.80}") from None
        if array.dtype.kind not in "biufc":
            raise SettleError(f"{label} is not numeric: dtype {array.dtype}")
        if array.size == 0:
            raise SettleError(f"{label} has no entries")
        if not np.isfinite(array).all():
            raise SettleError(f"{label} has entries that are not finite")
        arrays[key] = array.astype(np.result_type(array.dtype, np.float64))
    return arrays


def _check_pair(a: dict[str, np.ndarray], b: dict[str, np.ndarray], what: str) -> None:
    if a.keys() != b.keys():
        raise SettleError(f"{what} has the names {list(a)}, the truth has {list(b)}")
    for key in b:
        if a[key].shape != b[key].shape:
            label = f"{what}[{key!r}]" if key else what
            raise SettleError(f"{label} has shape {a[key].shape}, the truth has {b[key].shape}")


def relative_error(a: Any, b: Any, what: str = "value") -> float:
    """Return ``max|a - b| / max|b|``, for named arrays the largest over the names.

    Raises
    ------
    SettleError
        If names or shapes differ, an entry is not finite, or an array of ``b`` is zero.

    Examples
    --------
    >>> relative_error([1.0, 2.0], [1.0, 4.0])
    0.5
    """
    left, right = as_arrays(a, what), as_arrays(b, "truth")
    _check_pair(left, right, what)
    worst = 0.0
    for key, truth in right.items():
        scale = np.abs(truth).max()
        if scale == 0:
            label = f"truth[{key!r}]" if key else "truth"
            raise SettleError(f"{label} is zero everywhere, so agreement would prove nothing")
        worst = max(worst, float(np.abs(left[key] - truth).max() / scale))
    return worst


def entries(value: Any) -> int:
    """Return how many numbers a value holds."""
    return sum(array.size for array in as_arrays(value, "value").values())


def _same_object(a: Any, b: Any) -> bool:
    if isinstance(a, Mapping) or isinstance(b, Mapping):
        return a is b
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.shares_memory(a, b)
    return False


def _check_thresholds(tol: float, margin: float) -> None:
    if not 0 <= tol <= 1e-3:
        raise SettleError(f"tol must lie in [0, 1e-3], got {tol!r}")
    if not max(10 * tol, 1e-6) <= margin < math.inf:
        raise SettleError(f"margin must be at least 1e-6 and ten times tol, got {margin!r}")


@dataclass(frozen=True)
class Evidence:
    """One piece of evidence that came out.

    Attributes
    ----------
    line : str
        What was found, in a few words and with rounded numbers.
    record : dict
        The same, readable by a machine.
    """

    line: str
    record: dict[str, Any]


def agrees(
    what: str, value: Any, truth: Any, *, control: Any, tol: float = 1e-12, margin: float = 0.05
) -> Evidence:
    """Check that a value is the truth to a tolerance, and that a wrong variant is not.

    Parameters
    ----------
    what : str
        Name of the value in the printed line.
    value, truth, control : array, scalar or mapping of arrays
        ``control`` is a wrong variant of the value; it must miss the truth by ``margin``.
    tol, margin : float
        Largest and smallest relative error of ``value`` and of ``control``.

    Raises
    ------
    SettleError
        If the value misses the truth, the control does not, or nothing would be proved.

    Examples
    --------
    >>> agrees("half of it", 0.5 * 4.0, 2.0, control=4.0).line
    'half of it agrees to 1e-12 (1 entry), control off by 1.0'
    """
    _check_thresholds(tol, margin)
    if _same_object(value, truth):
        raise SettleError(f"{what} and the truth are the same object")
    error = relative_error(value, truth, what)
    if not error <= tol:
        raise SettleError(f"{what} is off by {error:.3g}, allowed is {tol:g}")
    missed = relative_error(control, truth, "control")
    if not missed > margin:
        raise SettleError(f"the control is off by {missed:.3g} only, it must exceed {margin:g}")
    count = entries(truth)
    line = (
        f"{what} agrees to {tolerance(tol)} ({count} {'entry' if count == 1 else 'entries'}), "
        f"control off by {number(missed)}"
    )
    record = {"kind": "agrees", "what": what, "entries": count, "tol": tol, "margin": margin}
    return Evidence(line, {**record, "control": number(missed)})


def differs(what: str, value: Any, truth: Any, *, margin: float = 0.05) -> Evidence:
    """Check that a value misses the truth by more than a margin.

    Raises
    ------
    SettleError
        If it does not, or if names or shapes differ (see `misshapen`).

    Examples
    --------
    >>> differs("printed formula", [1.0, 2.0], [1.0, -2.0]).line
    'printed formula off by 2.0'
    """
    _check_thresholds(0.0, margin)
    error = relative_error(value, truth, what)
    if not error > margin:
        raise SettleError(f"{what} is off by {error:.3g} only, it must exceed {margin:g}")
    record = {"kind": "differs", "what": what, "entries": entries(truth), "margin": margin}
    record["error"] = number(error)
    line = f"{what} off by {number(error)}"
    if np.ndim(value) == 2 and np.shape(value)[0] == np.shape(value)[1] > 1:
        if relative_error(np.asarray(value).T, truth) <= 1e-12:
            record["transpose"] = "agrees"
            line += ", its transpose agrees to 1e-12"
    return Evidence(line, record)


def misshapen(what: str, value: Any, truth: Any, *, tol: float = 1e-12) -> Evidence:
    """Check that a value has another shape than the truth; compare its transpose where it fits.

    Raises
    ------
    SettleError
        If the shapes are equal, or one of the two is not a single array.

    Examples
    --------
    >>> a = np.arange(6.0).reshape(2, 3)
    >>> misshapen("printed formula", a.T.copy(), a).line
    'printed formula has shape (3, 2), not (2, 3); its transpose agrees to 1e-12'
    """
    left, right = as_arrays(value, what), as_arrays(truth, "truth")
    if set(left) != {""} or set(right) != {""}:
        raise SettleError(f"{what}: shapes can be compared for single arrays only")
    got, want = left[""].shape, right[""].shape
    if got == want:
        raise SettleError(f"{what} has the shape of the truth, {want}: leave out wrong_shape")
    line = f"{what} has shape {got}, not {want}"
    record = {"kind": "misshapen", "what": what, "got": list(got), "want": list(want)}
    if got[::-1] == want:
        error = relative_error(left[""].T, right[""], what)
        fits = error <= tol
        record["transpose"] = "agrees" if fits else number(error)
        ending = f"agrees to {tolerance(tol)}" if fits else f"is off by {number(error)}"
        line += f"; its transpose {ending}"
    return Evidence(line, record)


_NOISE = 1e-9  # smaller measured values are rounding noise: only their bound is shown


def measured(
    what: str,
    value: float,
    *,
    control: float,
    below: float | None = None,
    above: float | None = None,
    between: tuple[float, float] | None = None,
    versus: str = "control",
    show: bool = True,
) -> Evidence:
    """Check that a measured quantity lies within a bound that a control violates.

    Parameters
    ----------
    what : str
        Name of the quantity in the printed line.
    value : float
        What was measured.
    control : float
        The same quantity where it must violate the bound, for instance of another method.
    below, above, between : float, float, pair of floats
        The bound: exactly one of the three. Bounds are exclusive.
    versus : str
        Name of the control in the printed line.
    show : bool
        False prints the bound alone: for timings and whatever else depends on the machine.

    Raises
    ------
    SettleError
        If the value violates the bound, the control does not, or one of them is not finite.

    Examples
    --------
    >>> measured("bytes, T = 1000 over T = 10", 1.0, below=1.1, control=98.7, versus="BPTT").line
    'bytes, T = 1000 over T = 10: 1.0 (below 1.1; BPTT: 99)'
    """
    low, high, bound = _bounds(what, below, above, between)
    _check_real(value, f"{what}: value")
    _check_real(control, f"{what}: control")
    if not low < value < high:
        raise SettleError(f"{what} is {value:.6g}, it must be {bound}")
    if low < control < high:
        raise SettleError(
            f"{what}: the control {control:.6g} is {bound} too, so it controls nothing"
        )
    seen = number(value) if show and (abs(value) > _NOISE or value == 0) else ""
    missed = number(control) if show and (abs(control) > _NOISE or control == 0) else ""
    tail = f"{versus}: {missed}" if missed else f"{versus} is not"
    line = f"{what}: {seen} ({bound}; {tail})" if seen else f"{what}: {bound} ({tail})"
    record = {"kind": "measured", "what": what, "value": seen, "bound": bound}
    return Evidence(line, {**record, "control": missed, "versus": versus})


def _check_real(x: Any, name: str) -> None:
    if np.ndim(x) != 0 or np.asarray(x).dtype.kind not in "iuf":
        raise SettleError(f"{name} must be a real number, got {x!r:.60}")
    if not math.isfinite(x):
        raise SettleError(f"{name} is {x}")


def _bounds(
    what: str,
    below: float | None,
    above: float | None,
    between: tuple[float, float] | None,
) -> tuple[float, float, str]:
    if sum(x is not None for x in (below, above, between)) != 1:
        raise SettleError(f"{what}: give exactly one of below, above, between")
    if below is not None:
        low, high, text = -math.inf, float(below), f"below {below:g}"
    elif above is not None:
        low, high, text = float(above), math.inf, f"above {above:g}"
    else:
        assert between is not None
        low, high = map(float, between)
        text = f"between {between[0]:g} and {between[1]:g}"
    if (
        not low < high
        or math.isnan(low)
        or math.isnan(high)
        or (low, high) == (-math.inf, math.inf)
    ):
        raise SettleError(f"{what}: the bound ({low}, {high}) is empty or no bound at all")
    return low, high, text
