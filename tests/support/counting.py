"""Multiplications counted exactly, arrays weighed, and the formulas of the learners' cards.

Arrays of the class :class:`Counting` tally each multiplication (and division) that has them as
an operand: elementwise ones by the size of the result, matrix products by all their indices. A
function of NumPy whose multiplications are not known here is refused, so that none slips by.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from rnncore.cells import Cell
from rnncore.network import Network, Weights
from rnncore.params import Params

MULTIPLYING = {
    np.multiply,
    np.divide,
    np.square,
    np.power,
    np.reciprocal,
    np.remainder,
    np.floor_divide,
}
# Functions of arrays (other than ufuncs) that move, choose or add numbers, and never multiply.
MOVING = {
    getattr(np, name)
    for name in (
        "argsort array_equal array_split atleast_2d broadcast_to concatenate copy count_nonzero "
        "empty_like expand_dims full_like moveaxis ones_like ravel repeat reshape result_type "
        "shape size split stack sum swapaxes take take_along_axis tile transpose where zeros_like"
    ).split()
}
MAKING = ("empty", "eye", "full", "ones", "zeros")


class Counting(np.ndarray):
    """An array that counts multiplications."""

    tally = 0

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [bare(item) for item in inputs]
        out = kwargs.get("out")
        kwargs = {key: mapped(bare, value) for key, value in kwargs.items()}
        result = getattr(ufunc, method)(*plain, **kwargs)
        if ufunc is np.matmul:
            Counting.tally += np.size(result) * plain[0].shape[-1]
        elif ufunc in MULTIPLYING:
            if method == "at":
                raise NotImplementedError(f"{ufunc}.at: its multiplications are not counted")
            Counting.tally += np.size(result if method == "__call__" else plain[0])
        elif getattr(ufunc, "signature", None) is not None:
            raise NotImplementedError(f"{ufunc}: its multiplications are not counted")
        return counting(result) if out is None else out[0]

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func is np.einsum:
            Counting.tally += einsum_products(*args)
        elif func is np.dot and all(item.ndim == 2 for item in args):
            Counting.tally += len(args[0]) * np.size(args[1])
        elif func not in MOVING:
            raise NotImplementedError(f"{func.__name__}: its multiplications are not counted")
        return counting(func(*mapped(bare, args), **mapped(bare, kwargs)))


def bare(item: Any) -> Any:
    """The same numbers in an ordinary array."""
    return item.view(np.ndarray) if isinstance(item, Counting) else item


def counting(item: Any) -> Any:
    """The same numbers in an array that counts, inside of anything that holds arrays."""
    return mapped(_counting, item)


def _counting(item: Any) -> Any:
    if isinstance(item, np.ndarray | np.floating | np.integer):
        return np.asarray(item).view(Counting)
    return item


def mapped(change: Callable[[Any], Any], item: Any) -> Any:
    """Change every leaf of nested containers."""
    if isinstance(item, Mapping):
        return {key: mapped(change, value) for key, value in item.items()}
    if isinstance(item, tuple) and hasattr(item, "_fields"):
        return type(item)(*(mapped(change, value) for value in item))
    if isinstance(item, tuple | list):
        return type(item)(mapped(change, value) for value in item)
    return change(item)


def einsum_products(subscripts: str, *operands: Any) -> int:
    """Multiplications of an explicit sum: one less than the operands, for each index."""
    if len(operands) == 1:  # takes out, or sums
        return 0
    letters = subscripts.partition("->")[0].split(",")
    sizes = {
        letter: size
        for names, operand in zip(letters, operands, strict=True)
        for letter, size in zip(names, np.shape(operand), strict=True)
    }
    return (len(operands) - 1) * math.prod(sizes.values())


class CountingNetwork(Network):
    """A network whose weights count."""

    def prepare(self, params: Params, *arrays: Any) -> Weights:
        weights = super().prepare(params, *arrays)
        return weights._replace(cell=counting(weights.cell), readout=counting(weights.readout))


class CountingGenerator(np.random.Generator):
    """A generator whose arrays count."""

    def integers(self, *args: Any, **kwargs: Any) -> Any:
        return counting(super().integers(*args, **kwargs))

    def standard_normal(self, *args: Any, **kwargs: Any) -> Any:
        return counting(super().standard_normal(*args, **kwargs))


@contextmanager
def arrays_count() -> Iterator[None]:
    """Arrays that are made meanwhile count, too: two fresh ones may be multiplied."""
    makers = {name: getattr(np, name) for name in MAKING}
    plain = np.asarray

    def also(make: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: make(*args, **kwargs).view(Counting)

    def kept(item: Any, *args: Any, **kwargs: Any) -> Any:
        # np.asarray would turn an array that counts into an ordinary one.
        made = plain(item, *args, **kwargs)
        return made.view(Counting) if isinstance(item, Counting) else made

    try:
        for name, make in makers.items():
            setattr(np, name, also(make))
        np.asarray = kept
        yield
    finally:
        np.asarray = plain
        for name, make in makers.items():
            setattr(np, name, make)


# -- memory ----------------------------------------------------------------------


def weigh(item: Any, without: Any = ()) -> int:
    """Bytes of all arrays that an object keeps alive, each counted once.

    A view keeps the whole of its array alive. ``without`` holds arrays that others own.
    """
    owners: dict[int, np.ndarray] = {}
    _gather(item, owners, set())
    strangers: dict[int, np.ndarray] = {}
    _gather(without, strangers, set())
    return sum(owner.nbytes for key, owner in owners.items() if key not in strangers)


def _gather(item: Any, owners: dict[int, np.ndarray], seen: set[int]) -> None:
    if isinstance(item, np.ndarray):
        while isinstance(item.base, np.ndarray):
            item = item.base
        owners[id(item)] = item
        return
    if id(item) in seen or isinstance(item, Cell | np.random.Generator | np.random.BitGenerator):
        return
    seen.add(id(item))
    if isinstance(item, Mapping):
        parts = list(item.values())
    elif isinstance(item, tuple | list):
        parts = list(item)
    else:
        slots = [name for cls in type(item).__mro__ for name in getattr(cls, "__slots__", ())]
        parts = [getattr(item, name) for name in slots if hasattr(item, name)]
        parts += list(getattr(item, "__dict__", {}).values())
    for part in parts:
        _gather(part, owners, seen)


# -- formulas --------------------------------------------------------------------

_TOKEN = re.compile(r"\s*(sqrt\(|\)|\^|\+|/|[0-9]+|[A-Za-z][0-9]?(?![A-Za-z]))")


def evaluate(formula: str, values: Mapping[str, float]) -> float:
    """The number that a card's formula gives.

    ::

        formula = sum ["in the mean"]        product = power {power}
        sum     = quotient {"+" quotient}    power   = atom ["^" integer]
        quotient = product {"/" product}     atom    = integer | letter [digit] | "sqrt(" sum ")"

    Raises
    ------
    ValueError
        If it does not follow this grammar, or has a letter without a value.
    """
    text, tokens, place = formula.removesuffix("in the mean").rstrip(), [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"formula: cannot read {text[place:]!r} in {formula!r}")
        tokens.append(match[1])
        place = match.end()
    number = _sum(tokens, values)
    if tokens:
        raise ValueError(f"formula: {tokens[0]!r} is out of place in {formula!r}")
    return number


def _sum(tokens: list[str], values: Mapping[str, float]) -> float:
    total = _quotient(tokens, values)
    while tokens and tokens[0] == "+":
        tokens.pop(0)
        total += _quotient(tokens, values)
    return total


def _quotient(tokens: list[str], values: Mapping[str, float]) -> float:
    result = _product(tokens, values)
    while tokens and tokens[0] == "/":
        tokens.pop(0)
        result /= _product(tokens, values)
    return result


def _product(tokens: list[str], values: Mapping[str, float]) -> float:
    result = _power(tokens, values)
    while tokens and (tokens[0][0].isalnum()):
        result *= _power(tokens, values)
    return result


def _power(tokens: list[str], values: Mapping[str, float]) -> float:
    base = _atom(tokens, values)
    if tokens and tokens[0] == "^":
        tokens.pop(0)
        if not tokens or not tokens[0].isdigit():
            raise ValueError("formula: an exponent must be an integer")
        base **= int(tokens.pop(0))
    return base


def _atom(tokens: list[str], values: Mapping[str, float]) -> float:
    if not tokens:
        raise ValueError("formula: ends too early")
    token = tokens.pop(0)
    if token == "sqrt(":
        inner = _sum(tokens, values)
        if not tokens or tokens.pop(0) != ")":
            raise ValueError("formula: a root is not closed")
        return math.sqrt(inner)
    if token.isdigit():
        return float(token)
    if token not in values:
        raise ValueError(f"formula: nothing is known of {token!r}")
    return float(values[token])
