"""Local rules whose learning signal comes through feedback weights: RFLO, random e-prop."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnncore import checks
from rnncore.learners.base import Array, Card, Share
from rnncore.learners.instant import Instant, Steps
from rnncore.learners.local import Memory, TraceLearner
from rnncore.network import Network, Weights
from rnncore.params import Params
from rnncore.readouts import Linear


class FeedbackLearner(TraceLearner):
    """A local rule whose learning signal comes through feedback weights B instead of V.

    ::

        L^t = B^T dl_t/dz_t

    with z the pre-activations of the read-out: for squared error on a linear read-out, and
    cross-entropies on theirs, dl/dz is the output error y - y*.

    Parameters
    ----------
    network
        The network to learn; its read-out must be linear (or linear with an activation).
    feedback
        B, shape (O, n). If ``None``, B is drawn at :meth:`init` as V is, from a normal
        distribution of variance 1/n, and lives in the memory: to keep one B over many
        sequences, give it here, or keep the memory.

    Raises
    ------
    ValueError
        On read-outs without weights that feedback could replace, and wrong shapes.
    """

    random = True

    def __init__(self, network: Network, feedback: Any = None) -> None:
        super().__init__(network)
        if not isinstance(network.readout, Linear):
            raise ValueError(
                f"network: {self.name} replaces the read-out's weights V in the feedback; "
                f"{type(network.readout).__name__} has none"
            )
        self._shape = network.readout.shapes["V"]
        if feedback is not None:
            given = checks.finite(checks.numeric(feedback, "feedback"), "feedback")
            feedback = checks.shape(given, self._shape, "feedback").copy()
        self.feedback: Array | None = feedback

    def init(
        self,
        params: Params,
        batch_size: int = 1,
        initial_state: Any = None,
        rng: np.random.Generator | None = None,
    ) -> Memory:
        memory = super().init(params, batch_size, initial_state)
        b = self.feedback
        if b is None:
            b = self._generator(rng).standard_normal(self._shape) / np.sqrt(self._shape[1])
        return memory._replace(feedback=b.astype(memory.state.dtype))

    def _signal(self, memory: Memory, now: Instant | Steps) -> Array:
        assert memory.feedback is not None
        return now.z_bar @ memory.feedback


class RFLO(FeedbackLearner):
    """Random-feedback local online learning.

    For leaky units with a = 1/tau (:class:`~rnncore.cells.Leaky`) Murray's rule is ::

        dW_ij ~ [B eps]_i p_ij,   p_ij(t) = (1 - 1/tau) p_ij(t-1) + (1/tau) f'(u_i(t)) h_j(t-1)

    with the output error eps and fixed random feedback B. In the terms of
    :class:`~rnncore.learners.TraceLearner`: E = 1 - a and F = a f' h, so p is the trace, and
    [B eps] the learning signal. On other pointwise cells it is the same trace with theirs for E
    and F. (For a vanilla cell E = 0: the rule then sees one step.)

    Biased. Exact if B = V, and U = 0 or T = 1.

    References
    ----------
    Murray (2019), eLife 8:e43299.
    """

    name = "RFLO"
    kind = "biased"
    card = Card("P", "P", "Murray 2019", "B = V, and U = 0 or T = 1")


class RandomEProp(FeedbackLearner):
    """E-prop with fixed random feedback weights B in the learning signal.

    L_j^t = sum_k B_jk (y_k^t - y*_k^t), otherwise as :class:`EProp`. In this frame it is
    the same rule as :class:`RFLO`, for other units.

    Biased. Exact if B = V, and U = 0 or T = 1.

    References
    ----------
    Bellec et al. (2020), Nature Communications 11:3625.
    """

    name = "random e-prop"
    kind = "biased"
    card = Card("P", "P", "Bellec et al. 2020", "B = V, and U = 0 or T = 1")


class AdaptiveEProp(FeedbackLearner):
    """E-prop whose feedback weights learn by the rule that the read-out's weights learn by.

    ::

        B <- B - rate (dl_t/dV + decay B)

    after each step: what gradient descent with weight decay does to V. If V is moved by
    just that (``rate`` and ``decay`` those of its optimizer), then by Kolen & Pollack
    (1994) the difference V - B shrinks by the factor 1 - rate decay each step, whatever the
    data, and the rule turns into symmetric e-prop.

    In :meth:`gradient` the parameters are held, but B moves on from step to step.

    Biased. Exact if B = V at rate 0, and U = 0 or T = 1.

    Parameters
    ----------
    network, feedback
        As in :class:`~rnncore.learners.FeedbackLearner`; ``feedback`` is where B starts.
    rate, decay
        Of the read-out's optimizer; numbers of at least zero.

    References
    ----------
    Bellec et al. (2020), Nature Communications 11:3625; Kolen & Pollack (1994), ICNN.
    """

    name = "adaptive e-prop"
    kind = "biased"
    card = Card("P", "P", "Bellec et al. 2020", "B = V at rate 0, and U = 0 or T = 1")

    def __init__(
        self, network: Network, rate: float, decay: float = 0.0, feedback: Any = None
    ) -> None:
        super().__init__(network, feedback)
        for what, value in (("rate", rate), ("decay", decay)):
            if not (np.isfinite(value) and value >= 0):
                raise ValueError(f"{what}: expected a number of at least 0, got {value}")
        self.rate, self.decay = float(rate), float(decay)

    def learn(self, weights: Weights, memory: Memory, now: Instant) -> tuple[Memory, Share]:
        after, share = super().learn(weights, memory, now)
        assert memory.feedback is not None
        shown = now.free[:, self.network.cell.output]
        slope = self.network.readout.collect(shown, now.z_bar)["V"] + self.decay * memory.feedback
        return after._replace(feedback=memory.feedback - self.rate * slope), share
