"""The stored online runs of chapter 6: two of them again, and what the chapter says of all."""

import json

import numpy as np
import pytest

from experiments.hybrid_online import run as hybrid_online


@pytest.fixture(scope="module")
def result():
    return json.loads(hybrid_online.RESULT.read_text(encoding="utf-8"))


def solved(summary):
    return sum(rate < 0.01 for rate in summary["final_rate"])


@pytest.mark.parametrize(
    ("name", "block", "rate", "seed"),
    [("hybrid", 4, 0.1, 0), ("truncated BPTT", 2, 0.1, 2)],
)
def test_a_run_again(result, name, block, rate, seed):
    stored = result["runs"][name][str(block)][str(rate)]
    again = hybrid_online.summary(hybrid_online.learn(name, block, rate, seed)[None])
    # On another processor the last bit may differ, and with it a few outputs near one half.
    assert again["errors"][0] == pytest.approx(stored["errors"][seed], abs=3)
    assert again["final_rate"][0] == pytest.approx(stored["final_rate"][seed], abs=0.01)


def test_the_stored_runs_are_whole(result):
    assert (result["steps"], result["seeds"]) == (hybrid_online.STEPS, hybrid_online.SEEDS)
    for name in hybrid_online.LEARNERS:
        assert set(result["runs"][name]) == {str(h) for h in hybrid_online.BLOCKS}
        for h, rates in result["runs"][name].items():
            assert set(rates) == {str(rate) for rate in hybrid_online.RATES}
            assert result["best_rate"][name][h] == hybrid_online.best(rates)
            for run in rates.values():
                assert len(run["errors"]) == len(run["final_rate"]) == hybrid_online.SEEDS
                for errors, rate in zip(run["errors"], run["final_rate"], strict=True):
                    assert rate * hybrid_online.LAST <= errors <= hybrid_online.STEPS


def test_what_the_chapter_says_of_them(result):
    chosen = {
        name: {int(h): rates[result["best_rate"][name][h]] for h, rates in runs.items()}
        for name, runs in result["runs"].items()
    }
    assert [solved(run) for run in chosen["hybrid"].values()] == [6] * 5
    assert [solved(run) for run in chosen["truncated BPTT"].values()] == [1, 6, 6, 6, 6]
    median = {h: np.median(run["errors"]) for h, run in chosen["hybrid"].items()}
    assert 1.5 < median[16] / median[1] < 2.5 and 1.1 < median[4] / median[1] < 1.4
    assert solved(result["runs"]["hybrid"]["64"]["0.1"]) == 1
