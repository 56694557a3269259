"""Comparison of what was computed with what is true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from rnncore import checks

Array = np.ndarray


def relative_error(got: Any, want: Any) -> float:
    """The largest difference relative to the largest true entry, max|got - want| / max|want|.

    Raises
    ------
    ValueError
        If the shapes differ, an entry is not finite, or ``want`` is zero everywhere (a dead
        gradient proves nothing).

    Examples
    --------
    >>> relative_error([1.0, 2.5], [1.0, 2.0])
    0.25
    """
    want = checks.finite(checks.numeric(want, "want"), "want")
    got = checks.finite(checks.shape(checks.numeric(got, "got"), want.shape, "got"), "got")
    scale = np.abs(want).max(initial=0.0)
    if scale == 0:
        raise ValueError("want: zero everywhere, so the comparison would prove nothing")
    return float(np.abs(got - want).max() / scale)


class Comparison(NamedTuple):
    """The worst disagreement between two sets of arrays.

    Attributes
    ----------
    max_relative
        The largest :func:`relative_error` of any array.
    parameter, entry
        Where: the name of the array and the entry of its largest difference.
    got, want
        The two numbers there.
    """

    max_relative: float
    parameter: str
    entry: tuple[int, ...]
    got: complex
    want: complex

    def __str__(self) -> str:
        place = f"{self.parameter}[{', '.join(map(str, self.entry))}]"
        return (
            f"largest relative difference {self.max_relative:.1e} at {place}: "
            f"got {self.got:.17g}, want {self.want:.17g}"
        )


def compare(got: Mapping[str, Array], want: Mapping[str, Array]) -> Comparison:
    """Compare arrays name by name, each relative to its own largest true entry.

    Raises
    ------
    ValueError
        If the names or shapes differ, an entry is not finite, or a true array is zero
        everywhere.

    Examples
    --------
    >>> print(compare({"w": np.array([1.0, 2.5])}, {"w": np.array([1.0, 2.0])}))
    largest relative difference 2.5e-01 at w[1]: got 2.5, want 2
    """
    checks.names(got, want, "got")
    worst: Comparison | None = None
    for name in want:
        try:
            error = relative_error(got[name], want[name])
        except ValueError as problem:
            raise ValueError(f"{name}: {problem}") from None
        if worst is None or error > worst.max_relative:
            mine, true = np.asarray(got[name]), np.asarray(want[name])
            index = np.unravel_index(int(np.abs(mine - true).argmax()), true.shape)
            place = tuple(int(i) for i in index)
            worst = Comparison(error, name, place, mine[place].item(), true[place].item())
    if worst is None:
        raise ValueError("want: expected at least one array, got none")
    return worst
