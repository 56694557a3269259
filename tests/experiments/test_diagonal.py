"""The stored runs on diagonal recurrence: short slices again, and what chapter 9 reads of them."""

import json

import numpy as np
import pytest

from experiments.diagonal import run as diagonal
from rnncore import BPTT, Batch, Linear, Network, SquaredError, Stack
from rnncore.cells.diagonal import FocusedContext
from rnncore.learners import DiagonalRTRL
from rnncore.verify import complex_step, relative_error


@pytest.fixture(scope="module")
def result():
    return json.loads(diagonal.RESULT.read_text(encoding="utf-8"))


def runs(result, part, **wanted):
    return [r for r in result[part] if all(r[key] == value for key, value in wanted.items())]


def test_the_stored_runs_are_whole(result):
    assert (result["seed"], result["seeds"]) == (diagonal.SEED, diagonal.SEEDS)
    for kind, (_, sizes) in diagonal.KINDS.items():
        for units in sizes:
            found = runs(result, "parity", kind=kind, units=units)
            assert [r["seed"] for r in found] == list(range(diagonal.SEEDS))
            for record in found:
                assert list(record["errors"]) == [str(n) for n in diagonal.LENGTHS]
                assert list(record["still_knows"]) == [str(n) for n in diagonal.WAITS]
                assert all(0 <= e <= 1 for e in record["errors"].values())
    assert len(result["parity"]) == diagonal.SEEDS * sum(len(s) for _, s in diagonal.KINDS.values())
    for name in ("BPTT", "layerwise"):
        found = runs(result, "layers", learner=name)
        assert [r["seed"] for r in found] == list(range(diagonal.SEEDS))
        assert all(set(r["cosines"]) == {str(k) for k in diagonal.CHECKPOINTS} for r in found)
    for kind in diagonal.LINEAR:
        assert [r["seed"] for r in runs(result, "delay", kind=kind)] == list(range(diagonal.SEEDS))


def test_linear_kinds_are_at_chance_on_long_sequences(result):
    """What the theorem forbids did not happen."""
    for kind in ("context units", "linear recurrent units", "gates in (0, 1)"):
        for record in runs(result, "parity", kind=kind):
            assert record["errors"]["500"] > 0.4
            assert not record["still_knows"]["1000"]


def test_what_the_chapter_says_of_the_others(result):
    for record in runs(result, "parity", kind="diagonal LSTM"):
        assert record["errors"]["10"] == 0 and record["errors"]["100"] <= 0.05
        assert not record["still_knows"]["100"]
    for record in runs(result, "parity", kind="tanh units, dense", units=16):
        assert record["errors"]["10"] == 0 and record["still_knows"]["10000"]
    for record in runs(result, "parity", kind="gates in (-1, 1)"):
        assert record["errors"]["10"] == 0 and record["errors"]["500"] > 0.4


def test_the_unit_that_flips_leaks(result):
    assert [r["seed"] for r in result["leak"]] == list(range(diagonal.SEEDS))
    for record in result["leak"]:
        flips = int(np.argmin(record["w_z"]))
        content = np.abs(record["contents"][flips])
        assert record["w_z"][flips] < 0 and len(content) == 41
        assert content[40] < 0.5 * content[0]


def test_delay_needs_complex_numbers(result):
    assert max(r["loss"] for r in runs(result, "delay", kind="linear recurrent units")) < 0.02
    assert min(r["loss"] for r in runs(result, "delay", kind="context units")) > 0.4


def test_a_slice_of_the_delay_agrees_with_the_stored_snapshots(result):
    for kind in diagonal.LINEAR:
        stored = runs(result, "delay", kind=kind, seed=0)[0]["snapshots"]
        assert [snapshot["step"] for snapshot in stored] == list(diagonal.SNAPSHOTS)
        again = diagonal.delay_run(kind, 0, steps=50)["snapshots"]
        assert [snapshot["step"] for snapshot in again] == [0, 25, 50]
        for new, old in zip(again, stored, strict=False):
            np.testing.assert_allclose(new["eigenvalues"], old["eigenvalues"], atol=2e-6)
            np.testing.assert_allclose(new["response"], old["response"], atol=2e-6)


def test_a_slice_of_the_layers_agrees_with_the_stored_cosines(result):
    for learner in (BPTT, diagonal.Layerwise):
        again = diagonal.layers_run(2, learner, steps=100)["cosines"]
        stored = runs(result, "layers", learner=learner.name, seed=2)[0]["cosines"]
        assert list(again) == ["0", "100"]
        for step, cosine in again.items():
            assert cosine == pytest.approx(stored[step], abs=1e-6)


@pytest.mark.slow
def test_one_whole_run_of_the_parity_agrees_with_the_stored_one(result):
    again = diagonal.parity_run("context units", 4, 0)
    (stored,) = runs(result, "parity", kind="context units", units=4, seed=0)
    assert again["loss"] == pytest.approx(stored["loss"], rel=1e-3)
    assert again["errors"] == pytest.approx(stored["errors"], abs=0.02)
    assert again["still_knows"] == stored["still_knows"]


@pytest.mark.slow
def test_one_whole_run_of_the_leak_agrees_with_the_stored_one(result):
    again, stored = diagonal.leak_run(2), result["leak"][2]
    np.testing.assert_allclose(again["w_z"], stored["w_z"], atol=0.01)
    np.testing.assert_allclose(again["contents"], stored["contents"], atol=0.01)


@pytest.mark.parametrize("signed", [False, True])
def test_the_gated_cell_has_the_right_derivatives(signed):
    rng = np.random.default_rng(3)
    cell = diagonal.GatedLinear(2, 3, signed)
    net = Network(cell, Linear(3, 1), SquaredError())
    params = net.init_params(rng).map(lambda a: a + 0.3 * rng.normal(size=a.shape))
    batch = Batch(
        rng.normal(size=(6, 2)), rng.normal(size=(6, 1)), initial_state=rng.normal(size=3)
    )
    truth = complex_step(lambda p: net.evaluate(p, batch), params)
    for learner in (BPTT, DiagonalRTRL):
        grads = learner(net).gradient(params, batch).grads
        assert relative_error(grads.flat(), truth.flat()) < 1e-12


def test_layerwise_is_exact_above_and_biased_below():
    rng = np.random.default_rng(4)
    net = Network(Stack([FocusedContext(2, 3), FocusedContext(3, 4)]), Linear(4, 1), SquaredError())
    params = net.init_params(rng)
    batch = Batch(rng.normal(size=(9, 2, 2)), rng.normal(size=(9, 2, 1)))

    def errors(params):
        got = diagonal.Layerwise(net).gradient(params, batch)
        loss, truth = BPTT(net).gradient(params, batch)
        assert got.loss == pytest.approx(loss)
        return {n: relative_error(got.grads[n], truth[n]) for n in truth}

    for name, error in errors(params).items():
        assert error > 0.05 if name.startswith("cell.0") else error < 1e-12
    forgetful = params.replace(**{"cell.1.d": np.zeros(4)})
    assert max(e for n, e in errors(forgetful).items() if n != "cell.1.d") < 1e-12
