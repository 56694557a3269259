"""RMSProp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnncore.optimizers.base import Optimizer, OptimizerState, fraction, positive
from rnncore.params import Params


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """The gradient, divided entry by entry by the root of its running mean square.

    ::

        r <- rho r + (1 - rho) g^2,   theta <- theta - eta g / (sqrt(r) + epsilon)

    Parameters
    ----------
    learning_rate
        eta.
    decay
        rho, how much of the running mean square is kept; 0.9 in the lecture.
    epsilon
        Keeps the division finite. The lecture has none; it stands outside the root here, as in
        :class:`~rnncore.optimizers.Adam`.

    References
    ----------
    T. Tieleman and G. Hinton (2012), Lecture 6.5, RMSProp: divide the gradient by a running
    average of its recent magnitude, Coursera: Neural networks for machine learning.

    Examples
    --------
    The first step is eta / sqrt(1 - rho), however large the gradient is:

    >>> rule, theta = RMSProp(0.1, decay=0.75), Params({"w": [1.0]})
    >>> new, state = rule.step(theta, rule.init(theta), Params({"w": [1e3]}))
    >>> print(f"{new['w'][0]:.4f}")
    0.8000
    """

    learning_rate: float = 1e-3
    decay: float = 0.9
    epsilon: float = 1e-8

    slot_names = ("square",)

    def __post_init__(self) -> None:
        positive(self.learning_rate, "learning_rate")
        fraction(self.decay, "decay")
        positive(self.epsilon, "epsilon")

    def step(
        self, params: Params, state: OptimizerState, grads: Params
    ) -> tuple[Params, OptimizerState]:
        square = self.decay * state.slots["square"] + (1 - self.decay) * grads.map(np.square)
        move = Params({k: grads[k] / (np.sqrt(square[k]) + self.epsilon) for k in params})
        new = params - self.learning_rate * move
        return new, OptimizerState(state.step + 1, {"square": square})
