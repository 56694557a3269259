"""The stored costs of the hybrid: what can be redone is redone, the rest must fit together."""

import json

import numpy as np
import pytest

from experiments.hybrid_cost import run as hybrid_cost
from rnncore import BPTT, RTRL, Batch, Hybrid


@pytest.fixture(scope="module")
def result():
    return json.loads(hybrid_cost.RESULT.read_text(encoding="utf-8"))


def test_slopes_and_ratios_follow_from_the_stored_seconds(result):
    stored = result["by_size"]
    assert stored["sizes"] == list(hybrid_cost.SIZES)
    assert len(stored["seconds"]) == 3 * len(hybrid_cost.SIZES)
    again = hybrid_cost.derived(stored["seconds"])
    for name, slope in again["slopes"].items():
        assert stored["slopes"][name] == pytest.approx(slope, rel=1e-9)
    for name, ratios in again["ratios"].items():
        assert stored["ratios"][name] == pytest.approx(ratios, rel=1e-9)


def test_the_stored_times_show_what_chapter_6_says(result):
    stored = result["by_size"]
    assert 3.5 < stored["slopes"]["RTRL"] < 4.3
    assert 2.4 < stored["slopes"]["hybrid"] < 3.2
    assert stored["slopes"]["BPTT"] < 1.5
    at_128 = stored["sizes"].index(128)
    assert stored["ratios"]["RTRL over hybrid"][at_128] > 20
    for least, median, greatest in stored["seconds"].values():
        assert 0 < least <= median <= greatest


def test_the_best_block_lies_near_the_number_of_units(result):
    for n, stored in result["by_block"].items():
        blocks, seconds = hybrid_cost.BLOCKS[int(n)], stored["seconds"]
        assert stored["blocks"] == list(blocks)
        median = np.array([seconds[str(h)][1] for h in blocks])
        assert stored["over_least"] == pytest.approx(median / median.min(), rel=1e-9)
        product = median * stored["peak_bytes"]
        assert int(n) / 4 <= blocks[int(product.argmin())] <= int(n)


@pytest.mark.parametrize("block", [4, 32, 128])
def test_the_bytes_of_a_block_again(result, block):
    stored = result["by_block"]["32"]
    at = stored["blocks"].index(block)
    assert hybrid_cost.peak_bytes(32, block) == pytest.approx(stored["peak_bytes"][at], rel=0.05)


def test_what_is_timed_is_the_exact_gradient():
    net = hybrid_cost.network(5)
    params = net.init_params(np.random.default_rng(0))
    batch = Batch(*hybrid_cost.stream(7))
    truth = BPTT(net).gradient(params, batch).grads.flat()
    for learner in (RTRL(net), Hybrid(net, block=5)):
        got = learner.gradient(params, batch).grads.flat()
        np.testing.assert_allclose(got, truth, atol=1e-12 * np.abs(truth).max())


def test_a_short_slice_of_the_timing_comes_to_the_same_order():
    seconds = hybrid_cost.take_turns(hybrid_cost.contenders(64), 3)
    assert seconds["RTRL"][1] > 1.5 * seconds["hybrid"][1] > 1.5 * seconds["BPTT"][1]
