"""Hessian-free optimization: truncated Newton steps on the Gauss-Newton matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnncore import checks
from rnncore.data import Batch
from rnncore.network import Network
from rnncore.optimizers.base import fraction, positive
from rnncore.optimizers.hessian_free.curvature import GaussNewton
from rnncore.optimizers.hessian_free.solver import Solution, conjugate_gradients
from rnncore.params import Params

Array = np.ndarray


class HessianFreeState(NamedTuple):
    """What is kept between steps: their number, lambda, and where conjugate gradients ended."""

    step: int
    damping: float
    direction: Params


class Report(NamedTuple):
    """What one step did.

    Attributes
    ----------
    loss, new_loss
        L of the batch before and after.
    ratio
        rho, the true change of L over what the damped model foretold.
    iterations
        Of conjugate gradients.
    rate
        How much of the direction the line search took; 0 if it found nothing better.
    passes
        Work in units of one gradient (a forward and a backward sweep): 1 for the gradient, 1
        for each curvature product, 1/2 for each evaluation of L.
    """

    loss: float
    new_loss: float
    ratio: float
    iterations: int
    rate: float
    passes: float


@dataclass(frozen=True)
class HessianFree:
    """Hessian-free optimization of a recurrent network.

    Each step minimizes the damped quadratic model of L by conjugate gradients::

        q(p) = g^T p + 1/2 p^T (G + lambda I + lambda mu S'') p

    G the Gauss-Newton matrix and S'' that of the states' squared movement
    (:class:`~rnncore.optimizers.GaussNewton`). Then

    1. conjugate gradients start at ``decay`` times their last end, with the preconditioner
       (mean of squared gradients + lambda)^(3/4), and stop by Martens' rule;
    2. of the iterates kept, the search goes back from the last while L gets smaller;
    3. Levenberg-Marquardt: with rho = (L(theta + p) - L(theta)) / q(p), lambda is divided by
       ``adapt`` if rho > 3/4, multiplied by it if rho < 1/4;
    4. a backtracking line search takes p times 1, 0.8, 0.8^2, … until L falls by at least a
       hundredth of what its slope says; if it never does, the step is not made.

    In rho the model counts with its damping, at the p of point 2.

    Parameters
    ----------
    network
        Any cell; see :class:`~rnncore.optimizers.GaussNewton` for losses and read-outs.
    damping
        The first lambda.
    structural
        mu; 0 for none.
    adapt
        Factor on lambda, 3/2 in the papers.
    decay
        Of the last solution as the next start, from 0 (none of it) to 1, which is Martens' (2010,
        section 4.5); a little less forgets what has become wrong.
    tolerance, max_iterations
        Of conjugate gradients.

    References
    ----------
    J. Martens (2010), ICML, section 4; J. Martens and I. Sutskever (2011), ICML, sections 3
    and 4.

    Examples
    --------
    >>> from rnncore import Linear, SquaredError, Vanilla
    >>> net = Network(Vanilla(1, 3), Linear(3, 1), SquaredError())
    >>> optimizer = HessianFree(net, structural=0.1)
    >>> params = net.init_params(np.random.default_rng(0))
    >>> state = optimizer.init(params)
    >>> batch = Batch(np.ones((5, 1)), np.ones((5, 1)))
    >>> params, state, report = optimizer.step(params, state, batch)
    >>> report.new_loss < report.loss
    True
    """

    network: Network
    damping: float = 1.0
    structural: float = 0.0
    adapt: float = 1.5
    decay: float = 0.95
    tolerance: float = 5e-4
    max_iterations: int = 250

    def __post_init__(self) -> None:
        if not isinstance(self.network, Network):
            raise TypeError(f"network: expected a Network, got {type(self.network).__name__}")
        positive(self.damping, "damping")
        if self.structural != 0:
            positive(self.structural, "structural")
        positive(self.adapt, "adapt")
        if not self.adapt > 1:
            raise ValueError(f"adapt: expected a number above 1, got {self.adapt!r}")
        if self.decay != 1:
            fraction(self.decay, "decay")
        positive(self.tolerance, "tolerance")
        checks.positive_int(self.max_iterations, "max_iterations")

    def init(self, params: Params) -> HessianFreeState:
        """The state before the first step."""
        return HessianFreeState(0, self.damping, params.zeros_like())

    def step(
        self, params: Params, state: HessianFreeState, batch: Batch
    ) -> tuple[Params, HessianFreeState, Report]:
        """One step on a batch, which should be large: curvature and gradient are taken on it."""
        model = GaussNewton(self.network, params, batch)
        found = self._solve(model, params, state)
        loss, evaluations = float(model.loss), 0

        def evaluate(p: Array, rate: float = 1.0) -> float:
            nonlocal evaluations
            evaluations += 1
            with np.errstate(all="ignore"):  # far out L may overflow: then it is no better
                value = float(self.network.evaluate(params + rate * params.unflatten(p), batch))
            return value if np.isfinite(value) else np.inf

        at = len(found.iterates) - 1
        new_loss = evaluate(found.iterates[at])
        while at > 0 and (before := evaluate(found.iterates[at - 1])) < new_loss:
            at, new_loss = at - 1, before
        p, foretold = found.iterates[at], found.values[at]
        ratio = (new_loss - loss) / foretold if foretold < 0 else 0.0
        damping = state.damping * (
            1 / self.adapt if ratio > 0.75 else self.adapt if ratio < 0.25 else 1.0
        )
        slope, rate = float(model.grads.flat() @ p), 1.0
        while not new_loss <= loss + 0.01 * rate * min(slope, 0.0):
            rate *= 0.8
            if rate < 1e-6:
                rate, new_loss = 0.0, loss
                break
            new_loss = evaluate(p, rate)
        passes = 1 + model.products + evaluations / 2
        report = Report(loss, new_loss, ratio, found.iterations, rate, passes)
        new = params + rate * params.unflatten(p)
        direction = params.unflatten(found.x)
        return new, HessianFreeState(state.step + 1, damping, direction), report

    def _solve(self, model: GaussNewton, params: Params, state: HessianFreeState) -> Solution:
        weight = state.damping * self.structural

        def product(v: Array) -> Array:
            return model.product(params.unflatten(v), weight).flat() + state.damping * v

        return conjugate_gradients(
            product,
            -model.grads.flat(),
            start=self.decay * state.direction.flat(),
            preconditioner=(model.squared_gradients().flat() + state.damping) ** 0.75,
            tolerance=self.tolerance,
            max_iterations=self.max_iterations,
        )
