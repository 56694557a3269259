"""Randomly truncated backpropagation through time, made unbiased."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rnncore.learners.base import Array, Card, OnlineLearner, Share
from rnncore.learners.instant import Instant
from rnncore.learners.truncated import Past, carry_back
from rnncore.network import Network, Weights
from rnncore.params import Params


class Memory(NamedTuple):
    """State (B, N), the steps since the last cut, the number of all steps, and the generator."""

    state: Array
    past: tuple[Past, ...]
    steps: int
    rng: np.random.Generator


def falling(length: float, exponent: float) -> Callable[[int], float]:
    """Chances of a cut that fall with the age d = 1, 2, ... of the stretch.

    ::

        c(d) = (a - 1) / ((a - 2) L + d)

    The mean length of a stretch is L exactly, and longer ones are rare as a power,
    P(length > d) ~ d^-(a - 1). The compensation prod 1 / (1 - c) grows as d^(a - 1). With a
    constant chance both are exponential.

    Parameters
    ----------
    length
        L, above 1.
    exponent
        a, above 2.

    Examples
    --------
    >>> chance = falling(10, 4)
    >>> [round(chance(age), 3) for age in (1, 10, 100)]
    [0.143, 0.1, 0.025]

    Notes
    -----
    Mean and tail follow from the chances of survival, prod (1 - c), by summing Gamma functions,
    and are tested. Any chances below 1 leave :class:`ARTBP` unbiased, so nothing rests on this
    formula; it has not been compared with the one that the paper gives.
    """
    if not 1 < length < np.inf:
        raise ValueError(f"length: expected a finite number above 1, got {length}")
    if not 2 < exponent < np.inf:
        raise ValueError(f"exponent: expected a finite number above 2, got {exponent}")
    return lambda age: (exponent - 1) / ((exponent - 2) * length + age)


class ARTBP(OnlineLearner):
    """Anticipated reweighted truncated backpropagation: random cuts, no bias.

    After each step a coin decides whether the backward pass will be cut there, X_t = 1 with
    the chance c_t. Where it is not cut, what flows back is enlarged::

        dL/ds_t = dl_t/ds_t                                               if X_t = 1
        dL/ds_t = dl_t/ds_t + 1/(1 - c_t) (ds_{t+1}/ds_t)^T dL/ds_{t+1}   if X_t = 0

    The path from a later loss back over steps t, t + 1, ... survives with the chance
    prod (1 - c), and then counts 1 / prod (1 - c): each path counts once in the mean. The
    chances may depend on the cuts so far; here on the age of the stretch since the last one.

    Unbiased while the parameters are held: the mean over the coins is the exact gradient. All
    sequences of a batch share the coins. A learned initial state gets its gradient with the
    first stretch. Time O(P) a step; memory O(N) times the length of a stretch, whose mean is
    1 / c for a constant chance.

    The gradient of a stretch comes with the step at which it is cut; :meth:`flush` gives that
    of the last one.

    Parameters
    ----------
    network
        The network to learn.
    cut
        The chance c of a cut, in [0, 1), or a function of the stretch's age 1, 2, ...: see
        ``rnncore.learners.artbp.falling``. For 0 it is BPTT.

    Raises
    ------
    ValueError
        If a chance is not in [0, 1): a cut that is certain cannot be compensated.

    References
    ----------
    Tallec & Ollivier (2017), Unbiasing truncated backpropagation through time,
    arXiv:1705.08209.

    Examples
    --------
    >>> from rnncore import Batch, Linear, SquaredError, Vanilla
    >>> rng = np.random.default_rng(0)
    >>> network = Network(Vanilla(2, 3), Linear(3, 1), SquaredError())
    >>> params = network.init_params(rng)
    >>> batch = Batch(rng.standard_normal((6, 2)), rng.standard_normal((6, 1)))
    >>> ARTBP(network, cut=0.2).gradient(params, batch, rng).grads.names == params.names
    True
    """

    name = "ARTBP"
    kind = "unbiased"
    random = True
    card = Card("P", "N / c in the mean", "Tallec & Ollivier 2017")

    def __init__(self, network: Network, cut: float | Callable[[int], float]) -> None:
        super().__init__(network)
        self.cut = cut
        self._chance(1)

    def _chance(self, age: int) -> float:
        """c_t at the end of a step that is the stretch's ``age``-th."""
        chance = self.cut(age) if callable(self.cut) else self.cut
        if isinstance(chance, bool) or not isinstance(chance, int | float | np.number):
            raise TypeError(f"cut: expected a chance or a function that gives one, got {chance!r}")
        if not 0 <= chance < 1:
            raise ValueError(f"cut: expected a chance in [0, 1), got {chance} at age {age}")
        return float(chance)

    def init(
        self,
        params: Params,
        batch_size: int = 1,
        initial_state: Any = None,
        rng: np.random.Generator | None = None,
    ) -> Memory:
        coins = self._generator(rng)
        return Memory(self._first_state(params, batch_size, initial_state), (), 0, coins)

    def learn(self, weights: Weights, memory: Memory, now: Instant) -> tuple[Memory, Share | None]:
        chance = self._chance(len(memory.past) + 1)
        past = (*memory.past, Past(now.tape, now.h_bar, now.forced, 1 / (1 - chance)))
        after = Memory(now.state, past, memory.steps + 1, memory.rng)
        if memory.rng.random() >= chance:
            return after, None
        return after._replace(past=()), self._sweep(weights, after)

    def flush(self, params: Params, memory: Memory) -> Params:
        if not memory.past:
            return params.zeros_like()
        weights = self.network.prepare(params, memory.state)
        return self._without_readout(self._sweep(weights, memory), weights.dtype)

    def _sweep(self, weights: Weights, memory: Memory) -> Share:
        """The stretch's gradient, and what reaches a learned start (N,): zero but at first."""
        cell, s_bar = carry_back(self.network, weights, memory.past, len(memory.past))
        first = len(memory.past) == memory.steps
        return Share(cell, s_bar.sum(axis=0) * first)
