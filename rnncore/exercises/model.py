"""What an exercise is: a reference answer, and the usual mistakes with a hint for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np

Array = np.ndarray
Parts = dict[str, Array]
Kind = Literal["value", "array", "function"]
Inputs = Callable[[np.random.Generator], tuple[Any, ...]]

DEFAULT_TOLERANCE = {"value": 1e-3, "array": 1e-3, "function": 1e-8}
WHOLE_NUMBERS = 1e-12


def parts(answer: Any) -> Parts:
    """The named arrays of which an answer consists: one, or one for each entry."""
    if isinstance(answer, Mapping):
        return {repr(name): _array(value) for name, value in answer.items()}
    if isinstance(answer, tuple):
        return {f"number {k}": _array(value) for k, value in enumerate(answer, start=1)}
    return {"": _array(answer)}


def _array(value: Any) -> Array:
    array = np.asarray(value)
    if array.dtype == object and all(isinstance(entry, Real) for entry in array.flat):
        return array.astype(float)  # fractions
    return array


@dataclass(frozen=True)
class Mistake:
    """A usual wrong answer, and what to say to it.

    Parameters
    ----------
    name
        What the wrong answer is, so that "your result is <name>." reads as a sentence:
        ``"the transpose of the gradient"``.
    wrong
        The wrong answer: of the same kind as the reference, so a function for an exercise of
        kind ``"function"``.
    hint
        One or two sentences that lead on without giving the answer away.
    """

    name: str
    wrong: Any
    hint: str

    def __post_init__(self) -> None:
        for part in ("name", "hint"):
            text = getattr(self, part)
            if not isinstance(text, str) or not text.strip() or "\n" in text:
                raise ValueError(f"{part}: expected one line of text, got {text!r}")


@dataclass(frozen=True)
class Exercise:
    """An exercise that can tell a right answer from a wrong one.

    Parameters
    ----------
    id
        ``"ch3.1"``: chapter 3, exercise 1.
    prompt
        The question in one line.
    kind
        ``"value"`` (a number, a word, True or False), ``"array"`` (also a tuple or a mapping
        of arrays), or ``"function"``.
    reference
        The right answer. For kind ``"function"`` a function that computes it; it may return a
        number, an array, a tuple or a mapping of arrays.
    mistakes
        The usual wrong answers, most specific first.
    inputs
        For kind ``"function"``: ``inputs(rng)`` returns the arguments of one test case as a
        tuple. Draw them so that no mistake hides: random weights, non-zero initial states,
        T, B, D, n all different, so that no wrong shape fits by chance.
    tolerance
        Largest difference allowed, relative to the largest entry of the reference. By default
        1e-3 for values and arrays worked out by hand (whole numbers must be exact), 1e-8 for
        functions.
    cases
        How many random cases a function must pass.
    hint
        Said to a wrong answer that is none of the usual mistakes.

    Examples
    --------
    >>> half = Exercise(
    ...     id="ch1.9", prompt="What is logistic(0)?", kind="value", reference=0.5,
    ...     mistakes=[Mistake("the value of tanh", 0.0, "Put a = 0 into 1 / (1 + exp(-a)).")],
    ... )
    >>> half.tolerance
    0.001
    """

    id: str
    prompt: str
    kind: Kind
    reference: Any
    mistakes: Sequence[Mistake] = ()
    inputs: Inputs | None = None
    tolerance: float = 0.0
    cases: int = 4
    hint: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"ch[1-9]\d*\.[1-9]\d*", self.id):
            raise ValueError(f"id: expected something like 'ch3.1', got {self.id!r}")
        if self.kind not in DEFAULT_TOLERANCE:
            raise ValueError(
                f"{self.id}: kind: expected one of {list(DEFAULT_TOLERANCE)}, got {self.kind!r}"
            )
        if not self.prompt.strip() or "\n" in self.prompt:
            raise ValueError(f"{self.id}: prompt: expected one line of text, got {self.prompt!r}")
        if self.tolerance < 0 or self.cases < 1:
            raise ValueError(f"{self.id}: tolerance and cases: expected positive numbers")
        is_function = self.kind == "function"
        if is_function and self.inputs is None:
            raise ValueError(f"{self.id}: inputs: needed for kind 'function'")
        for answer in (self.reference, *(mistake.wrong for mistake in self.mistakes)):
            if callable(answer) != is_function:
                raise ValueError(
                    f"{self.id}: reference and mistakes: expected "
                    f"{'functions' if is_function else 'values, not functions'} for kind "
                    f"{self.kind!r}, got {type(answer).__name__}"
                )
        object.__setattr__(self, "mistakes", tuple(self.mistakes))
        whole = not is_function and all(
            a.dtype.kind in "iu" for a in parts(self.reference).values()
        )
        default = WHOLE_NUMBERS if whole else DEFAULT_TOLERANCE[self.kind]
        object.__setattr__(self, "tolerance", self.tolerance or default)
