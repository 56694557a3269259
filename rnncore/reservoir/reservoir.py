"""The reservoir: a fixed random recurrent network that is driven, never trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rnncore import activations, checks
from rnncore.reservoir.matrices import number, random_matrix
from rnncore.reservoir.sparse import Connections, connections

Array = np.ndarray

_STRETCH = 64  # steps whose inputs are multiplied at once: few enough to stay in the cache


@dataclass(frozen=True, eq=False)
class Reservoir:
    """A recurrent layer of leaky units with fixed weights.

    ::

        s_t = (1 - a) s_{t-1} + a f(W x_t + U s_{t-1} + b + F y_{t-1} + nu_t)

    Parameters
    ----------
    W, U, b
        Input weights (n, D), recurrent weights (n, n), bias (n,).
    F
        Feedback weights (n, O) of the output y; ``None`` for none.
    leak
        a, in (0, 1]: 1 is no leak.
    activation
        f; ``"tanh"``, or ``"identity"`` for a linear reservoir.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit each other, or the leak is not in (0, 1].

    Notes
    -----
    The spectral radius is that of U. What decides over memory near the zero state is
    (1 - a) I + a U.

    Cost of a step: n^2 for a dense U; for a sparse one n times the number of connections of the
    unit that has most.

    References
    ----------
    Jaeger (2001), GMD Report 148; leaky units as in Lukoševičius (2012), A practical guide to
    applying echo state networks, equations 2 and 3; the noise
    nu_t inside f as in Jaeger (2002), GMD Report 159.

    Examples
    --------
    >>> reservoir = Reservoir.draw(np.random.default_rng(0), 1, 50, radius=0.8, leak=0.5)
    >>> reservoir.run(np.ones((10, 1))).shape
    (11, 50)
    """

    W: Array
    U: Array
    b: Array
    F: Array | None = None
    leak: float = 1.0
    activation: str = "tanh"

    def __post_init__(self) -> None:
        leak = number(self.leak, "leak", 0, 1)
        if leak == 0:
            raise ValueError("leak: expected a number above 0, got 0")
        object.__setattr__(self, "leak", leak)
        activations.get(self.activation)
        for name in ("W", "U", "b", "F"):
            if getattr(self, name) is not None:
                array = np.array(checks.finite(checks.numeric(getattr(self, name), name), name))
                array.flags.writeable = False
                object.__setattr__(self, name, array)
        if self.W.ndim != 2:
            raise ValueError(f"W: expected shape (n, D), got {self.W.shape}")
        n = len(self.W)
        checks.shape(self.U, (n, n), "U")
        checks.shape(self.b, (n,), "b")
        if self.F is not None and (self.F.ndim != 2 or len(self.F) != n):
            raise ValueError(f"F: expected shape ({n}, O), got {self.F.shape}")

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        input_size: int,
        size: int,
        *,
        radius: float = 0.9,
        density: float = 1.0,
        leak: float = 1.0,
        input_scaling: float = 1.0,
        bias_scaling: float = 0.0,
        output_size: int = 0,
        feedback_scaling: float = 1.0,
        activation: str = "tanh",
    ) -> Reservoir:
        """Draw a reservoir.

        Parameters
        ----------
        rng
            Source of randomness.
        input_size, size
            D and n.
        radius, density
            Of U: see :func:`random_matrix`.
        leak, activation
            As above.
        input_scaling, bias_scaling, feedback_scaling
            W, b and F are uniform on [-scaling, scaling].
        output_size
            O of the feedback; 0 for none.

        Examples
        --------
        >>> Reservoir.draw(np.random.default_rng(0), 2, 30, output_size=1).F.shape
        (30, 1)
        """
        rng = checks.generator(rng)
        width, n = checks.positive_int(input_size, "input_size"), checks.positive_int(size, "size")
        U = random_matrix(rng, n, radius=radius, density=density)
        W = number(input_scaling, "input_scaling", 0) * rng.uniform(-1, 1, (n, width))
        b = number(bias_scaling, "bias_scaling", 0) * rng.uniform(-1, 1, n)
        F = None
        if output_size != 0:
            outputs = checks.positive_int(output_size, "output_size")
            F = number(feedback_scaling, "feedback_scaling", 0) * rng.uniform(-1, 1, (n, outputs))
        return cls(W, U, b, F, leak, activation)

    @property
    def size(self) -> int:
        """n, the number of units."""
        return len(self.U)

    @property
    def input_size(self) -> int:
        """D, the number of inputs."""
        return int(self.W.shape[1])

    @property
    def output_size(self) -> int | None:
        """O, the number of outputs that are fed back; ``None`` without feedback."""
        return None if self.F is None else int(self.F.shape[1])

    def step(self, s: Array, x: Array, y: Array | None = None, noise: Array | None = None) -> Array:
        """One step from the state ``s`` (..., n), with input ``x`` (..., D).

        ``y`` (..., O) is the last output, which a reservoir with feedback needs; ``noise``
        (..., n) is added inside the activation.
        """
        if self.F is not None and y is None:
            raise ValueError("y: this reservoir has output feedback and needs the last output")
        return self._move(s, self._drive(x, y, noise))

    def _drive(self, x: Array, y: Array | None, noise: Array | None) -> Array:
        """What the units hear from outside, W x + b + F y + nu; for one step or for many."""
        drive = x @ self.W.T + self.b
        if self.F is not None and y is not None:
            drive = drive + y @ self.F.T
        return drive if noise is None else drive + noise

    def _move(
        self, s: Array, drive: Array, out: Array | None = None, room: Array | None = None
    ) -> Array:
        """The state after ``s`` under ``drive``: s + a (f(U s + drive) - s).

        It is written to ``out``, if that is given; ``room`` is for the sparse product.
        """
        sparse = self._connections
        if sparse is None:
            heard = np.matmul(s, self.U.T, out=out)
        else:
            heard = sparse.product(s, room, out)
        net = np.add(heard, drive, out=out)
        # A function of NumPy's own can write over what it is given; others make a new array.
        new = self._f(net, out=net) if isinstance(self._f, np.ufunc) else self._f(net)
        if self.leak == 1:
            return np.positive(new, out=out)
        new -= s
        new *= self.leak
        return np.add(s, new, out=out)

    def _room(self, path: Array) -> Array | None:
        """Where the sparse product of one of the states ``path`` (T + 1, ..., n) can work."""
        sparse = self._connections
        if sparse is None:
            return None
        return np.empty((*path.shape[1:-1], *sparse.sources.shape), path.dtype)

    @cached_property
    def _connections(self) -> Connections | None:
        return connections(self.U)

    @cached_property
    def _f(self) -> Callable[..., Array]:
        return activations.get(self.activation).function

    def run(
        self,
        inputs: Any,
        *,
        teacher: Any = None,
        initial_state: Any = None,
        initial_output: Any = None,
        noise: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> Array:
        """Drive the reservoir with a sequence.

        Parameters
        ----------
        inputs
            (T, D), or (T, B, D) for B sequences side by side.
        teacher
            (T, O) or (T, B, O): the outputs that are fed back, one step later. Needed exactly
            where there is feedback: this is teacher forcing. To feed back the network's own
            output, use :class:`~rnncore.reservoir.EchoState`.
        initial_state
            (n,) or (B, n); zeros if ``None``.
        initial_output
            What is fed back at the first step, (O,) or (B, O); zeros if ``None``.
        noise
            Standard deviation of the noise inside the activation, in every step and unit.
        rng
            Its source.

        Returns
        -------
        ndarray
            States (T + 1, n) or (T + 1, B, n): ``states[0]`` is the initial state,
            ``states[t + 1]`` the state after ``inputs[t]``.

        Raises
        ------
        ValueError, TypeError
            On wrong shapes, NaN or infinity; on a teacher without feedback or feedback without
            a teacher.
        """
        x = self.check_inputs(inputs)
        lead = x.shape[1:-1]
        s = self.start(initial_state, lead, self.size, "initial_state")
        y = self._past(teacher, initial_output, len(x), lead)
        nu = self.noises(noise, rng, len(x), lead)
        states = np.empty((len(x) + 1, *s.shape), np.result_type(x, s, self.U))
        states[0] = s
        # One sequence alone is quicker without the axis of the batch.
        path = states[:, 0] if lead == (1,) else states
        room = self._room(path)
        for t in range(0, len(x), _STRETCH):
            now = slice(t, t + _STRETCH)
            drive = self._drive(
                x[now], None if y is None else y[now], None if nu is None else nu[now]
            ).reshape(-1, *path.shape[1:])
            for before, after, drive_t in zip(path[t:], path[t + 1 :], drive, strict=False):
                self._move(before, drive_t, after, room)
        return states

    def _past(
        self, teacher: Any, initial_output: Any, steps: int, lead: tuple[int, ...]
    ) -> Array | None:
        """The outputs that are heard at each step, those of the step before; (T, ..., O)."""
        if self.F is None:
            if teacher is not None:
                raise ValueError("teacher: given, but this reservoir has no output feedback")
            return None
        if teacher is None:
            raise ValueError("teacher: this reservoir has output feedback and needs one")
        d = checks.finite(checks.numeric(teacher, "teacher"), "teacher")
        checks.shape(d, (steps, *lead, self.F.shape[1]), "teacher")
        first = self.start(initial_output, lead, self.F.shape[1], "initial_output")
        return np.concatenate([first[None], d[:-1]])

    def check_inputs(self, inputs: Any) -> Array:
        """Return ``inputs`` if they are finite and of shape (T, D) or (T, B, D)."""
        x = checks.finite(checks.numeric(inputs, "inputs"), "inputs")
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size or 0 in x.shape:
            raise ValueError(
                f"inputs: expected shape (T, {self.input_size}) or (T, B, {self.input_size}), "
                f"got {x.shape}"
            )
        return x

    def start(self, value: Any, lead: tuple[int, ...], width: int, name: str) -> Array:
        """Return an initial state or output of shape ``(*lead, width)``; zeros for ``None``."""
        if value is None:
            return np.zeros((*lead, width), self.U.dtype)
        array = checks.finite(checks.numeric(value, name), name)
        return checks.shape(array, (*lead, width), name)

    def noises(
        self, noise: float, rng: np.random.Generator | None, steps: int, lead: tuple[int, ...]
    ) -> Array | None:
        """Noise for each step, ``(steps, *lead, n)``; ``None`` without noise."""
        deviation = number(noise, "noise", 0)
        if deviation == 0:
            return None
        drawn = checks.generator(rng).standard_normal((steps, *lead, self.size))
        return (deviation * drawn).astype(self.U.dtype)
