"""BPTT with a cell's pointwise function compiled."""

from __future__ import annotations

import numpy as np

from rnncore import learners
from rnncore.cells.masked import Masked
from rnncore.cells.pointwise import PointwiseCell
from rnncore.data import Batch
from rnncore.fast.kernels import compile_source
from rnncore.fast.run import Run
from rnncore.fast.source import generate
from rnncore.learners.base import Gradient
from rnncore.network import Network
from rnncore.params import Params

# A cell that does one of these in its own way does more than its pointwise function says.
OWN = ("prepare", "project", "step", "run", "at", "pull", "sweep", "collect", "_recurrent")


class BPTT(learners.BPTT):
    """Backpropagation through time, compiled: the numbers of ``rnncore.BPTT``, to rounding.

    The cell's own pointwise function and its partials are traced, turned into one kernel for the
    forward and one for the backward step, and compiled at the first gradient in each precision.
    Adjoints of all states, :meth:`adjoints`, are those of ``rnncore.BPTT``.

    Parameters
    ----------
    network
        A network with a :class:`~rnncore.cells.PointwiseCell`, or a mask around one, and
        without teacher forcing.

    Raises
    ------
    ValueError
        On any other network, and where the cell's functions do more than arithmetic on their
        arguments: ``rnncore.BPTT`` takes them.

    Examples
    --------
    >>> import rnncore
    >>> rng = np.random.default_rng(0)
    >>> network = rnncore.Network(
    ...     rnncore.LSTM(2, 4), rnncore.Linear(4, 1), rnncore.SquaredError()
    ... )
    >>> params = network.init_params(rng)
    >>> batch = rnncore.Batch(rng.standard_normal((6, 2)), rng.standard_normal((6, 1)))
    >>> one = rnncore.BPTT(network).gradient(params, batch).grads
    >>> other = BPTT(network).gradient(params, batch).grads
    >>> bool((one - other).norm() < 1e-14)
    True
    """

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self._cell = _pointwise(network)
        self._kernels = generate(self._cell)

    def gradient(
        self, params: Params, batch: Batch, rng: np.random.Generator | None = None
    ) -> Gradient:
        network, cell = self.network, self._cell
        weights, start = self._start(params, batch)
        if weights.dtype not in (np.float32, np.float64):
            raise ValueError(
                f"params: the compiled BPTT takes float32 or float64, got {weights.dtype}; "
                f"use rnncore.BPTT"
            )
        compiled = compile_source(self._kernels.source, weights.dtype)
        run = Run(cell, self._kernels, compiled, weights.cell, batch.inputs, start)
        shown, d, mask = run.forward(), batch.targets, batch.weights
        assert d is not None
        z, y = network.readout.forward(weights.readout, shown)
        z_bar = network.loss.adjoint(network.readout, z, y, d, mask) / batch.size
        h_bar = network.readout.pull(weights.readout, z_bar, cell.output_size)
        grads = network.cell.collect(weights.cell, *run.backward(h_bar))
        readout = network.readout.collect(shown, z_bar)
        initial = run.bar.sum(axis=1).reshape(-1)
        losses = network._losses(z, y, d, mask)
        return Gradient(losses.sum(), self._assemble(grads, readout, initial))


def _pointwise(network: Network) -> PointwiseCell:
    """The cell that is compiled, or a refusal that says why there is none."""
    cell = network.cell
    while isinstance(cell, Masked):
        cell = cell.cell
    name = type(cell).__name__
    if not isinstance(cell, PointwiseCell):
        raise ValueError(
            f"network: only pointwise cells are compiled, got {name}; use rnncore.BPTT"
        )
    if network.teacher_forcing:
        raise ValueError("network: teacher forcing is not compiled; use rnncore.BPTT")
    changed = [own for own in OWN if getattr(type(cell), own) is not getattr(PointwiseCell, own)]
    if changed:
        raise ValueError(
            f"network: {name} is not compiled, for its {', '.join(changed)} is its own; "
            f"use rnncore.BPTT"
        )
    return cell
