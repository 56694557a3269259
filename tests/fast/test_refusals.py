"""What cannot be compiled is refused with a reason."""

import numpy as np
import pytest

import rnncore
from rnncore import LSTM, Linear, Network, SquaredError, Vanilla
from rnncore.cells.tape import Partials
from tests.support import zoo

pytest.importorskip("numba", reason="Numba is not installed: the extra `fast`")

from rnncore import fast  # noqa: E402
from rnncore.fast import kernels  # noqa: E402
from rnncore.fast.source import generate  # noqa: E402
from rnncore.fast.trace import trace  # noqa: E402


@pytest.mark.parametrize(
    ("name", "setting", "reason"),
    [
        ("GRU reset before", "no mask", "only pointwise cells are compiled, got GRUResetBefore"),
        ("stack of two", "no mask", "got Stack"),
        ("feedback", "no mask", "got OutputFeedback"),
        ("second order", "no mask", "got SecondOrder"),
        ("LSTM", "teacher", "teacher forcing is not compiled"),
    ],
)
def test_networks(name, setting, reason) -> None:
    with pytest.raises(ValueError, match=f"{reason}.*rnncore.BPTT"):
        fast.BPTT(zoo.network(name, setting))


def test_a_cell_that_steps_in_its_own_way() -> None:
    class Late(Vanilla):
        def step(self, weights, s, x, u=None):
            return super().step(weights, s, -x, u)

    with pytest.raises(ValueError, match=r"Late is not compiled, for its step is its own"):
        fast.BPTT(Network(Late(2, 3), Linear(3, 1), SquaredError()))


def test_complex_numbers(rng) -> None:
    network = zoo.network("vanilla tanh")
    params = zoo.random_params(network, rng).astype(complex)
    batch = zoo.random_batch(network, "squared error", rng)
    with pytest.raises(ValueError, match=r"float32 or float64, got complex128; use rnncore.BPTT"):
        fast.BPTT(network).gradient(params, batch)


DRAWN = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda a: a - a.mean(axis=-1, keepdims=True), "has no attribute 'mean'"),
        (lambda a: a - np.mean(a), "np.mean is not among"),
        (lambda a: np.arctan(a), "np.arctan is not among"),
        (lambda a: a / np.add.reduce(a), "np.add is not used elementwise"),
        (lambda a: a * np.arange(3.0), r"an array of shape \(3,\)"),
        (lambda a: a / a.shape[-1], "out of range"),
        (lambda a: np.tanh(a, out=np.empty((1, 3))), "writes into an array of its own"),
        (lambda a: a.astype(int), "turned into int64"),
        (lambda a: a * DRAWN.standard_normal(), "not the same from one call to the next"),
        (lambda a: a * float(a), "float"),
        (lambda a: a * sum(bool(a > k) for k in range(9)), "branches on more than 6"),
        (lambda a: a + "1", "it takes '1'"),
    ],
)
def test_functions_that_are_not_elementwise_arithmetic(function, reason) -> None:
    class Strange(Vanilla):
        def pointwise(self, s, u, v, p):
            h = function(u[0])
            return (h,), (u[0], h)

    with pytest.raises(ValueError, match=f"Strange cannot be compiled: .*{reason}.*rnncore.BPTT"):
        fast.BPTT(Network(Strange(2, 3), Linear(3, 1), SquaredError()))


def test_branches_with_other_partials() -> None:
    class Torn(Vanilla):
        def partials(self, cache):
            a, _ = cache
            return Partials({}, {("h", "h"): a} if a > 0 else {}, {}, {})

    with pytest.raises(ValueError, match="branches do not give the same partials"):
        fast.BPTT(Network(Torn(2, 3), Linear(3, 1), SquaredError()))


def test_in_place_changes_reach_whoever_holds_the_array() -> None:
    class Placed(Vanilla):
        def pointwise(self, s, u, v, p):
            h = 2 * u[0]
            seen = h
            h += 1
            return (seen,), (u[0], h)

    traced = trace(Placed(2, 3))
    top = traced.graph.nodes[traced.blocks[0].node]
    assert top.op == "add" and traced.graph.number(top.args[1]) == 1


def test_what_is_worked_out_twice_is_one_node() -> None:
    """The LSTM has five squashing functions, and its partials none of their own."""
    nodes = trace(LSTM(2, 3)).graph.nodes
    assert sum(node.op == "tanh" for node in nodes) == 5


def test_kernels_are_kept_in_the_folder_named(tmp_path, monkeypatch, rng) -> None:
    monkeypatch.setenv(kernels.FOLDER, str(tmp_path / "kept"))
    assert kernels.cache_folder() == tmp_path / "kept"
    source = generate(Vanilla(2, 3, "identity", bias=False)).source
    kernels.compile_source.__wrapped__(source, np.dtype(np.float64))
    (file,) = (tmp_path / "kept").glob("*.py")
    assert file.read_text() == source


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path, monkeypatch, rng) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(kernels.FOLDER, str(tmp_path / "file"))
    assert kernels.cache_folder() is None
    monkeypatch.setattr("rnncore.fast.learner.compile_source", kernels.compile_source.__wrapped__)
    network = zoo.network("vanilla without bias")
    params = zoo.random_params(network, rng)
    batch = zoo.random_batch(network, "squared error", rng)
    got, expected = (make(network).gradient(params, batch) for make in (fast.BPTT, rnncore.BPTT))
    np.testing.assert_allclose(got.grads.flat(), expected.grads.flat(), rtol=0, atol=1e-12)
