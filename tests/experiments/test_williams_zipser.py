"""The stored runs of Williams & Zipser's tasks: slices again, and what is certain about them."""

import json

import numpy as np
import pytest

from experiments.williams_zipser import run as experiment
from rnncore.tasks.parentheses import Action


@pytest.fixture(scope="module")
def result():
    return json.loads(experiment.RESULT.read_text(encoding="utf-8"))


def test_the_stored_run_is_whole(result):
    settings = json.loads(json.dumps(experiment.settings()))
    assert {key: result[key] for key in settings} == settings
    assert list(result["tasks"]) == list(experiment.TASKS)
    for name, runs in result["tasks"].items():
        setting = experiment.TASKS[name]
        assert len(runs) == setting.seeds
        for run in runs:
            assert len(run["errors"]) == len(run["losses"]) == setting.steps // experiment.BLOCK
    for kinds in result["square"].values():
        assert {len(runs) for runs in kinds.values()} == {experiment.SQUARE_SEEDS}
    for runs in result["sine"].values():
        assert len(runs) == experiment.SINE_SEEDS


@pytest.mark.parametrize("name", experiment.TASKS)
def test_the_first_steps_again(result, name):
    """Errors and losses of the first thousand steps of a run."""
    setting, stored = experiment.TASKS[name], result["tasks"][name][-1]
    net, params, batch = experiment.begin(name, setting.seeds - 1, experiment.BLOCK)
    run = experiment.learn_online(net, params, batch, setting.rate)
    weights = 1.0 if batch.weights is None else batch.weights
    loss = float((0.5 * weights * (run.outputs - batch.targets) ** 2).sum())
    assert loss == pytest.approx(stored["losses"][0], rel=1e-9)
    assert int(experiment.wrong(run.outputs, batch).sum()) == stored["errors"][0]


def test_a_whole_run_again(result):
    again = experiment.run_task("sequence recognition", 0)
    stored = result["tasks"]["sequence recognition"][0]
    assert again["losses"] == pytest.approx(stored["losses"], rel=1e-4)
    assert again["errors_held"] == stored["errors_held"] == 0


@pytest.mark.parametrize("kind", ["forced", "free"])
def test_a_square_wave_again(result, kind):
    again, stored = (
        experiment.run_square("01", kind == "forced", 1),
        result["square"]["01"][kind][1],
    )
    assert again["loss"] == pytest.approx(stored["loss"], rel=1e-6)
    assert again["errors_free"] == stored["errors_free"]


def test_the_first_checkpoint_of_a_sine_again(result):
    again, stored = experiment.run_sine(4, 2, experiment.BLOCK), result["sine"]["4"][2]
    for key in ("loss", "modulus", "angle"):
        assert again[key] == pytest.approx(stored[key][:1], rel=1e-6)


def test_square_waves_are_learned_with_a_teacher_only(result):
    for kinds in result["square"].values():
        assert max(run["errors_free"] for run in kinds["forced"]) == 0
        assert min(run["errors_free"] for run in kinds["free"]) > 0.4 * experiment.BLOCK
        assert max(run["amplitude"] for run in kinds["free"]) < 1e-3


def test_the_eigenvalue_tells_whether_a_sine_lives(result):
    runs = [run for runs in result["sine"].values() for run in runs]
    modulus, amplitude = (np.ravel([run[key] for run in runs]) for key in ("modulus", "amplitude"))
    assert amplitude[modulus < 0.995].max() < 1e-4
    assert amplitude[modulus > 1.005].min() > 0.1


def test_the_forced_loss_does_not_tell(result):
    runs = [run for runs in result["sine"].values() for run in runs]
    loss = np.array([run["loss"][-1] for run in runs])
    dead = np.array([run["amplitude"][-1] < 1e-3 for run in runs])
    assert 0 < dead.sum() < len(runs) / 2
    assert loss.max() < 4e-4
    assert (loss[~dead] > loss[dead].max()).any()


def test_the_eigenvalues_belong_to_the_stored_parameters(result):
    for units, runs in result["sine"].items():
        net = experiment.network(int(units), 1, 1)
        start = net.init_params(np.random.default_rng(0))
        for run in runs:
            params = start.unflatten(np.array(run["params"]))
            state = np.full((1, int(units)), 0.5)
            point, values = experiment.fixed_point(net, params, state, np.ones((1, 1)))
            moved, _ = net.cell.step(params.select("cell."), point, np.ones((1, 1)))
            np.testing.assert_allclose(moved, point, atol=1e-10)
            assert np.abs(values).max() == pytest.approx(run["modulus"][-1], rel=1e-6)


def test_the_tasks_are_learned_by_most_starts(result):
    for name in ("delayed XOR", "sequence recognition", "delayed non-match", "machine, 12 units"):
        solved = [run["errors_held"] == 0 for run in result["tasks"][name]]
        assert sum(solved) > len(solved) / 2, name


def test_stored_machines_do_what_is_stored_of_them(result):
    """Held weights, on the same fresh stream and the same long tapes."""
    name = "machine, 12 units"
    setting = experiment.TASKS[name]
    net = experiment.network(setting.units, 5, setting.outputs)
    start = net.init_params(np.random.default_rng(0))
    for seed, run in enumerate(result["tasks"][name]):
        params, ready = start.unflatten(np.array(run["params"])), np.array([run["state"]])
        assert experiment.held_apart(net, params, ready) == run["held_apart"]
        if seed < 2:
            right = experiment.tapes_right(net, params, ready, seed)
            assert right == run["tapes_right"]
        fresh = setting.draw(np.random.default_rng([4, seed]), 1000)
        held = net.forward(params, experiment.Batch(fresh.inputs, initial_state=ready))
        errors = experiment.wrong(held.outputs, fresh).sum()
        assert (errors > 0) <= (run["errors_held"] > 0)


def test_who_masters_long_tapes_holds_three_states_apart(result):
    for run in result["tasks"]["machine, 12 units"]:
        mastered = run["tapes_right"] == experiment.LONG_TAPES[0]
        assert mastered == (run["held_apart"] == 3)


def test_the_controller_reads_the_first_units(result):
    net = experiment.network(12, 5, 4)
    params = net.init_params(np.random.default_rng(1))
    controller = experiment.network_controller(net, params, np.zeros((1, 12)))
    state, _ = net.cell.step(
        params.select("cell."), np.zeros((1, 12)), np.array([[0, 1, 0, 0, 1.0]])
    )
    assert controller(")") == Action(*(int(y > 0.5) for y in state[0, :4]))


def test_the_period_of_a_sine():
    t = np.arange(400)
    assert experiment.period_of(0.5 + 0.3 * np.sin(2 * np.pi * t / 23.7)) == pytest.approx(
        23.7, rel=1e-3
    )
    assert experiment.period_of(np.full(400, 0.5)) == 0
