"""Training by the extended Kalman filter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.data import Batch
from rnncore.losses import SquaredError
from rnncore.network import Network, Weights
from rnncore.optimizers.base import positive
from rnncore.params import Params

Array = np.ndarray


class Past(NamedTuple):
    """One recorded step of the window: prepared weights, tape, and what was forced."""

    weights: Weights
    tape: Any
    forced: Array | None


class KalmanMemory(NamedTuple):
    """All that the filter remembers.

    Attributes
    ----------
    state
        Of the network, (B, N).
    covariance
        One symmetric positive definite matrix for each group of parameters.
    influence
        (B, P, N), where derivatives come from it; ``None`` where they come from a window.
    window
        The last steps, oldest first; empty where derivatives come from the influence.
    start_in_window
        Whether the window still begins at the first step.
    """

    state: Array
    covariance: tuple[Array, ...]
    influence: Array | None
    window: tuple[Past, ...]
    start_in_window: bool


class KalmanStep(NamedTuple):
    """What one step gives: its loss and output before the update, and the error d - y."""

    loss: Any
    output: Array
    error: Array


class ExtendedKalman:
    """The parameters as the state of a Kalman filter, the targets as its measurements.

    ::

        theta_{t+1} = theta_t + process noise (Q = q I),   d_t = y_t(theta) + noise (R = r I)

    With H = dy_t/d theta (rows: outputs), error e = d - y, and the parameters in groups g::

        S = R + sum_g H_g P_g H_g^T,   K_g = P_g H_g^T S^{-1}
        theta_g <- theta_g + K_g e,    P_g <- P_g - K_g H_g P_g + Q

    One group is the global filter; a group for each node, the parameters that feed one
    pre-activation, is the node-decoupled one, which leaves out covariances between groups. P_g
    is computed in Joseph's form, P <- (I - K H) P (I - K H)^T + K (S - H P H^T) K^T, which is
    the same number and stays positive definite under rounding (as long as variance H^2 / r
    stays below about 1e13). Time a step: derivatives, and
    O(M sum_g P_g^2) for M outputs; memory O(sum_g P_g^2).

    The derivatives H are those of

    - ``"rtrl"``: the influence matrix carried along with the state
      (:class:`~rnncore.learners.RTRL`); it remembers everything;
    - ``"bptt"``: M unit adjoints pulled back over the last ``window`` steps; the whole past
      where ``window`` is ``None``. Each step's tape keeps the weights that it was run with.

    With parameters held, the two are equal when the window covers the past.

    Several sequences, B > 1, are streams: their outputs together are the measurement
    (multi-stream training). A masked target is no measurement; a mask entry w between 0 and 1
    has noise r / w. Computed in float64; float32 parameters come back as float32.

    Parameters
    ----------
    network
        With a squared-error loss: the filter's measurement is d = y + noise.
    derivatives
        ``"rtrl"`` or ``"bptt"``.
    window
        Steps of ``"bptt"``.
    groups
        ``"global"``, ``"node"``, or a list of lists of places in ``params.flat()``.
    noise
        r.
    process_noise
        q, at least 0; above 0 it keeps the filter alive.
    variance
        P at the start is this times I.
    learn
        Names of the parameters to learn; all if ``None``. The others stay as they are.

    Raises
    ------
    ValueError
        For another loss, an unknown name or kind, groups that overlap, numbers out of range.

    References
    ----------
    G. V. Puskorius and L. A. Feldkamp (1994), Neurocontrol of nonlinear dynamical systems with
    Kalman filter trained recurrent networks, IEEE Transactions on Neural Networks 5(2), for the
    global and the decoupled recursions; H. Jaeger (2002), A tutorial on training recurrent
    neural networks, GMD Report 159, for the filter on a network's weights.

    Examples
    --------
    >>> from rnncore import Linear, Vanilla
    >>> net = Network(Vanilla(1, 3), Linear(3, 1), SquaredError())
    >>> kalman = ExtendedKalman(net, groups="node")
    >>> params = net.init_params(np.random.default_rng(0))
    >>> memory = kalman.init(params)
    >>> params, memory, out = kalman.step(params, memory, np.ones(1), np.zeros(1))
    >>> len(memory.covariance)
    4
    """

    def __init__(
        self,
        network: Network,
        derivatives: Literal["rtrl", "bptt"] = "rtrl",
        window: int | None = None,
        groups: str | Sequence[Sequence[int]] = "global",
        noise: float = 1.0,
        process_noise: float = 0.0,
        variance: float = 1.0,
        learn: Sequence[str] | None = None,
    ) -> None:
        if not isinstance(network, Network):
            raise TypeError(f"network: expected a Network, got {type(network).__name__}")
        if not isinstance(network.loss, SquaredError):
            raise ValueError(
                "network: the filter measures d = y + noise, so the loss must be SquaredError, "
                f"got {type(network.loss).__name__}"
            )
        if derivatives not in ("rtrl", "bptt"):
            raise ValueError(f"derivatives: expected 'rtrl' or 'bptt', got {derivatives!r}")
        if window is not None and derivatives == "rtrl":
            raise ValueError("window: only for derivatives='bptt'; the influence has none")
        self.network, self.derivatives = network, derivatives
        self.window = None if window is None else checks.positive_int(window, "window")
        positive(noise, "noise")
        positive(variance, "variance")
        if process_noise != 0:
            positive(process_noise, "process_noise")
        self.noise, self.process_noise, self.variance = noise, process_noise, variance
        self.groups = _groups(network, groups, learn)

    # -- running ---------------------------------------------------------------

    def init(self, params: Params, batch_size: int = 1, initial_state: Any = None) -> KalmanMemory:
        """The memory before the first step."""
        size = checks.positive_int(batch_size, "batch_size")
        given = None if initial_state is None else checks.numeric(initial_state, "initial_state")
        if given is not None and self.network.learn_initial_state:
            raise ValueError("initial_state: given, but this network learns its own")
        given = given[None] if given is not None and given.ndim == 1 and size == 1 else given
        weights = self.network.prepare(params.astype(np.float64), given)
        state = self.network.initial(weights, size, given)
        covariance = tuple(self.variance * np.eye(len(group)) for group in self.groups)
        influence = None
        if self.derivatives == "rtrl":
            rows, n = self.network.cell.size, state.shape[1]
            learned = n if self.network.learn_initial_state else 0
            influence = np.zeros((size, rows + learned, n))
            influence[:, rows:] = np.eye(n)[:learned]
        return KalmanMemory(state, covariance, influence, (), True)

    def step(
        self, params: Params, memory: KalmanMemory, x: Any, target: Any, mask: Any = None
    ) -> tuple[Params, KalmanMemory, KalmanStep]:
        """Advance one time step and update the parameters.

        Parameters
        ----------
        params, memory
            From the step before.
        x, target, mask
            Of this step: (B, D), (B, O) and (B, 1) or (B, O); without the batch axis where
            B = 1.
        """
        batch = self._batch(memory, x, target, mask)
        weights = self.network.prepare(params.astype(np.float64), batch.inputs)
        assert batch.targets is not None
        d, w = batch.targets[0], np.ones(batch.targets[0].shape)
        if batch.weights is not None:
            w = np.broadcast_to(batch.weights[0], d.shape)
        memory, y, rows = self._forward(weights, memory, batch.inputs[0], d, w)
        error, counted = d - y, w.T.reshape(-1) > 0  # rows are ordered output, then stream
        loss = (0.5 * w * error**2).sum() / len(d)
        if counted.any():
            noise = self.noise / w.T.reshape(-1)[counted]
            flat, covariance = self.update(
                params.flat().astype(np.float64),
                memory.covariance,
                rows[counted],
                error.T.reshape(-1)[counted],
                noise,
            )
            params = params.unflatten(flat.astype(params.dtype))
            memory = memory._replace(covariance=covariance)
        return params, memory, KalmanStep(loss, y, error)

    def run(self, params: Params, batch: Batch) -> tuple[Params, KalmanMemory, Array]:
        """Step over a batch from its start. Returns also the loss of each step, (T,)."""
        self.network.check(batch)
        memory = self.init(params, batch.size, batch.initial_state)
        losses = []
        for t in range(batch.steps):
            assert batch.targets is not None
            mask = None if batch.weights is None else batch.weights[t]
            params, memory, out = self.step(params, memory, batch.inputs[t], batch.targets[t], mask)
            losses.append(out.loss)
        return params, memory, np.array(losses)

    def update(
        self,
        flat: Array,
        covariance: tuple[Array, ...],
        rows: Array,
        error: Array,
        noise: Array,
    ) -> tuple[Array, tuple[Array, ...]]:
        """The filter itself: new parameters (P,) and covariances from H = ``rows`` (M, P)."""
        parts = [rows[:, group] for group in self.groups]
        crossed = [h @ p for h, p in zip(parts, covariance, strict=True)]  # H_g P_g
        own = [hp @ h.T for hp, h in zip(crossed, parts, strict=True)]
        total = np.diag(noise) + np.sum(own, axis=0)
        new, result = flat.copy(), []
        for group, h, hp, share, p in zip(
            self.groups, parts, crossed, own, covariance, strict=True
        ):
            gain = np.linalg.solve(total, hp).T  # total and P are symmetric
            new[group] += gain @ error
            left = p - gain @ hp
            joseph = left - (left @ h.T) @ gain.T + gain @ (total - share) @ gain.T
            result.append(0.5 * (joseph + joseph.T) + self.process_noise * np.eye(len(p)))
        return new, tuple(result)

    # -- derivatives -------------------------------------------------------------

    def _batch(self, memory: KalmanMemory, x: Any, target: Any, mask: Any) -> Batch:
        x, target = np.asarray(x), np.asarray(target)
        if x.ndim == 1:
            x, target = x[None], target[None]
            mask = None if mask is None else np.atleast_1d(mask)[None]
        batch = Batch(x[None], target[None], None if mask is None else np.asarray(mask)[None])
        self.network.check(batch)
        if batch.size != len(memory.state):
            raise ValueError(f"x: expected {len(memory.state)} sequences, got {batch.size}")
        return batch

    def _forward(
        self, weights: Weights, memory: KalmanMemory, x: Array, d: Array, w: Array
    ) -> tuple[KalmanMemory, Array, Array]:
        """One step of the network: memory, y (B, O), and dy/d theta, (O B, P)."""
        network = self.network
        free, tape = network.cell.step(weights.cell, memory.state, x)
        h = free[:, network.cell.output]
        z, y = network.readout.forward(weights.readout, h)
        outputs, size = y.shape[1], len(y)
        unit = np.broadcast_to(np.eye(outputs)[:, None, :], (outputs, size, outputs))
        z_bar = network.readout.through(z, y, unit)  # dy_o/dz, (O, B, O)
        h_bar = network.readout.pull(weights.readout, z_bar, h.shape[1])
        state, forced = network.force(free, d, w)
        memory = memory._replace(state=state)
        if memory.influence is not None:
            influence = network.cell.influence_step(weights.cell, tape, memory.influence)
            recurrent = np.einsum("bpn,obn->obp", influence[..., network.cell.output], h_bar)
            if forced is not None:
                influence = np.where(forced[:, None, :], 0, influence)
            memory = memory._replace(influence=influence)
        else:
            memory = self._remember(memory, Past(weights, tape, forced))
            recurrent = self._pull(memory, h_bar)
        own = [
            [_flat(network.readout.collect(h[b : b + 1], bar[b : b + 1])) for b in range(size)]
            for bar in z_bar
        ]
        cut = network.cell.size
        rows = np.concatenate([recurrent[..., :cut], np.array(own), recurrent[..., cut:]], axis=-1)
        return memory, y, rows.reshape(outputs * size, -1)

    def _remember(self, memory: KalmanMemory, now: Past) -> KalmanMemory:
        window = (*memory.window, now)
        if self.window is not None and len(window) > self.window:
            return memory._replace(window=window[1:], start_in_window=False)
        return memory._replace(window=window)

    def _pull(self, memory: KalmanMemory, h_bar: Array) -> Array:
        """dy/d theta of cell and initial state over the window, (O, B, P)."""
        cell, deltas = self.network.cell, []
        s_bar = np.zeros((*h_bar.shape[:2], cell.state_size))
        s_bar[..., cell.output] = h_bar
        for k, (weights, tape, forced) in enumerate(reversed(memory.window)):
            if forced is not None and k > 0:  # the output was read before it was forced
                s_bar = np.where(forced, 0, s_bar)
            s_bar, delta = cell.pull(weights.cell, tape, s_bar)
            deltas.append(delta)
        tapes = [past.tape for past in memory.window]
        grads = cell.collect(memory.window[-1].weights.cell, tapes, deltas[::-1], per_example=True)
        flat = [grads[name].reshape(*h_bar.shape[:2], -1) for name in cell.shapes]
        if self.network.learn_initial_state:
            flat.append(s_bar if memory.start_in_window else np.zeros_like(s_bar))
        return np.concatenate(flat, axis=-1)


def _flat(grads: dict[str, Array]) -> Array:
    return np.concatenate([array.ravel() for array in grads.values()] or [np.zeros(0)])


def _groups(
    network: Network, groups: str | Sequence[Sequence[int]], learn: Sequence[str] | None
) -> tuple[Array, ...]:
    """Places in the flat view of the parameters, one array for each group."""
    shapes, start = network.shapes, 0
    names = list(shapes) if learn is None else list(learn)
    unknown = sorted(set(names) - set(shapes))
    if unknown or not names:
        raise ValueError(f"learn: unknown {unknown}; the network has {list(shapes)}")
    total = sum(math.prod(shape) for shape in shapes.values())
    if not isinstance(groups, str):
        given = [np.array(group, dtype=int) for group in groups]
        places = np.concatenate(given) if given else np.zeros(0, int)
        if not len(places) or len(set(places)) < len(places):
            raise ValueError("groups: expected each place at most once, and one at least")
        if min(len(group) for group in given) == 0:
            raise ValueError("groups: expected no empty group")
        if places.min() < 0 or places.max() >= total:
            raise ValueError(f"groups: expected places from 0 to {total - 1}")
        if learn is not None:
            raise ValueError("learn: give either names or groups of places, not both")
        return tuple(given)
    if groups not in ("global", "node"):
        raise ValueError(f"groups: expected 'global', 'node' or lists of places, got {groups!r}")
    found: dict[Any, list[int]] = {}
    for name, shape in shapes.items():
        prefix, width = name.rpartition(".")[0], math.prod(shape[1:])
        for row in range(shape[0]):
            # W, U, b of one pre-activation share their first axis; peepholes have a unit's
            key = "all" if groups == "global" else (prefix, shape[0], row)
            if name in names:
                found.setdefault(key, []).extend(
                    range(start + row * width, start + (row + 1) * width)
                )
        start += math.prod(shape)
    return tuple(np.array(places) for places in found.values())
