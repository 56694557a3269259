"""Truncated backpropagation through time, in windows that slide along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.learners.base import Array, Card, OnlineLearner, Share
from rnncore.learners.instant import Instant
from rnncore.network import Network, Weights
from rnncore.params import Params


class Past(NamedTuple):
    """What a backward sweep needs of one step.

    ``h_bar`` (B, n) is dl_t/dh_t; ``forced`` (B, N) marks what a teacher replaced. ``keep``
    multiplies what comes back from the later steps of the sweep.
    """

    tape: Any
    h_bar: Array
    forced: Array | None
    keep: float = 1.0


def carry_back(
    network: Network, weights: Weights, past: Sequence[Past], fresh: int
) -> tuple[dict[str, Array], Array]:
    """Carry the losses of the last ``fresh`` steps back over all steps of ``past``.

    ::

        dL/ds_t = dl_t/ds_t (of a fresh step) + keep_t (ds_{t+1}/ds_t)^T dL/ds_{t+1}

    Returns
    -------
    cell, s_bar
        The gradient of the cell's parameters as used in these steps, with the state before
        them held fixed; and the adjoint (B, N) that reaches that state.
    """
    deltas: list[Any] = [None] * len(past)
    s_bar = np.zeros((len(past[0].h_bar), network.cell.state_size), weights.dtype)
    for t in reversed(range(len(past))):
        now = past[t]
        s_bar = now.keep * s_bar
        if now.forced is not None:
            s_bar = np.where(now.forced, 0, s_bar)
        if len(past) - t <= fresh:
            s_bar[:, network.cell.output] += now.h_bar
        s_bar, deltas[t] = network.cell.pull(weights.cell, now.tape, s_bar)
    return network.cell.collect(weights.cell, [now.tape for now in past], deltas), s_bar


class Memory(NamedTuple):
    """State (B, N), the steps of the window so far, and the number of steps since the start."""

    state: Array
    past: tuple[Past, ...]
    steps: int


class TruncatedBPTT(OnlineLearner):
    """Truncated backpropagation through time, BPTT(k1, k2).

    Every k1 steps the losses of the last k1 steps are carried back over the last k2 steps.
    Count steps from 1. The loss of step t belongs to window m = ceil(t / k1), which is

    ::

        steps  m k1 - k2 + 1 ... m k1   (those of them that exist)

    Each loss counts once, in one window, with the state before the window held fixed::

        grads = sum_m  d/d theta  sum_{(m-1) k1 < t <= m k1} l_t,   s_{m k1 - k2} fixed

    So the loss of step t sees between k2 - k1 + 1 and k2 steps: its own and those before it.
    With k1 = 1 each loss goes back over the last k2 steps; with k1 = k2 time is cut into
    separate stretches. The forward pass is never cut: the state runs on from window to
    window. Where T is no multiple of k1 the last window starts where it would have started,
    and ends at T: what a loss sees does not depend on where the sequence ends. A learned
    initial state gets a gradient from the windows that reach step 1.

    Biased. Exact where the window of the last loss reaches step 1, k2 >= k1 ceil(T / k1): for
    k1 = k2 = T it is :class:`~rnncore.learners.BPTT`. Time O(P k2 / k1) a step, memory
    O(k2 N), whatever T.

    The gradient of a window comes with its last step; :meth:`flush` gives that of an
    unfinished one. If the parameters change within a window, the sweep uses those of its last
    step on the activations that were.

    Parameters
    ----------
    network
        The network to learn.
    k1
        Steps from one backward sweep to the next; the losses of a window.
    k2
        Steps that a backward sweep goes back, at least k1.

    Raises
    ------
    ValueError
        If k2 < k1: there would be losses that no window reaches.

    Notes
    -----
    Williams & Peng's BPTT(h; h') is this with k2 = h and k1 = h': every h' steps the errors of
    the last h' steps go back over h steps. Their BPTT(h) is this with k1 = 1. The names k1 and
    k2 are Sutskever's.

    References
    ----------
    Williams & Peng (1990), Neural Computation 2(4), 490-501; Sutskever (2013), Training
    recurrent neural networks, PhD thesis, University of Toronto.

    Examples
    --------
    >>> from rnncore import BPTT, Batch, Linear, Network, SquaredError, Vanilla
    >>> rng = np.random.default_rng(0)
    >>> network = Network(Vanilla(2, 3), Linear(3, 1), SquaredError())
    >>> params = network.init_params(rng)
    >>> batch = Batch(rng.standard_normal((6, 2)), rng.standard_normal((6, 1)))
    >>> exact = BPTT(network).gradient(params, batch).grads
    >>> for k1, k2 in ((6, 6), (1, 6), (1, 3)):
    ...     cut = TruncatedBPTT(network, k1, k2).gradient(params, batch).grads
    ...     print(k1, k2, bool((cut - exact).norm() < 1e-12))
    6 6 True
    1 6 True
    1 3 False
    """

    name = "truncated BPTT"
    kind = "biased"
    card = Card("P k2 / k1", "k2 N", "Williams & Peng 1990", "k2 >= k1 ceil(T / k1)")

    def __init__(self, network: Network, k1: int, k2: int) -> None:
        super().__init__(network)
        self.k1 = checks.positive_int(k1, "k1")
        self.k2 = checks.positive_int(k2, "k2")
        if self.k2 < self.k1:
            raise ValueError(
                f"k2: expected at least k1 = {self.k1}, so that a window reaches all of its "
                f"losses, got {self.k2}"
            )

    def init(
        self,
        params: Params,
        batch_size: int = 1,
        initial_state: Any = None,
        rng: np.random.Generator | None = None,
    ) -> Memory:
        return Memory(self._first_state(params, batch_size, initial_state), (), 0)

    def learn(self, weights: Weights, memory: Memory, now: Instant) -> tuple[Memory, Share | None]:
        past = (*memory.past, Past(now.tape, now.h_bar, now.forced))
        after = Memory(now.state, past, memory.steps + 1)
        if after.steps % self.k1:
            return after, None
        share = self._sweep(weights, after, self.k1)
        # The next window ends k1 steps on, so it starts k2 - k1 steps back.
        return after._replace(past=past[max(0, len(past) - (self.k2 - self.k1)) :]), share

    def flush(self, params: Params, memory: Memory) -> Params:
        fresh = memory.steps % self.k1
        if not fresh:
            return params.zeros_like()
        weights = self.network.prepare(params, memory.state)
        return self._without_readout(self._sweep(weights, memory, fresh), weights.dtype)

    def _sweep(self, weights: Weights, memory: Memory, fresh: int) -> Share:
        """The window's gradient, and what reaches a learned start (N,): zero if none does."""
        cell, s_bar = carry_back(self.network, weights, memory.past, fresh)
        reaches = len(memory.past) == memory.steps
        return Share(cell, s_bar.sum(axis=0) * reaches)

    def __repr__(self) -> str:
        return f"TruncatedBPTT({self.network.cell!r}, k1={self.k1}, k2={self.k2})"
