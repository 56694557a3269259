"""Synthetic gradients: a critic that predicts the adjoint."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.data import Batch
from rnncore.learners.base import Array, Card, Gradient, OnlineLearner, Share
from rnncore.learners.instant import Instant
from rnncore.network import Network, Weights
from rnncore.params import Params


class Critic:
    """A linear critic, c_t = A phi_t, that predicts the adjoint of the state.

    It holds no weights: A, shape (N, M), lives in the learner's memory.

    Parameters
    ----------
    rate
        Step size of its regression. It is a least-mean-squares step: where ``rate |phi|^2``
        comes near 2 it diverges, so keep it small for large states.
    sees_target
        Whether phi_t = (s_t, target_t, 1) or (s_t, 1). A masked target counts as zero.

    Raises
    ------
    ValueError, TypeError
        If ``rate`` is not a number from 0 on.
    """

    def __init__(self, rate: float = 0.01, sees_target: bool = True) -> None:
        value = float(checks.finite(checks.numeric(rate, "rate"), "rate"))
        if value < 0:
            raise ValueError(f"rate: expected a number from 0 on, got {rate!r}")
        self.rate, self.sees_target = value, sees_target

    def features(self, s: Array, target: Array, mask: Array | None, outputs: int) -> Array:
        """phi_t, shape (B, M). Integer classes count as one-hot rows of ``outputs``."""
        parts = [s, np.ones((len(s), 1), s.dtype)]
        if self.sees_target:
            rows = np.eye(outputs)[target] if target.ndim == 1 else target
            if mask is not None:
                rows = np.where(mask > 0, rows, 0)
            parts.insert(1, rows.astype(s.dtype))
        return np.concatenate(parts, axis=1)

    def predict(self, matrix: Array, features: Array, step: int) -> Array:
        """c_t, shape (B, N). ``step`` counts from 0."""
        return features @ matrix.T

    def learn(self, matrix: Array, features: Array, error: Array) -> Array:
        """The next A: one step down half the squared error, the mean over the batch."""
        return matrix - self.rate / len(features) * (error.T @ features)


class Memory(NamedTuple):
    """The state (B, N), the critic's matrix (N, M), and what the last step leaves.

    ``step`` counts steps; ``features`` (B, M), ``predicted`` and ``direct`` (B, N) are phi,
    c and dl/ds of the last step, and ``forced`` marks the state variables that a teacher
    replaced in it. They are None before the first one.
    """

    state: Array
    critic: Array
    step: int = 0
    features: Array | None = None
    predicted: Array | None = None
    direct: Array | None = None
    forced: Array | None = None


class DNI(OnlineLearner):
    """Synthetic gradients, or decoupled neural interfaces.

    A critic predicts the adjoint c_t of the state, dL/ds_t over all the future, from what is
    known at time t. The share of step t in the gradient needs no past and no future::

        g_t = c_t F_t,   F_t = ds_t/d theta (s_{t-1} fixed),   c_t = A phi_t

    One step later the critic is held against a bootstrapped target::

        c*_{t-1} = dl_{t-1}/ds_{t-1} + c_t D_t,   A <- A - rate (c_{t-1} - c*_{t-1}) phi_{t-1}^T

    with D_t = ds_t/ds_{t-1}. One VJP of c_t serves both. c_t uses the A from before the step's
    own update. A is zero at first; at the end of a sequence (:meth:`run`) the target is
    dl_T/ds_T alone.

    Units that a teacher forces pass no adjoint on. A learned initial state gets c_1 D_1.

    Biased, by as much as the critic is wrong; exact with a critic that knows the adjoints.
    Time O(P + N M) a step, memory O(N M), M the length of phi.

    Parameters
    ----------
    network
        The network to learn.
    critic
        A :class:`Critic`, or one that predicts in another way. ``Critic()`` if ``None``.

    Raises
    ------
    TypeError
        If ``critic`` is something else.

    References
    ----------
    Jaderberg et al. (2017), "Decoupled neural interfaces using synthetic gradients", ICML;
    in this form, with the whole adjoint predicted from state and target, Marschall,
    Cho & Savin (2020), JMLR 21(135), section on DNI.

    Examples
    --------
    >>> from rnncore import Batch, Linear, Network, SquaredError, Vanilla
    >>> rng = np.random.default_rng(0)
    >>> network = Network(Vanilla(2, 3), Linear(3, 1), SquaredError())
    >>> params = network.init_params(rng)
    >>> batch = Batch(rng.standard_normal((50, 2)), rng.standard_normal((50, 1)))
    >>> learner = DNI(network)
    >>> _, critic = learner.run(params, batch)
    >>> _, critic = learner.run(params, batch, critic)  # goes on learning
    >>> critic.shape
    (3, 5)
    """

    name = "DNI"
    kind = "biased"
    card = Card(
        "P + N^2",
        "N^2",
        "Jaderberg et al. 2017; Marschall, Cho & Savin 2020",
        "a critic that knows the adjoints",
    )

    def __init__(self, network: Network, critic: Critic | None = None) -> None:
        super().__init__(network)
        self.critic = Critic() if critic is None else critic
        if not isinstance(self.critic, Critic):
            raise TypeError(f"critic: expected a Critic, got {type(critic).__name__}")

    def init(
        self,
        params: Params,
        batch_size: int = 1,
        initial_state: Any = None,
        rng: np.random.Generator | None = None,
        critic: Array | None = None,
    ) -> Memory:
        """The memory before the first step.

        ``critic`` is the matrix A (N, M) to start with, zeros if ``None``.
        """
        state = self._first_state(params, batch_size, initial_state)
        size = state.shape[1]
        seen = self.network.readout.output_size if self.critic.sees_target else 0
        shape = (size, size + seen + 1)
        if critic is None:
            return Memory(state, np.zeros(shape, state.dtype))
        given = checks.finite(checks.numeric(critic, "critic"), "critic")
        return Memory(state, checks.shape(given, shape, "critic").astype(state.dtype))

    def learn(self, weights: Weights, memory: Memory, now: Instant) -> tuple[Memory, Share]:
        network, critic = self.network, self.critic
        outputs = network.readout.output_size
        features = critic.features(now.free, now.target, now.mask, outputs)
        predicted = critic.predict(memory.critic, features, memory.step)
        passed, delta = network.cell.pull(weights.cell, now.tape, predicted)
        cell = network.cell.collect(weights.cell, [now.tape], [delta])
        initial = passed.sum(axis=0) if memory.step == 0 else np.zeros(len(predicted[0]))

        direct = np.zeros(now.free.shape, weights.dtype)
        direct[:, network.cell.output] = now.h_bar
        after = Memory(
            now.state,
            self._taught(memory, passed),
            memory.step + 1,
            features,
            predicted,
            direct,
            now.forced,
        )
        return after, Share(cell, initial.astype(weights.dtype))

    def _taught(self, memory: Memory, passed: Array) -> Array:
        """The critic after it has met the target for the last step."""
        if memory.features is None or memory.predicted is None or memory.direct is None:
            return memory.critic
        if memory.forced is not None:
            passed = np.where(memory.forced, 0, passed)
        error = memory.predicted - (memory.direct + passed)
        return self.critic.learn(memory.critic, memory.features, error)

    def run(
        self, params: Params, batch: Batch, critic: Array | None = None
    ) -> tuple[Gradient, Array]:
        """Run over a batch with the parameters held fixed, and teach the critic on the way.

        Returns
        -------
        gradient, critic
            The :class:`Gradient` as the critic had it step by step, and
            the critic's matrix at the end, to start the next run with.
        """
        weights, _ = self._start(params, batch)
        held = params.astype(weights.dtype)
        memory = self.init(held, batch.size, batch.initial_state, critic=critic)
        memory, loss, sums = self._through(params, weights, memory, batch)
        taught = self._taught(memory, np.zeros_like(memory.state))
        return Gradient(loss, Params.own(sums)), taught

    def gradient(
        self, params: Params, batch: Batch, rng: np.random.Generator | None = None
    ) -> Gradient:
        """The gradient as :meth:`run` gives it with a critic that starts at zero."""
        return self.run(params, batch)[0]
