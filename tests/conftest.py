"""What every test shares: one BLAS thread, no window, reproducible random numbers."""

import os
from pathlib import Path

# Before NumPy and matplotlib are imported: the test processes use the cores themselves.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# The same examples at every run, and no deadline: a busy machine is not a wrong result.
settings.register_profile("book", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("book")


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed, new for each test."""
    return np.random.default_rng(20240229)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Coverage is of the package by its own tests: tracing the others would only cost time.

    Nor is every combination of a test's parameters traced, since they run the same lines: only
    those in which a parameter has a value for the first time.
    """
    here = Path(__file__).parent
    others = (here / "coursework", here / "experiments")
    traced: set[tuple[str, str, int]] = set()
    for item in items:
        of_others = any(item.path.is_relative_to(folder) for folder in others)
        callspec = getattr(item, "callspec", None)
        test, indices = item.nodeid.partition("[")[0], callspec.indices if callspec else {}
        values = {(test, name, index) for name, index in indices.items()}
        if of_others or (values and values <= traced):
            item.add_marker("no_cover")
        traced |= values
