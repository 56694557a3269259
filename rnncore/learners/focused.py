"""Focused backpropagation: real-time recurrent learning where the recurrence is diagonal."""

from __future__ import annotations

from rnncore.cells.diagonal import DiagonalCell
from rnncore.learners.base import Card
from rnncore.learners.local import TraceLearner
from rnncore.network import Network


class DiagonalRTRL(TraceLearner):
    """Exact real-time recurrent learning at O(P) a step, for cells with diagonal recurrence.

    Where no unit hears another there is no recurrent product: D_t = E_t, elementwise. The
    eligibility trace of :class:`~rnncore.learners.TraceLearner`, which leaves the recurrent product
    out, then leaves out nothing: it holds all entries of the influence matrix that are
    ever different from zero, those that SnAp keeps at saturation. For Mozer's
    context units c_t = d c_{t-1} + f(W x_t + b) ::

        dc_t/dw = d dc_{t-1}/dw + f'(a_t) x_t,    dc_t/dd = d dc_{t-1}/dd + c_{t-1}

    his focused backpropagation. (SnAp is saturated at n = 1 for context units and the
    diagonal LSTM, at n = 2 for the linear recurrent unit, whose W_re reaches the imaginary
    part only with the next turn.)

    Exact. Time O(S^2 P) a step with S state blocks (S is 1 or 2), memory O(S P), whatever T.

    Raises
    ------
    ValueError
        On cells whose recurrence is not diagonal.

    References
    ----------
    Mozer (1989), Complex Systems 3, 349-381; Irie, Gopalakrishnan & Schmidhuber (2023),
    arXiv:2305.19044, section 3.1, for the LSTM with elementwise recurrence.

    Examples
    --------
    >>> import numpy as np
    >>> from rnncore import BPTT, Batch, Linear, Network, SquaredError
    >>> from rnncore.cells.diagonal import LinearRecurrentUnit
    >>> net = Network(LinearRecurrentUnit(2, 3), Linear(6, 1), SquaredError())
    >>> params = net.init_params(np.random.default_rng(0))
    >>> batch = Batch(np.ones((9, 2)), np.ones((9, 1)))
    >>> difference = DiagonalRTRL(net).gradient(params, batch).grads - BPTT(net).gradient(
    ...     params, batch
    ... ).grads
    >>> bool(difference.norm() < 1e-13)
    True
    """

    name = "diagonal RTRL"
    kind = "exact"
    card = Card("P", "P", "Mozer 1989; Irie et al. 2023")

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        if not isinstance(self._cell, DiagonalCell):
            raise ValueError(
                f"network: {self.name} is exact only where no unit hears another (a "
                f"DiagonalCell); {type(self._cell).__name__} has a recurrent product"
            )
