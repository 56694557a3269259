"""A question of an assignment: what is asked with which inputs, and what each part is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Arguments = tuple[Any, ...]
Function = Callable[..., Any]


@dataclass(frozen=True)
class Part:
    """A part of a question: inputs on which the answer is tried, and its points.

    Parameters
    ----------
    name
        Completes "right for ...": ``"an initial state that is not zero"``.
    points
        What the part is worth. It is given whole, when every case of the part is right.
    cases
        Makes the hidden inputs: a function of a generator that returns the argument tuples.
        Arguments may be numbers, strings, booleans, ``None``, arrays, and lists, tuples and
        dictionaries of these.
    """

    name: str
    points: float
    cases: Callable[[np.random.Generator], Sequence[Arguments]]

    def __post_init__(self) -> None:
        if not self.points > 0:
            raise ValueError(f"points: expected a positive number, got {self.points!r}")


@dataclass(frozen=True)
class Mistake:
    """A usual wrong answer: what the student is told who gave it.

    Parameters
    ----------
    name
        Completes "your values are those of ...": ``"the gradient without the last step"``.
    wrong
        The wrong function.
    """

    name: str
    wrong: Function


@dataclass(frozen=True)
class Question:
    """A question whose answer is a function that the student writes.

    Parameters
    ----------
    id
        The ``grade_id`` of the test cell in the master notebook, which carries the points.
    function
        The name of the student's function.
    truth
        The reference: the same arguments, the right value.
    parts
        The parts, at least one. Their points add up to those of the test cell.
    tolerance
        Largest allowed error, relative to the largest entry of the right array, or absolute
        where that is below one.
    mistakes
        Usual wrong answers.
    """

    id: str
    function: str
    truth: Function
    parts: tuple[Part, ...]
    tolerance: float = 1e-8
    mistakes: tuple[Mistake, ...] = ()

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError(f"parts: expected at least one for question {self.id!r}")
        if not self.function.isidentifier():
            raise ValueError(f"function: expected a name, got {self.function!r}")
        if not 0 < self.tolerance < 1:
            raise ValueError(f"tolerance: expected a number in (0, 1), got {self.tolerance!r}")

    @property
    def points(self) -> float:
        """What the whole question is worth."""
        return sum(part.points for part in self.parts)

    def cases(self, seed: Sequence[int]) -> list[list[Arguments]]:
        """The hidden inputs of each part, the same for the same seed."""
        streams = np.random.default_rng([*seed, *self.id.encode()]).spawn(len(self.parts))
        return [list(p.cases(rng)) for p, rng in zip(self.parts, streams, strict=True)]
