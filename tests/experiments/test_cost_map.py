"""The stored costs of the exact methods: bytes measured again, times within their order."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.cost_map import run as cost_map

ROOT = Path(__file__).parents[2]
METHODS = list(cost_map.METHODS)


@pytest.fixture(scope="module")
def result():
    return json.loads(cost_map.RESULT.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def at(result):
    return {(point["units"], point["steps"]): point for point in result["points"]}


def test_the_grid_is_whole_and_no_number_was_touched(result, at):
    assert set(at) == {(n, steps) for n in cost_map.UNITS for steps in cost_map.STEPS}
    assert result["seed"] == cost_map.SEED and result["rounds"] == cost_map.ROUNDS
    assert cost_map.digest(result["points"]) == result["digest"]
    changed = json.loads(json.dumps(result["points"]))
    changed[0]["bytes"]["BPTT"] += 1
    assert cost_map.digest(changed) != result["digest"]


def test_the_medians_are_those_of_the_rounds(at):
    for point in at.values():
        assert set(point["bytes"]) == set(METHODS)
        anew = {"BPTT anew"} if point["steps"] <= cost_map.LONGEST_ANEW else set()
        assert set(point["seconds"]) == set(METHODS) | anew
        for name, rounds in point["seconds"].items():
            assert len(rounds) == cost_map.ROUNDS
            assert point["median"][name] == pytest.approx(np.median(rounds), rel=1e-12)


@pytest.mark.parametrize("n, steps", [(4, 64), (32, 16)])
def test_the_bytes_of_a_slice_measured_again(at, n, steps):
    new, old = cost_map.point(n, steps, rounds=1), at[n, steps]
    for method in METHODS:
        assert new["bytes"][method] == pytest.approx(old["bytes"][method], rel=0.25)


def test_the_times_of_a_slice_come_to_the_same_order(at):
    # In a process of its own, which coverage does not slow; the least of the rounds, for a busy
    # machine can only add to a time.
    measure = "import json; from experiments.cost_map import run; "
    measure += "print(json.dumps(run.point(16, 64)['seconds']))"
    printed = subprocess.run(
        [sys.executable, "-c", measure], check=True, stdout=subprocess.PIPE, cwd=ROOT
    ).stdout
    new, old = json.loads(printed), at[16, 64]["seconds"]
    for slow in ("RTRL", "BPTT anew"):
        ratios = [min(point[slow]) / min(point["BPTT"]) for point in (new, old)]
        assert abs(math.log(ratios[0] / ratios[1])) < math.log(2.5), slow


def test_what_is_certain_of_the_outcome(at):
    for (n, steps), point in at.items():
        median, held = point["median"], point["bytes"]
        # Beyond the second forward pass each stretch costs some calls, which small networks feel.
        most = 3 if n == 64 and steps == 1024 else 4.5
        assert median["BPTT"] < median["checkpointed BPTT"] < most * median["BPTT"]
        assert median["BPTT"] < median["RTRL"]
        table = 8 * n * n * (2 + n + 1)
        assert held["RTRL"] > table and held["hybrid"] > table
        if steps == 1024:
            # RTRL too keeps the forward pass of 32 steps, which it works out together.
            assert held["BPTT"] > 20 * held["RTRL"] or n > 4
            assert held["checkpointed BPTT"] < 0.1 * held["BPTT"]


def test_the_table_does_not_grow_with_time_and_the_record_does(at):
    for n in cost_map.UNITS:
        table, record = (
            [at[n, steps]["bytes"][method] for steps in (64, 256, 1024)]
            for method in ("RTRL", "BPTT")
        )
        assert max(table) < 1.2 * min(table)
        assert 3 < record[1] / record[0] < 4.5 and 3 < record[2] / record[1] < 4.5
