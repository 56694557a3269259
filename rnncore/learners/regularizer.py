"""Pascanu's regularizer: a penalty on error signals that shrink or grow from step to step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.cells.vanilla import Vanilla
from rnncore.data import Batch
from rnncore.learners.base import Array, Gradient, Learner
from rnncore.learners.bptt import sweep
from rnncore.network import Network, Record, Weights
from rnncore.params import Params

EPSILON = 1e-30  # the complex step


class Penalty(NamedTuple):
    """The value of a regularizer and its gradient, named like the parameters."""

    value: Any
    grads: Params


class _Run(NamedTuple):
    """A recorded run: adjoints of the states (T, B, N), and what flows back out of each step."""

    record: Record
    deltas: Sequence[Any]
    adjoints: Array
    pulled: Array


class Regularizer(ABC):
    """A penalty Omega on a network's run over a batch, with its gradient."""

    def __init__(self, network: Network) -> None:
        if not isinstance(network, Network):
            raise TypeError(f"network: expected a Network, got {type(network).__name__}")
        self.network = network

    @abstractmethod
    def value(self, params: Params, batch: Batch) -> Any:
        """Omega, a scalar; complex-safe."""

    @abstractmethod
    def gradient(self, params: Params, batch: Batch) -> Penalty:
        """Omega and its gradient."""

    def _start(self, params: Params, batch: Batch) -> tuple[Weights, Array]:
        self.network.check(batch)
        weights = self.network.prepare(params, batch.inputs, batch.initial_state)
        return weights, self.network.initial(weights, batch.size, batch.initial_state)

    def _run(self, weights: Weights, s: Array, batch: Batch) -> _Run:
        network = self.network
        record = network.record(weights, s, batch, 0, batch.steps)
        _, deltas, adjoints = sweep(network, weights, record, np.zeros_like(s))
        pulled = [
            network.cell.pull(weights.cell, tape, s_bar)[0]
            for tape, s_bar in zip(record.tapes, adjoints, strict=True)
        ]
        return _Run(record, deltas, np.array(adjoints), np.stack(pulled))


def _terms(before: Array, after: Array) -> tuple[Array, Array, Array]:
    """(|before| / |after| - 1)^2 summed over time, and its derivatives by both.

    Both are (K, B, N). Rows with ``after`` = 0, behind the last loss, have no ratio: no term.
    """
    top, low = (before**2).sum(-1, keepdims=True), (after**2).sum(-1, keepdims=True)
    grown, alive = top.real > 0, low.real > 0  # at before = 0 the norm's derivative is taken as 0
    norm_top = np.sqrt(np.where(grown, top, 1))
    norm_low = np.sqrt(np.where(alive, low, 1))
    ratio = np.where(grown, norm_top / norm_low, 0)
    excess, size = np.where(alive, ratio - 1, 0), before.shape[1]
    by_before = 2 * excess / (norm_top * norm_low) * before / size
    by_after = -2 * excess * ratio / norm_low**2 * after / size
    return (excess**2).sum() / size, by_before, by_after


class PascanuOmega(Regularizer):
    """The regularizer as the paper writes it, on the pre-activations of a simple network.

    With a_{k+1} = U f(a_k) + W x_{k+1} + b, the paper's x_k, and e_k = dL/da_k (all of it, from
    every later loss)::

        Omega = 1/B sum_b sum_{k=1}^{T-1} ( |e_{k+1} U diag f'(a_k)| / |e_{k+1}| - 1 )^2

    The gradient is the paper's "immediate" one: a_k and e_{k+1} are held constant, and U alone
    is differentiated, where it stands in the line above. With v_k = e_{k+1} U diag f'(a_k)
    and ``r_k = |v_k| / |e_{k+1}|``::

        d+Omega/dU = 1/B sum_b sum_k 2 (r_k - 1) e_{k+1}^T (v_k * f'(a_k)) / (|v_k| |e_{k+1}|)

    and zero for every other parameter. It is NOT the derivative of :meth:`value`: for that see
    :class:`Omega`. Time O(P) a step, as BPTT.

    A step with e_{k+1} = 0 (behind the last loss) has no ratio and adds nothing. Units that a
    teacher forces do not pass a_k on; their entries of v_k are zero. The paper has one
    sequence; here the mean over the batch is taken, as in the loss.

    Parameters
    ----------
    network
        With a :class:`~rnncore.cells.Vanilla` (or fully recurrent) cell.

    Raises
    ------
    TypeError
        For other cells: the paper's equation names one recurrent matrix and one slope. Use
        :class:`Omega`.

    References
    ----------
    R. Pascanu, T. Mikolov and Y. Bengio (2013), On the difficulty of training recurrent neural
    networks, ICML, section 3.3, equations 9 and 10. (The authors' published program takes the
    ratio of squared norms, on h instead of a, divided by the number of steps; the paper's
    equations are followed here.)
    """

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        if not isinstance(network.cell, Vanilla):
            raise TypeError(
                "network: the paper's regularizer is written for one recurrent matrix U and one "
                f"slope, so it needs a Vanilla cell, got {type(network.cell).__name__}; use Omega"
            )

    def signals(self, params: Params, batch: Batch) -> tuple[Array, Array]:
        """What the immediate derivative holds constant: e_{k+1} and f'(a_k), (T - 1, B, n) each.

        The slope is zero where a teacher forces.
        """
        weights, s = self._start(params, batch)
        run = self._run(weights, s, batch)
        slopes = []
        for tape, forced in zip(run.record.tapes, run.record.forced, strict=True):
            (slope,) = tape.partials.du.values()
            slopes.append(slope if forced is None else np.where(forced, 0, slope))
        return np.stack([delta.u for delta in run.deltas])[1:], np.stack(slopes)[:-1]

    def value(self, params: Params, batch: Batch) -> Any:
        return self.gradient(params, batch).value

    def gradient(self, params: Params, batch: Batch) -> Penalty:
        errors, slopes = self.signals(params, batch)
        value, by_before, _ = _terms(errors @ params["cell.U"] * slopes, errors)
        by_u = np.einsum("kbi,kbj->ij", errors, by_before * slopes)
        grads = params.zeros_like(by_u.dtype)
        return Penalty(value, grads.replace(**{"cell.U": by_u}))


class Omega(Regularizer):
    """The same regularizer on the states of any cell, with its full gradient.

    ::

        Omega = 1/B sum_b sum_{k=0}^{T-1} ( |g_{k+1} D_{k+1}| / |g_{k+1}| - 1 )^2

    with g_k = dL/ds_k (all of it) and D_{k+1} = ds_{k+1}/ds_k; k = 0 is the initial state.

    :meth:`gradient` is the derivative of :meth:`value`, everything included. No second
    derivative is written down for it: v_k = g_{k+1} D_{k+1} and g_{k+1} are themselves
    derivatives of L, by something added to s_k on its way to step k + 1 and by something added
    to s_{k+1} itself. So with c_k = dOmega/dv_k and c'_k = dOmega/dg_k held constant::

        dOmega/dtheta = d/d(epsilon) dL/dtheta (added: epsilon c_k and epsilon c'_k)

    which one run of BPTT with a complex step along those additions gives to rounding. Time: one
    real and one complex BPTT, whatever P.

    :meth:`immediate` takes only the immediate dependence: s_k and g_{k+1} are held constant and
    theta is differentiated where it stands in D_{k+1}(theta, s_k) (for a simple network also
    inside f'(a_{k+1}), which the paper's own coordinates do not have: see
    :class:`PascanuOmega`).

    A step with g_{k+1} = 0 (behind the last loss) has no ratio and adds nothing. Works with
    every cell, with masks, teacher forcing and a learned initial state.

    References
    ----------
    R. Pascanu, T. Mikolov and Y. Bengio (2013), ICML, equation 9, which is stated there for
    pre-activations. Derivatives of derivatives by forward mode over reverse mode: B. A.
    Pearlmutter (1994), Neural Computation 6(1).

    Examples
    --------
    >>> from rnncore import SquaredError, Linear, Vanilla
    >>> net = Network(Vanilla(1, 2), Linear(2, 1), SquaredError())
    >>> params = net.init_params(np.random.default_rng(0))
    >>> batch = Batch(np.ones((4, 1)), np.zeros((4, 1)))
    >>> Omega(net).gradient(params, batch).grads.names == params.names
    True
    """

    def value(self, params: Params, batch: Batch) -> Any:
        weights, s = self._start(params, batch)
        run = self._run(weights, s, batch)
        return _terms(run.pulled, run.adjoints)[0]

    def gradient(self, params: Params, batch: Batch) -> Penalty:
        weights, s = self._start(params, batch)
        run = self._run(weights, s, batch)
        value, by_pulled, by_adjoint = _terms(run.pulled, run.adjoints)
        step = 1j * EPSILON
        record, s_bar, deltas = self._disturbed(
            weights, s, batch, step * by_pulled, step * by_adjoint
        )
        cell = self.network.cell.collect(weights.cell, record.tapes, deltas)
        readout = self.network.readout.collect(record.shown, record.z_bar)
        grads = {f"cell.{name}": array for name, array in cell.items()}
        grads |= {f"readout.{name}": array for name, array in readout.items()}
        if self.network.learn_initial_state:
            grads["initial_state"] = s_bar.sum(axis=0)
        return Penalty(value, _imaginary(grads, params, weights.dtype))

    def _disturbed(
        self, weights: Weights, s: Array, batch: Batch, between: Array, after: Array
    ) -> tuple[Record, Array, Sequence[Any]]:
        """A run with ``between[t]`` added on the way into step t, ``after[t]`` to what it gives."""
        network, tapes, shown, forced = self.network, [], [], []
        assert batch.targets is not None
        for t in range(batch.steps):
            s, tape = network.cell.step(weights.cell, s + between[t], batch.inputs[t])
            s = s + after[t]
            shown.append(s[:, network.cell.output])
            mask = None if batch.weights is None else batch.weights[t]
            s, replaced = network.force(s, batch.targets[t], mask)
            tapes.append(tape)
            forced.append(replaced)
        z, y = network.readout.forward(weights.readout, np.stack(shown))
        adjoint = network.loss.adjoint(network.readout, z, y, batch.targets, batch.weights)
        record = Record(tapes, np.stack(shown), adjoint / batch.size, y, forced, s)
        s_bar, deltas, _ = sweep(network, weights, record, np.zeros_like(s))
        return record, s_bar, deltas

    def immediate(self, params: Params, batch: Batch) -> Penalty:
        """Omega and d+Omega/dtheta, with s_k and g_{k+1} held constant.

        dD/dtheta along c_k is one complex step of one pull: g_{k+1} pulled through step k + 1
        from the state s_k + i epsilon c_k.
        """
        weights, s = self._start(params, batch)
        run = self._run(weights, s, batch)
        value, by_pulled, _ = _terms(run.pulled, run.adjoints)
        states = self.network.forward(params, batch).states
        tapes, deltas = [], []
        adjoints = run.adjoints.astype(complex)
        for t in range(batch.steps):
            moved = states[t] + 1j * EPSILON * by_pulled[t]
            tapes.append(self.network.cell.step(weights.cell, moved, batch.inputs[t])[1])
            deltas.append(self.network.cell.pull(weights.cell, tapes[t], adjoints[t])[1])
        cell = self.network.cell.collect(weights.cell, tapes, deltas)
        grads = dict(params.zeros_like(complex))
        grads |= {f"cell.{name}": array for name, array in cell.items()}
        return Penalty(value, _imaginary(grads, params, weights.dtype))


def _imaginary(grads: dict[str, Array], params: Params, dtype: Any) -> Params:
    return Params({name: (grads[name].imag / EPSILON).astype(dtype) for name in params})


class Regularized:
    """A learner whose loss has a regularizer added: L + alpha Omega.

    It answers the same call as the learner, so that :func:`~rnncore.training.train` takes it.

    Parameters
    ----------
    learner
        Any learner.
    regularizer
        Of the same network.
    weight
        alpha.

    Raises
    ------
    ValueError
        If the two have different networks, or ``weight`` is not positive.
    """

    def __init__(self, learner: Learner, regularizer: Regularizer, weight: float) -> None:
        if learner.network is not regularizer.network:
            raise ValueError("regularizer: expected one of the learner's own network")
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not number or not 0 < weight < np.inf:
            raise ValueError(f"weight: expected a positive finite number, got {weight!r}")
        self.learner, self.regularizer, self.weight = learner, regularizer, weight
        self.network = learner.network

    def gradient(
        self, params: Params, batch: Batch, rng: np.random.Generator | None = None
    ) -> Gradient:
        """L + alpha Omega and its gradient (with PascanuOmega: the immediate one)."""
        if rng is not None:
            checks.generator(rng)
        loss, grads = self.learner.gradient(params, batch, rng)
        value, more = self.regularizer.gradient(params, batch)
        return Gradient(loss + self.weight * value, grads + self.weight * more)
