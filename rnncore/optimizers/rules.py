"""Gradient descent, momentum, Adam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnncore.optimizers.base import Optimizer, OptimizerState, fraction, positive
from rnncore.params import Params


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent; stochastic where each step sees another batch.

    ::

        theta <- theta - eta g

    Parameters
    ----------
    learning_rate
        eta.

    References
    ----------
    H. Robbins and S. Monro (1951), A stochastic approximation method, Annals of Mathematical
    Statistics 22(3).

    Examples
    --------
    >>> sgd, theta = SGD(0.5), Params({"w": [1.0]})
    >>> theta, state = sgd.step(theta, sgd.init(theta), Params({"w": [3.0]}))
    >>> theta["w"]
    array([-0.5])
    """

    learning_rate: float

    def __post_init__(self) -> None:
        positive(self.learning_rate, "learning_rate")

    def step(
        self, params: Params, state: OptimizerState, grads: Params
    ) -> tuple[Params, OptimizerState]:
        return params - self.learning_rate * grads, OptimizerState(state.step + 1, {})


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Gradient descent with a velocity.

    ::

        v <- mu v - eta g,   theta <- theta + v

    Nesterov's variant takes the gradient at theta + mu v. Here the parameters ARE that point
    (call it phi), so that the gradient is taken where the network is::

        v <- mu v - eta g(phi),   phi <- phi + mu v - eta g(phi)

    Parameters
    ----------
    learning_rate
        eta.
    momentum
        mu, from 0 (no memory) to below 1.
    nesterov
        Use Nesterov's variant.

    References
    ----------
    B. T. Polyak (1964), Some methods of speeding up the convergence of iteration methods, USSR
    Computational Mathematics and Mathematical Physics 4(5). I. Sutskever, J. Martens, G. Dahl
    and G. Hinton (2013), On the importance of initialization and momentum in deep learning,
    ICML, equations 1 to 4.

    Examples
    --------
    >>> rule, theta, g = Momentum(0.1, momentum=0.5), Params({"w": [1.0]}), Params({"w": [1.0]})
    >>> state = rule.init(theta)
    >>> for _ in range(2):
    ...     theta, state = rule.step(theta, state, g)
    >>> theta["w"], state.slots["velocity"]["w"]
    (array([0.75]), array([-0.15]))
    """

    learning_rate: float
    momentum: float = 0.9
    nesterov: bool = False

    slot_names = ("velocity",)

    def __post_init__(self) -> None:
        positive(self.learning_rate, "learning_rate")
        fraction(self.momentum, "momentum")

    def step(
        self, params: Params, state: OptimizerState, grads: Params
    ) -> tuple[Params, OptimizerState]:
        descent = -self.learning_rate * grads
        velocity = self.momentum * state.slots["velocity"] + descent
        move = self.momentum * velocity + descent if self.nesterov else velocity
        return params + move, OptimizerState(state.step + 1, {"velocity": velocity})


@dataclass(frozen=True)
class Adam(Optimizer):
    """Steps scaled, entry by entry, by running moments of the gradient.

    ::

        m <- beta1 m + (1 - beta1) g,      m_hat = m / (1 - beta1^t)
        v <- beta2 v + (1 - beta2) g^2,    v_hat = v / (1 - beta2^t)
        theta <- theta - eta m_hat / (sqrt(v_hat) + epsilon)

    Parameters
    ----------
    learning_rate
        eta.
    beta1, beta2
        How much of the running moments is kept at each step.
    epsilon
        Keeps the division finite.

    References
    ----------
    D. P. Kingma and J. Ba (2015), Adam: a method for stochastic optimization, ICLR,
    algorithm 1.

    Examples
    --------
    The first step has the size of the learning rate, however large the gradient is:

    >>> adam, theta = Adam(0.1), Params({"w": [1.0]})
    >>> for g in (1e-3, 1e3):
    ...     new, state = adam.step(theta, adam.init(theta), Params({"w": [g]}))
    ...     print(f"{new['w'][0]:.4f}")
    0.9000
    0.9000
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    slot_names = ("mean", "square")

    def __post_init__(self) -> None:
        positive(self.learning_rate, "learning_rate")
        fraction(self.beta1, "beta1")
        fraction(self.beta2, "beta2")
        positive(self.epsilon, "epsilon")

    def step(
        self, params: Params, state: OptimizerState, grads: Params
    ) -> tuple[Params, OptimizerState]:
        t = state.step + 1
        mean = self.beta1 * state.slots["mean"] + (1 - self.beta1) * grads
        square = self.beta2 * state.slots["square"] + (1 - self.beta2) * grads.map(np.square)
        mean_hat = mean * (1 / (1 - self.beta1**t))
        square_hat = square * (1 / (1 - self.beta2**t))
        move = Params(
            {name: mean_hat[name] / (np.sqrt(square_hat[name]) + self.epsilon) for name in params}
        )
        new = params - self.learning_rate * move
        return new, OptimizerState(t, {"mean": mean, "square": square})
