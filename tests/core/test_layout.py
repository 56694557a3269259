"""Products over steps, and memory that stays with the process from one gradient to the next."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from rnncore import layout
from rnncore.verify import relative_error

FAULTS = """
import resource
import numpy as np
from rnncore import BPTT, Batch, Linear, Network, SquaredError, Vanilla

rng = np.random.default_rng(0)
net = Network(Vanilla(32, 64), Linear(64, 1), SquaredError())
params = net.init_params(rng, np.float32)
x, d = (rng.standard_normal((100, 32, size)).astype(np.float32) for size in (32, 1))
learner, batch = BPTT(net), Batch(x, d)
for _ in range(4):
    learner.gradient(params, batch)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    learner.gradient(params, batch)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10)
"""


def pages_fetched(**environment: str) -> float:
    """Pages of memory that a gradient gets from the system, after some that came before it."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS],
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("lead", [(), (2,), (2, 5)])
@pytest.mark.parametrize("inputs", [1, 3])
def test_outer_products_are_summed(
    steps: int, batch: int, lead: tuple[int, ...], inputs: int
) -> None:
    """By the definition, for one sequence or more, and with or without further axes."""
    rng = np.random.default_rng(3)
    left = rng.standard_normal((steps, *lead, batch, 4))
    right = rng.standard_normal((steps, batch, inputs))
    each = np.einsum("t...bk,tbd->...bkd", left, right)
    got = layout.correlate(left, right, per_example=True)
    assert got.shape == (*lead, batch, 4, inputs)
    assert relative_error(got, each) < 1e-14
    if not lead:
        assert (
            relative_error(layout.correlate(left, right, per_example=False), each.sum(axis=0))
            < 1e-14
        )


def test_memory_stays_from_one_gradient_to_the_next() -> None:
    """A gradient here needs about 1,000 pages. The control is told to keep nothing."""
    assert pages_fetched() < 50
    assert pages_fetched(MALLOC_MMAP_THRESHOLD_="131072", MALLOC_TRIM_THRESHOLD_="131072") > 500
