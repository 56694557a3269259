"""Local rules: an eligibility trace that leaves out the recurrent product, and a signal.

RFLO, e-prop and the LSTM's own rule of 1997 are one mechanism. The state Jacobian of a
pointwise cell is ::

    D_t = E_t + G_t U,    E = dg/ds (elementwise),    G = dg/dv

and all three drop G U: what went into unit i stays with unit i. The influence matrix then
has entries between a parameter's own unit and its S state blocks alone, the eligibility
trace, ::

    e_t = E_t e_{t-1} + F_t

and the gradient is the trace times a learning signal, what the present loss says about
what the unit shows. The rules differ in the cell that they were written for, and in the
signal: here it is the network's own; :mod:`~rnncore.learners.random_feedback` has rules
whose signal comes through weights of its own. The read-out always learns by its exact
gradient.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnncore.cells.base import Cell
from rnncore.cells.lstm import LSTM
from rnncore.cells.masked import Masked
from rnncore.cells.memory import MemoryCell
from rnncore.cells.pointwise import PointwiseCell
from rnncore.cells.tape import Stretch
from rnncore.learners.base import Array, Card, OnlineLearner, Share
from rnncore.learners.eligibility import Traces, contract, renew, renew_all
from rnncore.learners.instant import Instant, Steps
from rnncore.network import Network, Weights
from rnncore.params import Params


class Memory(NamedTuple):
    """The state (B, N), the traces, and the feedback weights (O, n) of rules that have them."""

    state: Array
    traces: Traces
    feedback: Array | None = None

    @property
    def trace(self) -> dict[str, Array]:
        """The trace of each parameter, (B, S, K, n, d).

        It is the derivative of state block s of unit i by the parameter's entry (gate k, unit i,
        input d).
        """
        return self.traces.named


def pointwise(cell: Cell, rule: str) -> PointwiseCell:
    """The pointwise cell that a rule works on, under any masks; all others are refused."""
    while isinstance(cell, Masked):
        cell = cell.cell
    if not isinstance(cell, PointwiseCell):
        raise ValueError(
            f"network: {rule} needs a pointwise cell, whose state Jacobian parts into an "
            f"elementwise share and the recurrent product; got {type(cell).__name__}"
        )
    return cell


class TraceLearner(OnlineLearner):
    """What the local rules share: eligibility traces, with the network's own learning signal.

    Time O(S^2 P) a step, memory O(S P). With the parameters held, ``gradient`` carries the
    traces over many steps at once (``rnncore.learners.eligibility.renew_all``), which gives the
    same for much less.
    """

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self._cell = pointwise(network.cell, self.name)

    def init(
        self,
        params: Params,
        batch_size: int = 1,
        initial_state: Any = None,
        rng: np.random.Generator | None = None,
    ) -> Memory:
        state = self._first_state(params, batch_size, initial_state)
        learned = self.network.learn_initial_state
        return Memory(state, Traces.first(self._cell, len(state), state.dtype, learned))

    def learn(self, weights: Weights, memory: Memory, now: Instant) -> tuple[Memory, Share]:
        cell = self._cell
        traces = renew(cell, now.tape, memory.traces)
        grads = contract(traces, self._signal(memory, now))
        if now.forced is not None:
            forced = now.forced.reshape(len(now.state), -1, 1, cell.hidden_size, 1)
            traces = traces._replace(joint=tuple(np.where(forced, 0, e) for e in traces.joint))
        return memory._replace(state=now.state, traces=traces), self._named(grads)

    def _learn_all(
        self, weights: Weights, memory: Memory, steps: Steps, sums: dict[str, Array]
    ) -> Memory:
        own = type(self).learn is not TraceLearner.learn  # a rule with steps of its own
        if own or not isinstance(steps.tapes, Stretch):
            return super()._learn_all(weights, memory, steps, sums)
        signals = self._signal(memory, steps)
        traces, grads = renew_all(
            self._cell, weights.cell, steps.tapes, memory.traces, signals, steps.forced
        )
        self._add_share(self._named(grads), sums)
        return memory._replace(state=steps.state[-1], traces=traces)

    def _signal(self, memory: Memory, now: Instant | Steps) -> Array:
        """The learning signal (..., B, n): dl_t/dh_t."""
        return now.h_bar

    def _named(self, grads: dict[str, Array]) -> Share:
        cell = {name: grads[name].reshape(shape) for name, shape in self._cell.shapes.items()}
        outer = self.network.cell
        while isinstance(outer, Masked):
            # A cut connection counts as zero whatever its number is.
            cell = {name: cell[name] * (outer.mask[name] > 0) for name in cell}
            outer = outer.cell
        initial = grads.get("initial_state", np.zeros(0)).reshape(-1)
        return Share(cell, initial)


class EProp(TraceLearner):
    """Eligibility propagation, with symmetric feedback.

    ::

        dE/dW_ji = sum_t L_j^t e_ji^t
        eligibility vector  eps_ji^t = (ds_j^t/ds_j^{t-1}) eps_ji^{t-1} + ds_j^t/dW_ji
        eligibility trace   e_ji^t = (dz_j^t/ds_j^t) eps_ji^t
        learning signal     L_j^t = sum_k W^out_kj (y_k^t - y*_k^t)

    Bellec et al.'s s_j is the hidden state of unit j and z_j what it shows to others; a
    unit's influence on itself through what it shows, and all influence on others, is left
    out. In the terms of this module: eps is the trace e with one entry for each state
    block, and dz/ds picks the block h, since h is a part of the state here. (Where h itself
    is the hidden state, as in the GRU, its elementwise path z h_{t-1} is within the unit
    and is kept.) For other read-outs and losses the signal is dl_t/dh_t.

    Biased. Exact without recurrent weights, U = 0, and for T = 1 (a learned initial state
    needs U = 0).

    References
    ----------
    Bellec, Scherr, Subramoney, Hajek, Salaj, Legenstein & Maass (2020), Nature
    Communications 11:3625, for spiking units with pseudo-derivatives; here the units are
    those of the cell.

    Examples
    --------
    >>> from rnncore import LSTM, Linear, Network, SquaredError
    >>> learner = EProp(Network(LSTM(2, 3), Linear(3, 1), SquaredError()))
    >>> params = learner.network.init_params(np.random.default_rng(0))
    >>> learner.init(params).trace["U"].shape  # sequence, state block, gate, unit, input
    (1, 2, 4, 3, 3)
    """

    name = "e-prop"
    kind = "biased"
    card = Card("P", "P", "Bellec et al. 2020", "U = 0, or T = 1")


class TruncatedLSTM(TraceLearner):
    """The LSTM's own learning rule of 1997: truncated backpropagation with carried traces.

    Errors that arrive at the net input of a gate or of the cell change its weights, and
    are propagated back no further; only the cell's own carousel carries error through
    time. The derivatives of the cell state by the weights of the input gate and of the
    cell input are therefore carried forward, ::

        dc_t/dw = f_t dc_{t-1}/dw + (its share at time t),   f_t = 1 in 1997

    and the output gate's weights need the present alone. In the terms of this module:
    the net inputs are u + v, so cutting them off from the past drops G U, and what is left
    is E, which is the carousel. It is e-prop's mechanism, 23 years earlier, with the same
    learning signal.

    For the LSTM without peepholes, with a forget gate or without (Gers, Schmidhuber &
    Cummins 2000 extend the rule to the forget gate), and for the bare memory cell.
    Peepholes are elementwise paths from the cell state into the net inputs of the gates:
    the rule cuts them too, which E does not; that variant is not offered.

    Biased. Exact without recurrent weights, U = 0, and for T = 1 (a learned initial state
    needs U = 0).

    Raises
    ------
    ValueError
        On cells that are no LSTM, and on peepholes.

    References
    ----------
    Hochreiter & Schmidhuber (1997), Neural Computation 9(8), section 4 and appendix A.1.
    """

    name = "LSTM 1997 rule"
    kind = "biased"
    card = Card("P", "P", "Hochreiter & Schmidhuber 1997", "U = 0, or T = 1")

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        if not isinstance(self._cell, LSTM | MemoryCell):
            raise ValueError(
                "network: the rule of 1997 runs along the carousel of an LSTM or a memory "
                f"cell; {type(self._cell).__name__} has none"
            )
        if self._cell.elementwise:
            raise ValueError(
                "network: the rule of 1997 cuts the paths through peepholes, which are part "
                "of the elementwise state Jacobian here; use an LSTM without peepholes, or EProp"
            )
