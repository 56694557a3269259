"""Count the operations of one online step: an array that notes what is done with it.

python -m tests.support.tally
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnncore import Linear, Network, SquaredError
from rnncore.cells import Cell
from rnncore.learners.base import OnlineLearner


class Counted(np.ndarray):
    """An array whose ufuncs are counted: one for each number made, or multiplied and added."""

    total = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):  # type: ignore
        plain = [np.asarray(a) if isinstance(a, np.ndarray) else a for a in inputs]
        if "where" in kwargs:
            kwargs["where"] = np.asarray(kwargs["where"])
        if out is not None:
            kwargs["out"] = tuple(np.asarray(a) for a in out)
        result = getattr(ufunc, method)(*plain, **kwargs)
        size = max(np.size(result), *(np.size(a) for a in plain))
        if ufunc is np.matmul:
            size = np.size(result) * np.shape(plain[0])[-1]
        Counted.total += size
        return result.view(Counted) if isinstance(result, np.ndarray) else result


def watched(value: Any) -> Any:
    """The same arrays, in whatever they are held, as ones that count."""
    if isinstance(value, np.ndarray):
        return value.view(Counted)
    if isinstance(value, tuple):
        made = [watched(part) for part in value]
        return type(value)(*made) if hasattr(value, "_fields") else tuple(made)
    if hasattr(value, "items"):
        return {name: watched(part) for name, part in value.items()}
    return value


def operations(learner: Callable[[Network], OnlineLearner], cell: Cell) -> tuple[int, int]:
    """How many operations the third step takes, and the number P of parameters of the cell."""
    net = Network(cell, Linear(cell.output_size, 1), SquaredError())
    rng = np.random.default_rng(0)
    params, made = net.init_params(rng), learner(net)
    weights = watched(net.prepare(params))
    memory = made.init(params, rng=rng)
    x, target = rng.standard_normal((1, cell.input_size)), np.ones((1, 1))
    for _ in range(3):
        Counted.total = 0
        memory, _ = made.advance(weights, watched(memory), watched(x), watched(target), None)
    return Counted.total, cell.size


def exponent(
    learner: Callable[[Network], OnlineLearner],
    cell: Callable[[int], Cell],
    sizes: tuple[int, int] = (32, 64),
) -> float:
    """The power of n with which the operations of a step grow between two sizes."""
    counts = [operations(learner, cell(n))[0] for n in sizes]
    return float(np.log(counts[1] / counts[0]) / np.log(sizes[1] / sizes[0]))


if __name__ == "__main__":
    from rnncore import GRU, LSTM, RTRL, Vanilla
    from rnncore.learners import DNI, KFRTRL, UORO, ForwardGradient

    for kind in (Vanilla, LSTM, GRU):
        for made in (UORO, ForwardGradient, KFRTRL, DNI, RTRL):
            if not (kind is GRU and made is KFRTRL):
                sizes = (8, 16, 32) if made is RTRL else (16, 32, 64)
                rows = [operations(made, kind(2, n)) for n in sizes]
                per = ", ".join(f"{a} = {a / p:.1f} P" for a, p in rows)
                power = exponent(made, lambda n, k=kind: k(2, n), sizes[-2:])
                print(f"{kind.__name__:8s} {made.name:17s} n^{power:.2f}  n = {sizes}:  {per}")
