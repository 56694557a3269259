"""Initializations: each definition, gate by gate, through every cell and composite."""

import re

import numpy as np
import pytest

from rnncore import (
    GRU,
    LSTM,
    Batch,
    GRUResetBefore,
    Linear,
    Masked,
    MemoryCell,
    Network,
    OutputFeedback,
    SecondOrder,
    SquaredError,
    Stack,
    Vanilla,
)
from rnncore import initialization as init
from rnncore.activations import logistic
from rnncore.cells import Cell
from rnncore.cells.diagonal import DiagonalLSTM
from tests.support.zoo import CELLS, RING, network, random_params

# Cells whose units hear only themselves: there is no recurrent matrix to draw.
WITHOUT_U = (
    "focused context",
    "diagonal LSTM",
    "linear recurrent unit",
    "masked diagonal LSTM",
)
RANDOM = {
    "gaussian": init.gaussian,
    "glorot": init.glorot,
    "sparse": init.sparse,
    "orthogonal": init.orthogonal,
    "irnn": init.irnn,
    "chrono": lambda p, m, rng: init.chrono(p, m, rng, 50),
}
FIXED = {
    "identity": init.identity,
    "spectral radius": lambda p, m: init.spectral_radius(p, m, 1.3),
    "forget bias": lambda p, m: init.forget_bias(p, m, 2.0),
}


def start(model, seed=5):
    """Parameters without a zero, so that what is left alone or set shows."""
    rng = np.random.default_rng(seed)
    return model.init_params(rng).map(lambda a: rng.standard_normal(a.shape))


def recurrent(params, model):
    return [
        (block, params[block.name][block.index])
        for block in init.blocks(model)
        if block.role == "recurrent"
    ]


# -- blocks ---------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_blocks_cover_every_matrix_once(cell) -> None:
    net = network(cell, "learned start")
    seen = {name: np.zeros(shape) for name, shape in net.shapes.items()}
    for block in init.blocks(net):
        seen[block.name][block.index] += 1
        assert seen[block.name][block.index].shape == block.shape
    for name, count in seen.items():
        outside = name.rsplit(".", 1)[-1] not in ("W", "U", "V", "b", "b_h")
        assert (count == (0 if outside else 1)).all(), name


def test_blocks_name_the_gates_of_the_layers() -> None:
    stack = Stack([LSTM(2, 3), OutputFeedback(GRUResetBefore(3 + 2, 4), 2), SecondOrder(2, 2)])
    names = [repr(block) for block in init.blocks(stack) if block.role == "recurrent"]
    assert names == [
        *(f"0.U[{g}]" for g in "ifgo"),
        *(f"1.cell.U[{g}]" for g in "rzn"),
        "2.W[0]",
        "2.W[1]",
    ]
    # Gate f of the lower layer is rows 3 to 5: forward through it alone.
    block = next(b for b in init.blocks(stack) if repr(b) == "0.U[f]")
    assert block.index == (slice(3, 6),)


# -- what holds for all ---------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", [*RANDOM, *FIXED])
def test_every_function_on_every_cell(name, cell, rng) -> None:
    """New finite parameters of the same shapes, the old ones untouched, and a network that runs."""
    net = network(cell)
    params = start(net)
    before = params.flat()
    try:
        if name in RANDOM:
            new = RANDOM[name](params, net, np.random.default_rng(1))
            again = RANDOM[name](params, net, np.random.default_rng(1))
            other = RANDOM[name](params, net, np.random.default_rng(2))
            assert new == again and new != other
        else:
            new = FIXED[name](params, net)
    except ValueError as error:
        if name in ("forget bias", "chrono"):
            assert re.search("no gate of .* keeps a memory", str(error))
            gated = any(word in cell for word in ("LSTM", "GRU", "memory", "mixed", "deep"))
            assert not gated or "1997" in cell
        elif re.search("has no matrix that is recurrent", str(error)):
            assert cell in WITHOUT_U
        else:
            assert name == "orthogonal" and "masked" in cell
            assert re.search("a mask cuts connections", str(error))
        return
    np.testing.assert_array_equal(params.flat(), before)
    assert new.names == params.names and new.shapes == params.shapes
    assert new != params
    new.check_like(params)
    steps = np.ones((3, 1, net.cell.input_size))
    assert np.isfinite(net.forward(new, Batch(steps)).states).all()


@pytest.mark.parametrize("name", [*RANDOM, *FIXED])
def test_float32_stays_and_a_bare_cell_is_as_good_as_a_network(name) -> None:
    cell = LSTM(2, 3)
    net = Network(cell, Linear(3, 1), SquaredError())
    params = start(net).astype(np.float32)
    function = RANDOM.get(name) or FIXED[name]
    arguments = [np.random.default_rng(0)] if name in RANDOM else []
    new = function(params, net, *arguments)
    assert {array.dtype for array in new.values()} == {np.dtype(np.float32)}
    arguments = [np.random.default_rng(0)] if name in RANDOM else []
    alone = function(params.select("cell."), cell, *arguments)
    assert alone == new.select("cell.")


# -- matrices -------------------------------------------------------------------


def test_gaussian_has_the_variance_of_its_gate() -> None:
    cell = LSTM(40, 60)
    params = init.gaussian(start(cell), cell, np.random.default_rng(0), gain=1.5)
    for gate in range(4):
        rows = slice(60 * gate, 60 * (gate + 1))
        # 2400 and 3600 numbers: the standard error of a deviation is 1.4% and 1.2%
        assert params["W"][rows].std() == pytest.approx(1.5 / np.sqrt(40), rel=0.05)
        assert params["U"][rows].std() == pytest.approx(1.5 / np.sqrt(60), rel=0.05)
    assert (params["b"] == start(cell)["b"]).all()


def test_gaussian_counts_the_uncut_connections() -> None:
    half = (np.arange(80) % 2 == 0)[None, :] * np.ones((80, 1))
    half[0] = 1.0  # one unit that hears everybody
    cell = Masked(Vanilla(2, 80), {"U": half})
    draws = np.stack(
        [
            init.gaussian(start(cell), cell, np.random.default_rng(s), names=["U"])["U"]
            for s in range(20)
        ]
    )
    assert (draws[:, half == 0] == 0).all()
    assert draws[:, 1:, ::2].std() == pytest.approx(1 / np.sqrt(40), rel=0.03)
    assert draws[:, 0].std() == pytest.approx(1 / np.sqrt(80), rel=0.06)


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_glorot_has_the_papers_variance_and_range(distribution) -> None:
    cell = GRU(50, 100)
    params = init.glorot(
        start(cell), cell, np.random.default_rng(0), gain=0.5, distribution=distribution
    )
    for gate in range(3):  # fan-out is that of ONE gate, 100, and not 300
        W = params["W"][100 * gate : 100 * (gate + 1)]
        assert W.std() == pytest.approx(0.5 * np.sqrt(2 / 150), rel=0.05)
        reach = 0.5 * np.sqrt(6 / 150)
        assert (np.abs(W).max() <= reach) == (distribution == "uniform")
        assert np.abs(W).max() > 0.98 * reach


def test_sparse_gives_each_unit_k_connections_in_each_gate() -> None:
    cell = LSTM(3, 30)
    params = init.sparse(start(cell), cell, np.random.default_rng(0), connections=7, scale=2.0)
    assert ((params["U"] != 0).sum(axis=1) == 7).all()
    assert (params["W"] != 0).all()  # only three inputs: all of them
    used = params["U"][params["U"] != 0]
    assert used.size == 840 and used.std() == pytest.approx(2.0, rel=0.1)
    assert ((params["U"] != 0).sum(axis=0) != 7).any()  # incoming, not outgoing
    ring = Masked(Vanilla(2, 3), {"U": RING})
    assert ((init.sparse(start(ring), ring, np.random.default_rng(0))["U"] != 0) == RING).all()


@pytest.mark.parametrize("cell", [n for n in CELLS if "masked" not in n and n not in WITHOUT_U])
def test_orthogonal_gates_of_every_cell(cell) -> None:
    made = CELLS[cell]()
    params = start(made)
    new = init.orthogonal(params, made, np.random.default_rng(0), gain=1.7)
    for block, U in recurrent(new, made):
        np.testing.assert_allclose(U.T @ U, 1.7**2 * np.eye(len(U)), atol=1e-13, err_msg=str(block))
    assert all((new[n] == params[n]).all() for n in params if n.endswith(("b", "V")))


def test_orthogonal_rows_or_columns_where_not_square() -> None:
    cell = LSTM(5, 3)
    new = init.orthogonal(start(cell), cell, np.random.default_rng(0), names=["W"])
    f = new["W"][3:6]
    np.testing.assert_allclose(f @ f.T, np.eye(3), atol=1e-13)
    tall = Vanilla(2, 4)
    W = init.orthogonal(start(tall), tall, np.random.default_rng(0), names=["W"])["W"]
    np.testing.assert_allclose(W.T @ W, np.eye(2), atol=1e-13)


def test_orthogonal_is_uniform() -> None:
    """Under the uniform distribution E tr Q = 0 and E (tr Q)^2 = 1; plain QR fails it."""
    cell, rng = Vanilla(1, 3), np.random.default_rng(0)
    traces = np.array([np.trace(init.orthogonal(start(cell), cell, rng)["U"]) for _ in range(2000)])
    plain = np.array([np.trace(np.linalg.qr(rng.standard_normal((3, 3)))[0]) for _ in range(2000)])
    assert abs(traces.mean()) < 0.08 and (traces**2).mean() == pytest.approx(1, abs=0.12)
    assert abs(plain.mean()) > 0.2


def test_an_orthogonal_linear_network_keeps_its_length() -> None:
    cell = Vanilla(1, 20, "identity")
    new = init.orthogonal(
        cell.init_params(np.random.default_rng(0)), cell, np.random.default_rng(1)
    )
    s = np.random.default_rng(2).standard_normal((1, 20))
    length = np.linalg.norm(s)
    for _ in range(100):
        s, _ = cell.step(new, s, np.zeros((1, 1)))
    assert np.linalg.norm(s) == pytest.approx(length, rel=1e-12)


def test_identity_and_irnn() -> None:
    stack = Stack([Vanilla(2, 60, "relu"), GRU(60, 2)])
    net = Network(stack, Linear(2, 1), SquaredError())
    params = start(net)
    new = init.identity(params, net, scale=0.5, names=["cell.1.U"], gates=["n"])
    np.testing.assert_array_equal(new["cell.1.U"][4:], 0.5 * np.eye(2))
    np.testing.assert_array_equal(new["cell.1.U"][:4], params["cell.1.U"][:4])
    np.testing.assert_array_equal(new["cell.0.U"], params["cell.0.U"])
    new = init.irnn(params, net, np.random.default_rng(0))
    np.testing.assert_array_equal(new["cell.0.U"], np.eye(60))
    assert new["cell.1.W"].std() == pytest.approx(0.001, rel=0.2)
    assert 0 < np.abs(new["readout.V"]).max() < 0.01
    assert not any(new[name].any() for name in new if name.endswith(("b", "b_h")))


def test_an_irnn_without_input_keeps_its_state() -> None:
    cell = Vanilla(1, 4, "relu")
    new = init.irnn(start(cell), cell, np.random.default_rng(0))
    s = first = np.array([[0.3, 0.0, 2.0, 1.0]])
    for _ in range(50):
        s, _ = cell.step(new, s, np.zeros((1, 1)))
    np.testing.assert_array_equal(s, first)


@pytest.mark.parametrize("cell", [n for n in CELLS if n not in WITHOUT_U])
def test_spectral_radius_of_every_recurrent_gate(cell) -> None:
    made = CELLS[cell]()
    params = random_params(network(cell), np.random.default_rng(3)).select("cell.")
    new = init.spectral_radius(params, made, 1.25)
    for block, U in recurrent(new, made):
        assert np.abs(np.linalg.eigvals(U)).max() == pytest.approx(1.25, rel=1e-12), block
        old = params[block.name][block.index] * block.mask
        ratio = U[block.mask > 0] / old[block.mask > 0]
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)


# -- biases ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "s", "share"),
    [
        (LSTM(1, 2), [0, 0, 1, 1], lambda s: s[0, 2]),
        (LSTM(1, 2, coupled=True), [0, 0, 1, 1], lambda s: s[0, 2]),
        (MemoryCell(1, 2), [0, 0, 1, 1], lambda s: s[0, 2]),
        (DiagonalLSTM(1, 2), [0, 0, 1, 1], lambda s: s[0, 2]),
        (GRU(1, 2), [1, 1], lambda s: s[0, 0]),
        (GRUResetBefore(1, 2), [1, 1], lambda s: s[0, 0]),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, Cell) else "",
)
def test_forget_bias_is_the_share_that_is_kept(cell, s, share) -> None:
    """Run one step with all weights zero: what is left of a state of one is sigma(value)."""
    zero = cell.init_params(np.random.default_rng(0)).zeros_like()
    # A candidate of zero writes nothing; a recurrent bias left standing would add to the value.
    for value in (1.0, 3.0, -2.0):
        dirty = zero
        if "b_h" in zero.names:
            ones = np.zeros(6)
            ones[2:4] = 5.0
            dirty = zero.replace(b_h=ones)
        new = init.forget_bias(dirty, cell, value)
        after, _ = cell.step(new, np.array([s], float), np.zeros((1, 1)))
        assert share(after) == pytest.approx(float(logistic(np.array(value))), rel=1e-14)
    assert share(cell.step(zero, np.array([s], float), np.zeros((1, 1)))[0]) == 0.5


def test_forget_bias_goes_where_it_is_told_and_leaves_the_rest() -> None:
    stack = Stack([LSTM(2, 2), Vanilla(2, 2), GRU(2, 2)])
    params = start(stack)
    both = init.forget_bias(params, stack, 2.0)
    changed = {name: np.flatnonzero(both[name] != params[name]).tolist() for name in params}
    assert {k: v for k, v in changed.items() if v} == {
        "0.b": [2, 3],
        "2.b": [2, 3],
        "2.b_h": [2, 3],
    }
    one = init.forget_bias(params, stack, 2.0, names=["2.b"])
    assert (one["0.b"] == params["0.b"]).all() and (one["2.b"][2:4] == 2).all()


def test_a_cut_bias_stays_at_zero() -> None:
    mask = np.ones(8)
    mask[2] = 0  # the forget gate of the first unit
    cell = Masked(LSTM(1, 2), {"b": mask})
    np.testing.assert_array_equal(init.forget_bias(start(cell), cell, 2.0)["b"][2:4], [0, 2])


def test_chrono_spreads_the_time_spans() -> None:
    cell, rng = LSTM(1, 100), np.random.default_rng(0)
    params = start(cell)
    b = np.stack([init.chrono(params, cell, rng, longest=100)["b"] for _ in range(40)])
    i, f, g, o = b.reshape(40, 4, 100).transpose(1, 0, 2)
    np.testing.assert_array_equal(i, -f)
    np.testing.assert_array_equal(np.stack([g, o])[:, 0].ravel(), params["b"][200:])
    spans = np.exp(f)  # 4000 numbers, uniform on [1, 99]: the standard error of the mean is 0.45
    assert 1 <= spans.min() < 1.2 and 98.8 < spans.max() <= 99
    assert spans.mean() == pytest.approx(50, abs=2)
    assert spans.std() == pytest.approx(98 / np.sqrt(12), rel=0.03)
    gru, coupled = GRU(1, 100), LSTM(1, 100, coupled=True)
    z = [init.chrono(start(gru), gru, rng, 100)["b"][100:200] for _ in range(40)]
    assert np.exp(z).mean() == pytest.approx(50, abs=2)
    i = [init.chrono(start(coupled), coupled, rng, 100)["b"][:100] for _ in range(40)]
    assert np.exp(-np.array(i)).mean() == pytest.approx(50, abs=2)
