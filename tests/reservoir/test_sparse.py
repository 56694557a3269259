"""The sparse product and the states that it gives: against the dense matrix."""

import numpy as np
import pytest

from rnncore.reservoir import Reservoir, random_matrix
from rnncore.reservoir.sparse import Connections, connections


def uneven(rng, n, share):
    """A matrix whose rows differ in their number of entries; the first has none."""
    U = np.where(rng.random((n, n)) < share, rng.standard_normal((n, n)), 0)
    U[0] = 0
    return U


@pytest.mark.parametrize("lead", [(), (1,), (3,), (2, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_the_product_is_that_of_the_matrix(rng, lead, dtype) -> None:
    U = uneven(rng, 30, 0.2)
    s = rng.standard_normal((*lead, 30)).astype(dtype)
    if dtype == np.complex128:
        s += 1j * rng.standard_normal(s.shape)
    got = Connections.of(U).product(s)
    want = s @ U.T
    assert got.dtype == want.dtype and got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-14)
    assert np.abs(want).max() > 1


def test_the_product_writes_where_it_is_told(rng) -> None:
    U, s = uneven(rng, 30, 0.2), rng.standard_normal((4, 30))
    some = Connections.of(U)
    room, out = np.full((4, *some.sources.shape), np.nan), np.full((4, 30), np.nan)
    assert some.product(s, room, out) is out
    np.testing.assert_allclose(out, s @ U.T, atol=1e-14)
    assert np.isfinite(room).all()


def test_each_unit_lists_what_it_hears(rng) -> None:
    U = uneven(rng, 12, 0.3)
    sources, weights, _ = Connections.of(U)
    back = np.zeros((12, 12))
    for i in range(12):
        np.add.at(back[i], sources[:, i], weights[:, i])
    np.testing.assert_array_equal(back, U)
    assert len(sources) == (U != 0).sum(axis=1).max()
    assert (Connections.of(np.zeros((5, 5))).weights == 0).all()


def test_only_a_large_matrix_with_few_entries_counts_as_sparse(rng) -> None:
    few = random_matrix(rng, 300, density=0.02)
    assert connections(few) is not None
    assert connections(random_matrix(rng, 300, density=0.2)) is None
    assert connections(random_matrix(rng, 50, density=0.02)) is None
    few[7] = 1.0  # one unit that hears all would make every list as long
    assert connections(few) is None


@pytest.mark.parametrize("leak", [1.0, 0.3])
@pytest.mark.parametrize("lead", [(), (1,), (3,)])
def test_a_sparse_reservoir_is_the_dense_one(rng, monkeypatch, leak, lead) -> None:
    """150 steps, more than one stretch, with everything a run can have."""
    sizes = dict(density=0.02, leak=leak, bias_scaling=0.3, output_size=2)
    r = Reservoir.draw(rng, 2, 250, radius=0.8, **sizes)
    x, d = rng.standard_normal((150, *lead, 2)), rng.standard_normal((150, *lead, 2))
    start = rng.standard_normal((*lead, 250))

    def run(reservoir):
        noise = dict(noise=0.1, rng=np.random.default_rng(3))
        return reservoir.run(x, teacher=d, initial_state=start, **noise)

    got = run(r)
    assert r._connections is not None
    monkeypatch.setattr("rnncore.reservoir.reservoir.connections", lambda U: None)
    dense = Reservoir(r.W, r.U, r.b, r.F, r.leak)
    np.testing.assert_allclose(got, run(dense), rtol=0, atol=1e-13)
    assert dense._connections is None
    # And step by step, the equation as it is written.
    nu = 0.1 * np.random.default_rng(3).standard_normal((150, *lead, 250))
    s, y = start, np.zeros((*lead, 2))
    for t in range(150):
        a = x[t] @ r.W.T + s @ r.U.T + r.b + y @ r.F.T + nu[t]
        s, y = (1 - leak) * s + leak * np.tanh(a), d[t]
        np.testing.assert_allclose(got[t + 1], s, rtol=0, atol=1e-12)
    last = r.step(got[-2], x[-1], d[-2], nu[-1])
    np.testing.assert_allclose(last, got[-1], rtol=0, atol=1e-14)


def test_a_run_changes_none_of_its_arguments(rng) -> None:
    for activation in ("tanh", "identity"):
        r = Reservoir.draw(rng, 1, 220, density=0.01, leak=0.5, activation=activation)
        x, s = rng.standard_normal((70, 1)), rng.standard_normal(220)
        kept = x.copy(), s.copy()
        states = r.run(x, initial_state=s)
        r.step(s, x[0])
        np.testing.assert_array_equal(x, kept[0])
        np.testing.assert_array_equal(s, kept[1])
        np.testing.assert_array_equal(states[0], s)


def test_float32_stays_float32_where_it_is_sparse(rng) -> None:
    r = Reservoir.draw(rng, 1, 220, density=0.01)
    small = Reservoir(*(a.astype(np.float32) for a in (r.W, r.U, r.b)), leak=0.5)
    x = rng.standard_normal((9, 1))
    assert small.run(x.astype(np.float32)).dtype == np.float32
    assert small.run(x).dtype == np.float64
    np.testing.assert_allclose(small.run(x.astype(np.float32)), small.run(x), atol=1e-5)
