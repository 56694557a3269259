"""What every cell offers to every learner."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from rnncore import checks
from rnncore.params import Params

Array = np.ndarray
Shapes = dict[str, tuple[int, ...]]
Replace = Callable[[int, Array], Array]

EVERY = 32  # steps between two looks at the adjoints of a sweep
CACHED = 2**16  # numbers that stay in the processor's cache: half a megabyte in float64


def at_once(numbers: int) -> int:
    """Of how many steps the arrays, ``numbers`` each, stay in the processor's cache together."""
    return max(1, CACHED // max(1, numbers))


def told(adjoints: Array, said: Array) -> Array:
    """Those of the adjoints (..., M, B, N) of which something is said.

    All, if ``said`` is (T, B, n); the last m, if it is (T, m, B, n).
    """
    return adjoints[..., -said.shape[1] :, :, :] if said.ndim == 4 else adjoints


class Cell(ABC):
    """One step of a recurrent network, s_t = cell(s_{t-1}, x_t), and its derivatives.

    A learner needs nothing of a cell but the methods below. They are pure: they take
    what they need and return what they make.

    The state is one array (B, N), with the blocks of a cell side by side (for the LSTM
    ``h | c``). Adjoints ``s_bar`` = dL/ds may carry further axes in front, (..., B, N),
    so that many adjoints travel as one. Tangents ``ds`` carry theirs after the batch,
    (B, M, N): row m is the derivative of the state along direction m.

    Attributes
    ----------
    input_size
        D, the number of inputs.
    state_size
        N, the number of state variables.
    output
        The slice of the state that the cell shows to the read-out or to the next layer.
    shapes
        Name and shape of each parameter, in the order of the flat view.
    """

    input_size: int
    state_size: int
    output: slice
    shapes: Shapes

    # -- parameters ----------------------------------------------------------

    @abstractmethod
    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        """Draw initial parameters: weights with variance 1/fan-in, biases zero."""

    def prepare(self, params: Mapping[str, Array]) -> Any:
        """Turn parameters into what the methods below take as ``weights``.

        It is called once for a whole sequence. For a plain cell it is the mapping
        itself; composites split or mask it here.
        """
        return params

    @property
    def size(self) -> int:
        """P, the number of scalar parameters."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def output_size(self) -> int:
        """The number of units that the cell shows."""
        return self.output.stop - self.output.start

    # -- forward -------------------------------------------------------------

    def project(self, weights: Any, x: Array) -> Array | None:
        """The share of the inputs that a whole sequence (T, B, D) can compute in one product.

        What comes back is handed to :meth:`step` as ``u``, step by step; ``None`` where
        a cell has no such share.
        """
        return None

    @abstractmethod
    def step(self, weights: Any, s: Array, x: Array, u: Array | None = None) -> tuple[Array, Any]:
        """Advance one step: from ``s`` (B, N) and ``x`` (B, D) to the next state and a tape.

        The tape holds what the derivatives of this step need.
        """

    def run(
        self, weights: Any, s: Array, x: Array, replace: Replace | None = None
    ) -> tuple[Sequence[Any], Array, Array]:
        """Advance over a stretch of steps, inputs ``x`` (T, B, D).

        ``replace(t, s)`` may put another state in the place of the one after step t.

        Returns
        -------
        tapes, shown, s
            A tape of each step; what the cell shows after each, before it is replaced,
            (T, B, n); and the last state (B, N).
        """
        tapes, shown = [], []
        for t, u in enumerate(self.projections(weights, x)):
            s, tape = self.step(weights, s, x[t], u)
            tapes.append(tape)
            shown.append(s[:, self.output])
            s = s if replace is None else replace(t, s)
        return tapes, np.stack(shown), s

    def projections(self, weights: Any, x: Array) -> Iterator[Array | None]:
        """The ``u`` of each step, in one product for as many steps as stay in the cache."""
        size = at_once(x.shape[1] * self.state_size)
        for start in range(0, len(x), size):
            u = self.project(weights, x[start : start + size])
            yield from repeat(None, min(size, len(x) - start)) if u is None else u

    # -- reverse mode --------------------------------------------------------

    def sweep(
        self,
        weights: Any,
        tapes: Sequence[Any],
        s_bar: Array,
        h_bar: Array,
        forced: Sequence[Array | None] | None = None,
        between: Callable[[Array], None] | None = None,
    ) -> tuple[Array, Sequence[Any], Array | Sequence[Array]]:
        """Run the adjoint recursion backwards over a stretch of steps.

        ::

            dL/ds_t = dl_t/ds_t + (ds_{t+1}/ds_t)^T dL/ds_{t+1}

        Parameters
        ----------
        s_bar
            What reaches the last state of the stretch from later steps, (..., B, N).
        h_bar
            dl_t/dh_t of each step, what its own loss says of the units shown, (T, B, n). Or
            (T, m, B, n), for the last m of the adjoints (M, B, N) alone.
        forced
            Of each step the state variables (B, N) that a teacher replaced, or None.
        between
            Gets the adjoints now and then, every ``EVERY`` steps at least, and may change them.

        Returns
        -------
        s_bar, deltas, adjoints
            The adjoint that reaches the state before the stretch; the pre-activation
            adjoints of each step; and dL/ds_t of each state in the stretch, which is empty
            where there is something ``between``.
        """
        deltas: list[Any] = [None] * len(tapes)
        adjoints: list[Array] = [s_bar] * len(tapes)
        for t in reversed(range(len(tapes))):
            # A copy, since what pull gave may still be in use elsewhere.
            s_bar = s_bar.astype(np.result_type(s_bar, h_bar))
            if forced is not None and (replaced := forced[t]) is not None:
                # A forced unit does not pass on what it was, so nothing flows back through it.
                np.copyto(s_bar, 0, where=replaced)
            told(s_bar, h_bar)[..., self.output] += h_bar[t]
            adjoints[t] = s_bar
            s_bar, deltas[t] = self.pull(weights, tapes[t], s_bar)
            if between is not None and (len(tapes) - t) % EVERY == 0:
                between(s_bar)
        return s_bar, deltas, [] if between is not None else adjoints

    @abstractmethod
    def pull(self, weights: Any, tape: Any, s_bar: Array) -> tuple[Array, Any]:
        """Pull the adjoint of the new state back to the old one.

        Parameters
        ----------
        s_bar
            dL/ds_t, shape (..., B, N).

        Returns
        -------
        s_bar_prev, delta
            dL/ds_{t-1} through this step, a new array (..., B, N), and the adjoints of this
            step's pre-activations, which :meth:`collect` and :meth:`input_adjoint` take.
        """

    @abstractmethod
    def input_adjoint(self, weights: Any, tape: Any, delta: Any) -> Array:
        """dL/dx_t, shape (..., B, D)."""

    @abstractmethod
    def collect(
        self,
        weights: Any,
        tapes: Sequence[Any],
        deltas: Sequence[Any],
        per_example: bool = False,
    ) -> dict[str, Array]:
        """Sum the gradients of the parameters over time, in one product each.

        With ``per_example`` the sum over the batch is left out and each array keeps the
        leading axes of the adjoints: shape ``(..., B, *shape)``. Without, the adjoints must
        have no further axes, and the arrays have the shapes of the parameters.
        """

    # -- forward mode --------------------------------------------------------

    @abstractmethod
    def push(self, weights: Any, tape: Any, ds: Array, dx: Array | None = None) -> Array:
        """Push tangents through one step: D ds + X dx, shape (B, M, N).

        D = ds_t/ds_{t-1} and X = ds_t/dx_t; ``ds`` is (B, M, N), ``dx`` (B, M, D) or None.
        """

    @abstractmethod
    def influence_step(
        self, weights: Any, tape: Any, influence: Array, start: int = 0, dx: Array | None = None
    ) -> Array:
        """One step of real-time recurrent learning: J_t = D J_{t-1} + X dx + F.

        ``influence`` is J_{t-1}, shape (B, M, N), row m = ds_{t-1}/d theta_m. The immediate
        derivative F = ds_t/d theta with ``s_{t-1}`` held fixed is added, on its sparse
        pattern, to the rows ``start`` to ``start + P``, which belong to this cell.
        """

    def influences(self, weights: Any, tapes: Sequence[Any], influence: Array) -> Iterator[Array]:
        """J_t after each of some consecutive steps: :meth:`influence_step`, one after the other.

        The parameters are this cell's from the first row on. What is yielded is a new array; it
        may be changed in place, and goes on changed, until the next one is asked for.
        """
        for tape in tapes:
            influence = self.influence_step(weights, tape, influence)
            yield influence

    @abstractmethod
    def jvp(
        self,
        weights: Any,
        tape: Any,
        ds: Array,
        dx: Array | None = None,
        dparams: Mapping[str, Array] | None = None,
    ) -> Array:
        """The derivative of the new state along ONE direction (the R-operator), shape (B, N).

        ``ds`` (B, N), ``dx`` (B, D) and ``dparams`` (like the parameters) are the parts of
        the direction.
        """

    # -- teaching --------------------------------------------------------------

    def state_jacobian(self, weights: Any, tape: Any) -> Array:
        """D = ds_t/ds_{t-1}, shape (B, N, N): entry [b, i, j] is ds_t,i / ds_{t-1},j."""
        like, size = self._like(tape), self.state_size
        eye = np.broadcast_to(np.eye(size, dtype=like.dtype), (len(like), size, size))
        return self.push(weights, tape, eye).transpose(0, 2, 1)

    def immediate_jacobian(self, weights: Any, tape: Any) -> Array:
        """F^T = (ds_t/d theta)^T with s_{t-1} held fixed, shape (B, P, N). For teaching only."""
        like = self._like(tape)
        zero = np.zeros((len(like), self.size, self.state_size), like.dtype)
        return self.influence_step(weights, tape, zero)

    @abstractmethod
    def _like(self, tape: Any) -> Array:
        """Some array (B, ...) of the tape, for its batch size and dtype."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(input_size={self.input_size}, state_size={self.state_size})"


def draw(shapes: Shapes, rng: np.random.Generator, dtype: Any) -> Params:
    """Weights from a normal distribution with variance 1/fan-in; vectors start at zero."""
    checks.generator(rng)
    return Params(
        {
            name: (
                rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
                if len(shape) > 1
                else np.zeros(shape)
            ).astype(dtype)
            for name, shape in shapes.items()
        }
    )
