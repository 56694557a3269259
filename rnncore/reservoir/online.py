"""Read-outs learned while the sequence arrives: recursive least squares and FORCE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnncore import checks
from rnncore.data import Batch
from rnncore.reservoir.matrices import number
from rnncore.reservoir.network import EchoState, features
from rnncore.reservoir.reservoir import Reservoir

Array = np.ndarray


class RLSMemory(NamedTuple):
    """What recursive least squares carries along.

    Attributes
    ----------
    V
        The weights, (O, p).
    P
        The inverse of the penalized correlation matrix of the features, (p, p).
    """

    V: Array
    P: Array


@dataclass(frozen=True)
class RLS:
    """Recursive least squares: after each row the exact solution for all rows so far.

    ::

        k = P z / (g + z^T P z)
        e = V z - d,   V <- V - e k^T
        P <- (P - k (P z)^T) / g

    From V = 0 and P = I / alpha, with forgetting g = 1, V is after M rows the ridge solution
    with penalty alpha. With g < 1 a row that lies m steps back counts g^m.

    Parameters
    ----------
    alpha
        The penalty, above 0; the smaller, the larger the first steps.
    forgetting
        g, in (0, 1].

    Notes
    -----
    Cost: 3 p^2 a row. Like the normal equations, P loses digits where the features are nearly
    dependent; a small ``alpha`` makes that worse.

    References
    ----------
    Haykin (2014), Adaptive filter theory, chapter 10; for echo state networks Jaeger (2003),
    NIPS 15.

    Examples
    --------
    >>> rls = RLS(alpha=2.0)
    >>> memory = rls.init(1, 1)
    >>> for d in (1.0, 2.0):
    ...     memory, error = rls.update(memory, np.array([1.0]), np.array([d]))
    >>> memory.V
    array([[0.75]])
    """

    alpha: float = 1.0
    forgetting: float = 1.0

    def __post_init__(self) -> None:
        for name, most in (("alpha", np.inf), ("forgetting", 1.0)):
            if number(getattr(self, name), name, 0, most) == 0:
                raise ValueError(f"{name}: expected a number above 0, got 0")

    def init(self, width: int, outputs: int) -> RLSMemory:
        """Weights zero, for p = ``width`` features and O = ``outputs``."""
        p = checks.positive_int(width, "width")
        return RLSMemory(
            np.zeros((checks.positive_int(outputs, "outputs"), p)), np.eye(p) / self.alpha
        )

    def update(self, memory: RLSMemory, z: Array, target: Array) -> tuple[RLSMemory, Array]:
        """Take in one row of features (p,) and its target (O,).

        Returns the new memory, and the error V z - d (O,) BEFORE the update.
        """
        V, P = memory
        checks.shape(z, (len(P),), "z")
        checks.shape(target, (len(V),), "target")
        pz = P @ z
        k = pz / (self.forgetting + z @ pz)
        error = V @ z - target
        return RLSMemory(V - np.outer(error, k), (P - np.outer(k, pz)) / self.forgetting), error


class ForceRun(NamedTuple):
    """What FORCE learning leaves behind.

    Attributes
    ----------
    network
        The echo state network with the weights learned.
    outputs
        (T, O), what the network gave at each step BEFORE its weights were changed.
    changes
        (T,), the length of each step's change of the weights; its decay shows convergence.
    state, output
        The last state (n,) and the last output (O,), from which it can run on.
    """

    network: EchoState
    outputs: Array
    changes: Array
    state: Array
    output: Array


def force(
    reservoir: Reservoir,
    batch: Batch,
    *,
    alpha: float = 1.0,
    every: int = 1,
    initial_state: Array | None = None,
) -> ForceRun:
    """FORCE learning: recursive least squares while the network hears its OWN output.

    ::

        e_-(t) = V(t-1) z_t - d_t
        P(t) = P(t-1) - P(t-1) z_t z_t^T P(t-1) / (1 + z_t^T P(t-1) z_t)
        V(t) = V(t-1) - e_-(t) (P(t) z_t)^T,   P(0) = I / alpha

    Strong, rapid changes of the weights hold the output near its target from the first steps
    on, so that what is fed back is the target with the small errors that the network will meet
    when it runs alone. This tames even a reservoir that is chaotic without input (radius about
    1.5).

    Parameters
    ----------
    reservoir
        With feedback of O outputs; without feedback it is recursive least squares.
    batch
        One sequence: inputs (T, 1, D) and targets (T, 1, O). A constant input where there is
        nothing to hear.
    alpha
        Of P(0): the smaller, the faster the first changes.
    every
        The weights change every so many steps.
    initial_state
        (n,); zeros if ``None``. A reservoir with neither input nor bias stays at zero.

    Notes
    -----
    The rule is the paper's; the units are those of :class:`Reservoir`, leaky after the
    activation, where the paper's leak before it, and the read-out sees the input and a
    constant besides the state.

    References
    ----------
    Sussillo & Abbott (2009), Neuron 63(4) (their w, r, f are V, z, d here).

    Examples
    --------
    >>> rng, t = np.random.default_rng(0), np.arange(1100)
    >>> wave = np.sin(0.1 * t)[:, None]
    >>> r = Reservoir.draw(rng, 1, 80, radius=1.5, leak=0.2, input_scaling=0.0, output_size=1)
    >>> start = 0.5 * rng.standard_normal(80)
    >>> run = force(r, Batch(np.ones((1000, 1)), wave[:1000]), alpha=0.01, initial_state=start)
    >>> alone = run.network.predict(
    ...     np.ones((100, 1)), initial_state=run.state, initial_output=run.output)
    >>> bool(np.abs(alone.outputs - wave[1000:]).max() < 0.1)
    True
    """
    if not isinstance(batch, Batch):
        raise TypeError(f"batch: expected a Batch, got {type(batch).__name__}")
    if (
        batch.targets is None
        or batch.targets.ndim != 3
        or batch.size != 1
        or batch.mask is not None
    ):
        raise ValueError("batch: expected one sequence with real targets and no mask")
    x, d = reservoir.check_inputs(batch.inputs)[:, 0], batch.targets[:, 0]
    if reservoir.output_size not in (None, d.shape[1]):
        raise ValueError(f"batch: expected {reservoir.output_size} targets, got {d.shape[1]}")
    every = checks.positive_int(every, "every")
    rls = RLS(alpha)
    s = reservoir.start(initial_state, (), reservoir.size, "initial_state")
    y = np.zeros(d.shape[1])
    memory = rls.init(1 + reservoir.input_size + reservoir.size, d.shape[1])
    outputs, changes = np.empty_like(d), np.zeros(len(x))
    for t in range(len(x)):
        s = reservoir.step(s, x[t], y)
        z = features(x[t], s)
        outputs[t] = y = memory.V @ z
        if (t + 1) % every == 0:
            before = memory.V
            memory, _ = rls.update(memory, z, d[t])
            changes[t] = np.linalg.norm(memory.V - before)
    return ForceRun(EchoState(reservoir, memory.V), outputs, changes, s, y)
