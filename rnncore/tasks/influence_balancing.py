"""Influence balancing: a parameter that helps at once and harms in the long run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import comb
from typing import Any, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.cells.general import GeneralCell
from rnncore.data import Batch
from rnncore.losses import SquaredError
from rnncore.network import Network
from rnncore.params import Params
from rnncore.readouts import Units

Array = np.ndarray
Influence = Callable[[int, int, int], Fraction | float]


class Tape(NamedTuple):
    """The state before the step (B, n) and the input (B, 1)."""

    s: Array
    x: Array


class BalancedChain(GeneralCell):
    """A linear chain of units that all hear one parameter, some with the wrong sign.

    ::

        s_i <- (s_i + s_{i+1}) / 2 + sigma_i theta x,   s_{n+1} = 0

    sigma_i is 1 for the first ``plus`` units and -1 for the others. The parameter reaches
    unit 1 at once with a plus, and from far down the chain, late, with a minus.

    Parameters
    ----------
    units
        n.
    plus
        How many units hear theta with a plus; fewer than half.

    Attributes
    ----------
    matrix, sign
        A (n, n), with 1/2 on the diagonal and just above it, and sigma (n,).
    """

    def __init__(self, units: int = 23, plus: int = 10) -> None:
        units, plus = _sizes(units, plus)
        self.plus = plus
        self.input_size, self.state_size = 1, units
        self.output = slice(0, units)
        self.shapes = {"theta": (1,)}
        self.matrix = (np.eye(units) + np.eye(units, k=1)) / 2
        self.sign = np.where(np.arange(units) < plus, 1.0, -1.0)

    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        """Draw theta from the standard normal distribution."""
        return Params({"theta": checks.generator(rng).standard_normal(1).astype(dtype)})

    def step(
        self, weights: Mapping[str, Array], s: Array, x: Array, u: Array | None = None
    ) -> tuple[Array, Tape]:
        matrix, sign = self.matrix.astype(s.real.dtype), self.sign.astype(s.real.dtype)
        return s @ matrix.T + weights["theta"] * x * sign, Tape(s, x)

    def pull(self, weights: Mapping[str, Array], tape: Tape, s_bar: Array) -> tuple[Array, Array]:
        return s_bar @ self.matrix.astype(s_bar.real.dtype), s_bar

    def input_adjoint(self, weights: Mapping[str, Array], tape: Tape, delta: Array) -> Array:
        return weights["theta"] * (delta @ self.sign.astype(delta.real.dtype))[..., None]

    def collect(
        self,
        weights: Mapping[str, Array],
        tapes: Sequence[Tape],
        deltas: Sequence[Array],
        per_example: bool = False,
    ) -> dict[str, Array]:
        sign = self.sign.astype(deltas[0].real.dtype)
        pairs = zip(deltas, tapes, strict=True)
        each = np.stack([(delta @ sign) * tape.x[:, 0] for delta, tape in pairs]).sum(axis=0)
        return {"theta": each[..., None] if per_example else each.sum().reshape(1)}

    def rest(self, theta: float) -> Array:
        """The state (n,) that the chain settles into while the input is 1: (I - A)^-1 sigma theta.

        Unit i holds 2 theta times the sum of sigma from unit i on.
        """
        return 2 * theta * np.cumsum(self.sign[::-1])[::-1]

    def _like(self, tape: Tape) -> Array:
        return tape.s


class Balancing(NamedTuple):
    """A network, its parameters, a batch, and the theta that makes the loss zero."""

    network: Network
    params: Params
    batch: Batch
    optimum: float


def influence_balancing(
    steps: int, *, units: int = 23, plus: int = 10, theta: float = 0.5
) -> Balancing:
    """The network on which truncated gradients point the wrong way, up to a long horizon.

    Unit 1 of a :class:`BalancedChain` shall be 1 at every step, the input is constantly 1, and
    the only parameter is theta. The chain starts at rest, so unit 1 is 2 (2 plus - n) theta.
    See :func:`balancing_influence` for what a truncated gradient makes of it.

    Parameters
    ----------
    steps
        Length T of the sequence.
    units, plus
        n, and how many of them hear theta with a plus; fewer than half.
    theta
        Where to start.

    Returns
    -------
    Balancing
        Network, params, a batch with inputs (T, 1, 1), targets (T, 1, 1) and the state at rest
        as its initial state; and the optimum, 1 / (2 (2 plus - n)).

    Raises
    ------
    ValueError
        If half of the units or more have a plus: then no truncation has the wrong sign.

    References
    ----------
    C. Tallec and Y. Ollivier (2017), Unbiasing truncated backpropagation through time,
    arXiv:1705.08209; (2018), Unbiased online recurrent optimization, ICLR.

    Examples
    --------
    >>> from rnncore import BPTT
    >>> from rnncore.learners.truncated import TruncatedBPTT
    >>> network, params, batch, optimum = influence_balancing(200)
    >>> BPTT(network).gradient(params, batch).grads["cell.theta"] > 0  # theta is too large
    array([ True])
    >>> TruncatedBPTT(network, 1, 10).gradient(params, batch).grads["cell.theta"] > 0
    array([False])
    """
    steps = checks.positive_int(steps, "steps")
    if not np.isfinite(theta):
        raise ValueError(f"theta: expected a finite number, got {theta}")
    cell = BalancedChain(units, plus)
    ones = np.ones((steps, 1, 1))
    return Balancing(
        Network(cell, Units([0]), SquaredError()),
        Params({"cell.theta": [float(theta)]}),
        Batch(ones, ones, initial_state=cell.rest(theta)[None]),
        1 / (2 * (2 * plus - units)),
    )


def balancing_influence(window: int, units: int = 23, plus: int = 10) -> Fraction:
    """What a change of theta during the last ``window`` steps does to unit 1, in closed form.

    A^k = 2^-k (I + shift)^k, so what unit 1 + j hears is worth binom(k, j) 2^-k to unit 1 after
    k steps. Summed over k, with X the number of heads in ``window`` tosses of a coin::

        g(window) = 2 sum_j sigma_j P(X >= j) = 2 E[2 min(X, plus) - min(X, n)]

    The gradient of a loss carried back over ``window`` steps is (s_1 - 1) g(window); the true
    one is (s_1 - 1) g(infinity) = (s_1 - 1) 2 (2 plus - n), with the other sign.

    Parameters
    ----------
    window
        Number of steps, 0 or more.
    units, plus
        As in :func:`influence_balancing`.

    Returns
    -------
    Fraction
        g, without rounding.

    Examples
    --------
    >>> [float(balancing_influence(window)) for window in (1, 10, 1000)]
    [1.0, 10.0, -6.0]
    """
    units, plus = _sizes(units, plus)
    if isinstance(window, bool) or not isinstance(window, int | np.integer) or window < 0:
        raise ValueError(f"window: expected an integer of at least 0, got {window!r}")
    window = int(window)
    total = sum(
        comb(window, heads) * (2 * min(heads, plus) - min(heads, units))
        for heads in range(window + 1)
    )
    return Fraction(2 * total, 2**window)


def influence_by_running(window: int, units: int = 23, plus: int = 10) -> float:
    """What :func:`balancing_influence` gives, found by running the chain.

    Theta is larger by one during the last ``window`` steps; the chain is linear in theta, so the
    difference of the two runs is the derivative.

    Examples
    --------
    >>> influence_by_running(10)
    10.0
    """
    window = checks.positive_int(window, "window")
    network, params, batch, _ = influence_balancing(window, units=units, plus=plus)
    moved = params.replace(**{"cell.theta": params["cell.theta"] + 1})
    one, other = (network.forward(p, batch).outputs[-1, 0, 0] for p in (params, moved))
    return float(other - one)


def balancing_horizon(
    units: int = 23, plus: int = 10, influence: Influence = balancing_influence
) -> int:
    """The shortest window whose gradient has the right sign; no shorter one has.

    It is the first window with g < 0. g rises while unit 1 hears the plus and falls from then
    on, so the sign changes once: about where a coin gives 2 plus heads in the mean, at 4 plus.

    Parameters
    ----------
    units, plus
        As in :func:`influence_balancing`.
    influence
        :func:`balancing_influence` or :func:`influence_by_running`.

    Examples
    --------
    >>> balancing_horizon(), balancing_horizon(influence=influence_by_running)
    (41, 41)
    """
    units, plus = _sizes(units, plus)
    window = 1
    while influence(window, units, plus) >= 0:
        window += 1
    return window


def _sizes(units: int, plus: int) -> tuple[int, int]:
    units, plus = checks.positive_int(units, "units"), checks.positive_int(plus, "plus")
    if 2 * plus >= units:
        raise ValueError(
            f"plus: expected fewer than half of the {units} units, so that the long run "
            f"outweighs the short one, got {plus}"
        )
    return units, plus
