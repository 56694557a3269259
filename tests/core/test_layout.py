"""What a gradient needs stays with the process, so that the next one need not fetch it anew."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

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
def test_memory_stays_from_one_gradient_to_the_next() -> None:
    """A gradient here needs about 1,000 pages. The control is told to keep nothing."""
    assert pages_fetched() < 50
    assert pages_fetched(MALLOC_MMAP_THRESHOLD_="131072", MALLOC_TRIM_THRESHOLD_="131072") > 500
