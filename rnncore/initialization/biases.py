"""Initial biases of the gates that keep the memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnncore import checks
from rnncore.cells.base import Array
from rnncore.initialization.blocks import Model, Names, check, finite, gate_biases
from rnncore.params import Params


def forget_bias(params: Params, model: Model, value: float = 1.0, *, names: Names = None) -> Params:
    """Open the gates that keep the memory, by their bias.

    LSTM, diagonal LSTM: b_f; coupled LSTM, where f = 1 - i: b_i = -value; memory cell: the keep
    gate; GRU, h' = (1 - z) n + z h: b_z. With value 1 the state keeps about 0.73 of itself a step.

    Parameters
    ----------
    params, model
        As for :func:`gaussian`.
    value
        The new bias; a recurrent bias of the same gate becomes zero.
    names
        Full names of the bias vectors, such as ``"cell.0.b"``; ``None`` means all that have a
        keeping gate.

    Raises
    ------
    ValueError, TypeError
        If no cell has such a gate, or a name is unknown or has none.

    References
    ----------
    Gers, Schmidhuber & Cummins (2000), Neural Computation 12(10); Jozefowicz, Zaremba &
    Sutskever (2015), ICML.

    Examples
    --------
    >>> from rnncore import LSTM
    >>> cell = LSTM(1, 2)
    >>> forget_bias(cell.init_params(np.random.default_rng(0)), cell)["b"]
    array([0., 0., 1., 1., 0., 0., 0., 0.])
    """
    value = finite(value, "value")
    check(params, model)
    return _set_biases(params, model, names, lambda n: np.full(n, value), write=False)


def chrono(
    params: Params,
    model: Model,
    rng: np.random.Generator,
    longest: float,
    *,
    names: Names = None,
) -> Params:
    """Spread the memory of the units over all time spans up to the longest.

    ::

        b_f = log(u),   b_i = -b_f,   u uniform on [1, longest - 1] for each unit

    A unit with f = sigma(log u) = u / (1 + u) forgets at rate 1 / (1 + u): its time span is
    1 + u steps. Where one gate does both (the coupled LSTM, and the GRU with z = 1 - update)
    it gets the one bias; for the memory cell f is keep and i is write.

    Parameters
    ----------
    params, model, rng, names
        As for :func:`forget_bias`.
    longest
        The longest dependence that is expected, in steps; more than 2.

    References
    ----------
    Tallec & Ollivier (2018), ICLR, "Can recurrent neural networks warp time?"

    Examples
    --------
    >>> from rnncore import LSTM
    >>> rng, cell = np.random.default_rng(0), LSTM(1, 3)
    >>> b = chrono(cell.init_params(rng), cell, rng, longest=100)["b"]
    >>> bool((b[:3] == -b[3:6]).all() and (0 <= b[3:6]).all() and (b[3:6] <= np.log(99)).all())
    True
    """
    checks.generator(rng)
    longest = finite(longest, "longest")
    if longest <= 2:
        raise ValueError(f"longest: expected more than 2 steps, got {longest}")
    check(params, model)
    return _set_biases(
        params, model, names, lambda n: np.log(rng.uniform(1, longest - 1, n)), write=True
    )


def _set_biases(
    params: Params, model: Model, names: Names, draw: Callable[[int], Array], write: bool
) -> Params:
    """Give each keeping gate a drawn bias, and with ``write`` its writing gate the opposite."""
    arrays = {name: np.array(array) for name, array in params.items()}
    for gate in gate_biases(model, names):
        value = draw(gate.units)
        rows = [(gate.keep, gate.sign * value)]
        if write and gate.write is not None:
            rows.append((gate.write, -value))
        for cut, bias in rows:
            arrays[gate.name][cut] = bias * gate.mask[cut]
            if gate.recurrent is not None:
                arrays[gate.recurrent][cut] = 0
    return Params(arrays)
