"""What the questions make of measured times: goals, summaries, tables and figures."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest

from benchmarks import bptt, costs, floor, imports, rtrl, scaling
from benchmarks.contenders import ours
from benchmarks.harness import QUICK
from benchmarks.plots import svg
from benchmarks.problems import problem
from benchmarks.question import main, page
from benchmarks.report import goal, goals_table, mean_goal, table, time
from benchmarks.statistics import Spread
from benchmarks.store import dumps, path, read
from rnncore.learners import base
from rnncore.learners.instant import instants


def case(peer: float, **labels) -> dict:
    """A case of BPTT in which a peer takes so many times our one second."""
    given = {"cell": "GRU", "dtype": "float64", "T": 50, "B": 1, "D": 8, "n": 32, "threads": 1}
    return {**given, **labels, "seconds": {"rnncore": [0.9, 1.0, 1.1], "PyTorch": [peer] * 3}}


def goals(cases: list[dict]) -> dict[str, dict]:
    return {goal["goal"]: goal for goal in bptt.summarize(cases)["goals"]}


def test_a_goal_holds_only_if_its_worst_case_does() -> None:
    found = [(2.0, case(2.0)), (0.8, case(0.8, cell="LSTM"))]
    assert goal("g", found, least=0.8)["met"] and not goal("g", found, least=0.9)["met"]
    assert goal("g", found, most=2.0)["met"] and not goal("g", found, most=1.9)["met"]
    missed = goal("g", found, least=0.9)
    assert missed["measured"] == 0.8 and "LSTM" in missed["where"]
    assert "**not met**" in goals_table([missed])


def test_a_goal_without_a_measurement_is_not_met() -> None:
    for empty in (goal("g", [], least=1.0), mean_goal("g", [], 1.0)):
        assert empty["met"] is None and "not measured" in goals_table([empty])


def test_the_mean_over_cases_is_geometric() -> None:
    summary = bptt.summarize([case(8.0), case(0.5, threads=2)])
    means = summary["geometric_means"]["PyTorch / rnncore"]
    assert means == {"all": 2.0, "1 thread": 8.0, "2 threads": 0.5}
    assert summary["worst"]["PyTorch / rnncore"][0][0] == 0.5
    assert goals([case(8.0), case(0.51)])["PyTorch's time over ours"]["met"]
    assert not goals([case(8.0), case(0.49)])["PyTorch's time over ours"]["met"]


@pytest.mark.parametrize(
    "labels, name, bound",
    [
        ({}, "each case but LSTM float32", 0.9),
        ({"cell": "LSTM"}, "each case but LSTM float32", 0.9),
        ({"cell": "LSTM", "dtype": "float32"}, "each case but LSTM float32", 0.9),
        (
            {"cell": "LSTM", "dtype": "float32", "B": 32},
            "LSTM float32, batches of 32 and more",
            0.7,
        ),
        (
            {"cell": "LSTM", "dtype": "float32", "T": 1000},
            "LSTM float32, one long sequence",
            0.35,
        ),
    ],
)
def test_each_case_counts_toward_the_bound_of_its_group(labels, name: str, bound: float) -> None:
    for peer, met in ((bound * 1.01, True), (bound * 0.99, False)):
        found = goals([case(peer, **labels)])
        assert found[name]["met"] is met
        others = {"each case but LSTM float32", "LSTM float32, batches of 32 and more"}
        others |= {"LSTM float32, one long sequence"}
        assert all(found[other]["met"] is None for other in others - {name})


def test_rtrl_is_compared_with_the_better_of_two_formulations() -> None:
    times = {rtrl.RTRL: [1.0], rtrl.JACREV: [4.0], rtrl.JACFWD: [3.0]}
    best = rtrl.best_of_jax({"seconds": times})
    assert best["seconds"][rtrl.BEST] == [3.0]
    assert rtrl.BEST not in rtrl.best_of_jax({"seconds": {rtrl.RTRL: [1.0]}})["seconds"]


@pytest.mark.parametrize("ours, met", [(0.109, True), (0.111, False)])
def test_the_bound_on_importing_follows_numpy(ours: float, met: bool) -> None:
    seconds = {"numpy": [0.05] * 3, "rnncore": [ours] * 3}  # 1.2 times 50 ms, plus 50 ms
    assert imports.summarize([{"seconds": seconds}])["goals"][0]["met"] is met


def test_contenders_get_the_same_numbers_at_each_call() -> None:
    one, other = (problem("GRU", "float32", (3, 2, 2, 4)) for _ in range(2))
    assert one["params"]["b_h"].shape == (12,) and one["x"].dtype == "float32"
    for name, array in one["params"].items():
        assert (array == other["params"][name]).all() and (array != 0).all()


def test_the_compiled_path_is_there_only_if_it_can_be_imported() -> None:
    found = find_spec("rnncore.fast") is not None and find_spec("numba") is not None
    assert (ours.compiled() is not None) is found


# -- scaling ---------------------------------------------------------------------


def grown(exponent: float, declared: float = 2.0, overhead: float = 3e-5) -> dict:
    sizes = {n: overhead + (1e-9 * n**exponent if n > 1 else 0.0) for n in (1, 64, 128, 256)}
    return {
        "learner": "BPTT",
        "what": "n",
        "cell": "Vanilla",
        "formulas": {"seconds": "P"},
        "declared": {"seconds": declared},
        "seconds": {str(n): [seconds] * 3 for n, seconds in sizes.items()},
    }


@pytest.mark.parametrize("off, defects", [(0.0, 0), (0.25, 0), (0.4, 1), (-0.4, 1)])
def test_an_exponent_off_its_order_is_a_defect(off: float, defects: int) -> None:
    summary = scaling.summarize([grown(2.0 + off)])
    assert len(summary["defects"]) == defects
    assert summary["goals"][0]["met"] is (defects == 0)
    assert summary["exponents"]["BPTT, seconds in n"][0] == pytest.approx(2.0 + off, abs=0.01)


def test_costs_below_those_of_size_one_are_a_defect_too() -> None:
    flat = grown(2.0)
    flat["seconds"]["1"] = [1.0]
    summary = scaling.summarize([flat])
    assert summary["defects"] and not summary["goals"][0]["met"]


def test_every_learner_is_scaled() -> None:
    from rnncore.learners import every_learner

    assert [subject.kind for subject in costs.subjects()] == every_learner()
    for subject in costs.subjects():
        assert len(scaling.ladder(subject, quick=False).units) >= 3


@pytest.mark.parametrize(
    "name, order", [("BPTT", 2), ("RTRL", 4), ("Hybrid", 3), ("UORO", 2), ("DiagonalRTRL", 1)]
)
def test_declared_exponents_are_those_of_the_table(name: str, order: int) -> None:
    subject = costs.subject(name)
    sizes = (2048, 4096)
    assert costs.declared(subject, subject.kind.card.time, sizes) == pytest.approx(order, abs=0.01)


def test_exponents_in_time() -> None:
    assert costs.declared_in_time("T N") == pytest.approx(1.0)
    assert costs.declared_in_time("sqrt(T) N") == pytest.approx(0.5)
    assert costs.declared_in_time("N P + h N") == pytest.approx(0.0)


def test_counted_multiplications_show_the_order_of_rtrl_and_not_that_of_bptt() -> None:
    subject, sizes = costs.subject("RTRL"), (8, 16, 32)
    counted = [costs.multiplications(subject, n, 2) for n in sizes]
    found = scaling.exponent(sizes, counted)
    assert found == pytest.approx(costs.declared(subject, "N n P", sizes), abs=0.3)
    assert abs(found - costs.declared(subject, "P", sizes)) > 1


def test_bytes_held_grow_with_t_offline_and_not_online() -> None:
    offline, online = costs.subject("BPTT"), costs.subject("UORO")
    assert costs.bytes_held(offline, 8, 64, 4) > 1.7 * costs.bytes_held(offline, 8, 32, 4)
    assert costs.bytes_held(online, 8, 64) == costs.bytes_held(online, 8, 32)


# -- a whole question --------------------------------------------------------------


def test_a_quick_run_is_stored_and_read_back(tmp_path, capsys) -> None:
    assert main(floor.QUESTION, ["--quick", "--rounds", "1", "--out", str(tmp_path)]) == 0
    result = read("floor", tmp_path)
    assert result["quick"] and len(result["cases"]) == 6
    assert result["summary"] == floor.QUESTION.summarize(result["cases"])
    assert path("floor", ".md", tmp_path).read_text() == page(floor.QUESTION, result)
    assert "<svg" in path("floor", ".svg", tmp_path).read_text()
    assert "our time over the floor's" in capsys.readouterr().out
    assert json.loads(dumps(result)) == result


def test_the_same_numbers_give_the_same_plot() -> None:
    cases = [case(2.0), case(0.5, cell="LSTM")]
    one, other = (svg(bptt.draw(cases)[""]) for _ in range(2))
    assert one == other and "<dc:date>" not in one


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--fast"]])
def test_arguments_that_make_no_sense_are_refused(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(floor.QUESTION, arguments)
    assert stop.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_there_is_no_other_question() -> None:
    with pytest.raises(ValueError, match="question"):
        path("speed")


def test_times_are_told_in_a_unit_that_suits_them() -> None:
    assert time(Spread(9e-6, 1e-5, 2e-5)) == "10 (9 to 20) µs"
    assert time(Spread(0.01, 0.02, 0.03)) == "20 (10 to 30) ms"
    assert time(Spread(1.0, 2.0, 3.0)) == "2 (1 to 3) s"
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |\n"


def test_a_quick_plan_is_shorter() -> None:
    assert QUICK.most_rounds <= 2 and QUICK.budget == 0.0


@pytest.mark.parametrize(
    ("name", "together"), [("SnAp", 1), ("EProp", 1), ("UORO", 1), ("Hybrid", 3)]
)
def test_exponents_are_timed_by_the_step(name: str, together: int, monkeypatch) -> None:
    """A learner with a faster way for many steps does not get to use it; a block is a block."""
    runs: list[int] = []

    def counted(network, weights, s, batch, start, stop):  # type: ignore[no-untyped-def]
        runs.append(stop - start)
        return instants(network, weights, s, batch, start, stop)

    monkeypatch.setattr(base, "instants", counted)
    case = {"kind": name, "n": 4, "T": 6, "B": 1, "block": together, "by_step": True}
    costs.timed(case).run()
    assert runs == [together] * (6 // together)
