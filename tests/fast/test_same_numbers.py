"""The compiled BPTT gives the numbers of the NumPy one, on every pointwise cell."""

import numpy as np
import pytest

from rnncore import BPTT, GRU, LSTM, Batch, Linear, Masked, Network, SquaredError, Vanilla
from rnncore.activations import logistic
from rnncore.cells import Cell, PointwiseCell
from rnncore.cells.diagonal import DiagonalCell, Leaky, LinearRecurrentUnit
from rnncore.cells.tape import Partials
from tests.support import zoo

pytest.importorskip("numba", reason="Numba is not installed: the extra `fast`")

from rnncore import fast  # noqa: E402
from rnncore.fast import run as passes  # noqa: E402

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


def core(cell: Cell) -> Cell:
    return core(cell.cell) if isinstance(cell, Masked) else cell


CELLS = [name for name, make in zoo.CELLS.items() if isinstance(core(make()), PointwiseCell)]
SETTINGS = [name for name, setting in zoo.SETTINGS.items() if not setting.teacher_forcing]


def distance(network: Network, params, batch: Batch) -> float:
    """The largest difference of loss and gradient, relative to the largest entry of each."""
    expected, got = (make(network).gradient(params, batch) for make in (BPTT, fast.BPTT))
    assert got.grads.names == expected.grads.names
    pairs = [(got.loss, expected.loss)]
    pairs += [(got.grads[name], expected.grads[name]) for name in expected.grads]
    for a, b in pairs:
        assert np.shape(a) == np.shape(b)
        assert np.asarray(a).dtype == np.asarray(b).dtype
    return max(float(np.abs(a - b).max() / max(1e-3, np.abs(b).max())) for a, b in pairs)


@pytest.mark.parametrize("name", CELLS)
def test_every_pointwise_cell(name, rng) -> None:
    network = zoo.network(name)
    params = zoo.random_params(network, rng)
    assert distance(network, params, zoo.random_batch(network, "squared error", rng)) < 1e-12


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_readout_loss_and_mask(setting, rng) -> None:
    network = zoo.network("LSTM", setting)
    params = zoo.random_params(network, rng)
    assert distance(network, params, zoo.random_batch(network, setting, rng)) < 1e-12


# Each one compiles kernels, so not all with all.
DRAWN = [(LSTM, own, dtype) for own in (0, 2**15) for dtype in TOLERANCE]
DRAWN += [(GRU, 0, "float64"), (GRU, 2**15, "float32"), (Vanilla, 0, "float32")]
DRAWN += [(Leaky, 2**15, "float32"), (LinearRecurrentUnit, 0, "float64")]


@pytest.mark.parametrize(("make", "own_product", "dtype"), DRAWN)
def test_drawn_sizes(make, own_product, dtype, rng, monkeypatch) -> None:
    """With the recurrent product compiled, and with NumPy's."""
    monkeypatch.setattr(passes, "OWN_PRODUCT", own_product)
    for _ in range(4):
        steps, size, inputs, units = rng.integers(1, 12, size=4)
        cell = make(int(inputs), int(units))
        network = Network(cell, Linear(cell.output_size, 2), SquaredError())
        params = network.init_params(rng, dtype)
        batch = Batch(
            rng.standard_normal((steps, size, inputs)).astype(dtype),
            rng.standard_normal((steps, size, 2)).astype(dtype),
            initial_state=rng.standard_normal((size, cell.state_size)).astype(dtype),
        )
        assert distance(network, params, batch) < TOLERANCE[dtype]


def test_single_parameters_and_double_inputs(rng) -> None:
    """The common precision counts, as everywhere."""
    network = zoo.network("LSTM")
    params = zoo.random_params(network, rng).astype(np.float32)
    assert distance(network, params, zoo.random_batch(network, "squared error", rng)) < 1e-12


def test_nothing_that_was_given_is_changed(rng) -> None:
    network = zoo.network("GRU")
    params = zoo.random_params(network, rng)
    batch = zoo.random_batch(network, "squared error", rng)
    before = [params.flat().copy(), batch.inputs.copy(), batch.initial_state.copy()]
    learner = fast.BPTT(network)
    first, second = learner.gradient(params, batch), learner.gradient(params, batch)
    for old, new in zip(before, (params.flat(), batch.inputs, batch.initial_state), strict=True):
        np.testing.assert_array_equal(new, old)
    np.testing.assert_array_equal(first.grads.flat(), second.grads.flat())


class Changed(LSTM):
    """An LSTM with another pointwise function, and the partials that belong to it."""

    def pointwise(self, s, u, v, p):
        (_, c), cache = super().pointwise(s, u, v, p)
        o = logistic(u[3])
        return (o * np.tanh(2 * c), c), (*cache[:6], np.tanh(2 * c), cache[7])

    def partials(self, cache):
        _, _, _, _, o, _, squashed, _ = cache
        d = super().partials(cache)
        within = {("h", "c"): 2 * o * (1 - squashed * squashed)}
        return Partials(d.ds, d.du, d.dv, d.dp, within)


class Wrong(LSTM):
    """An LSTM one of whose partials has the wrong sign."""

    def partials(self, cache):
        d = super().partials(cache)
        du = dict(d.du) | {("c", "f"): -d.du["c", "f"]}
        return Partials(d.ds, du, du, d.dp, d.within)


@pytest.mark.parametrize("make", [Changed, Wrong])
def test_what_the_cell_says_is_what_is_compiled(make, rng) -> None:
    """The control: a change of the cell's functions, right or wrong, changes the gradient."""
    usual = zoo.network("LSTM")
    other = Network(make(2, 3), usual.readout, usual.loss)
    params = zoo.random_params(usual, rng)
    batch = zoo.random_batch(usual, "squared error", rng)
    assert distance(other, params, batch) < 1e-12
    grads = [fast.BPTT(net).gradient(params, batch).grads.flat() for net in (usual, other)]
    assert np.abs(grads[0] - grads[1]).max() > 1e-3


class Odd(DiagonalCell):
    """Every operation that can be compiled, in one cell."""

    gates = ("x", "y")
    elementwise = ("w",)

    def pointwise(self, s, u, v, p):
        (h,), (x, y), (w,) = s, u, p
        low = np.clip(x, -0.5, 0.5) + np.minimum(x, y) + np.maximum(0.1, y)
        curved = np.where(x > y, x**2 - y**3, abs(x) * (y <= 0.3)) + (1 + x * x) ** 1.5
        waves = np.sin(x) * np.cos(y) + np.exp(-(y**2)) + np.sqrt(1 + y * y) + np.log1p(x * x)
        total = np.array(0.05) * (low + curved + waves) - np.full_like(x, 0.2) / (2 + np.cos(w))
        total += np.zeros_like(h)
        kept = total.copy()
        kept *= w
        return (kept + 0.3 * h,), (h, x, y, w, total)

    def partials(self, cache):
        h, x, y, w, total = cache
        by_x = np.where((x > -0.5) & (x < 0.5), 1.0, 0.0) + ~((x > y) | (x == y))
        by_x = by_x + np.where(x > y, 2 * x, np.where(x > 0, 1.0, -1.0) * (y <= 0.3))
        by_x = by_x + 3 * x * np.sqrt(1 + x * x) + np.cos(x) * np.cos(y) + 2 * x / (1 + x * x)
        by_y = (x >= y).astype(x.dtype) + (y > 0.1) - np.where(x > y, 3 * y * y, 0)
        by_y = by_y - np.sin(x) * np.sin(y) - 2 * y * np.exp(-(y**2)) + y / np.sqrt(1 + y * y)
        du = {("h", "x"): 0.05 * by_x * w, ("h", "y"): 0.05 * by_y * w}
        by_w = total - w * 0.2 * np.sin(w) / (2 + np.cos(w)) ** 2
        return Partials({("h", "h"): np.full_like(h, 0.3)}, du, du, {("h", "w"): by_w})


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_operation(dtype, rng) -> None:
    network = Network(Odd(2, 5), Linear(5, 2), SquaredError())
    params = zoo.random_params(network, rng).astype(dtype)
    batch = Batch(
        rng.standard_normal((7, 3, 2)).astype(dtype), rng.standard_normal((7, 3, 2)).astype(dtype)
    )
    assert distance(network, params, batch) < TOLERANCE[dtype]
