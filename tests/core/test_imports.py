"""What an import brings along: NumPy and nothing else, until a figure or a learner is asked for."""

import subprocess
import sys
from pathlib import Path

import pytest

import rnncore

SCRIPT = """
import sys
import numpy, numpy.random
before = set(sys.modules)
{code}
print(*sorted(set(sys.modules) - before))
"""


def brought_along(code: str) -> tuple[set[str], set[str]]:
    """Modules that ``code`` imports in a fresh process: ours, and packages of others."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(code=code)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(rnncore.__file__).parents[1],
    )
    new = set(done.stdout.split())
    ours = {name for name in new if name.split(".")[0] == "rnncore"}
    others = {name.split(".")[0] for name in new - ours} - sys.stdlib_module_names
    return ours, others


@pytest.mark.parametrize(
    "code",
    [
        "import rnncore",
        "from rnncore import *",
        "import rnncore.cells, rnncore.learners, rnncore.tasks, rnncore.verify",
        "import rnncore.initialization, rnncore.optimizers, rnncore.reservoir",
        "import rnncore.ledger, rnncore.exercises",
        "import rnncore.plotting",
    ],
)
def test_numpy_is_all_that_comes_along(code) -> None:
    ours, others = brought_along(code)
    assert "rnncore" in ours
    assert others == set()


@pytest.mark.parametrize(
    ("code", "package"),
    [
        ("from rnncore.plotting import figure", "matplotlib"),
        ("import rnncore.training", "tqdm"),
    ],
)
def test_what_draws_or_reports_brings_its_package(code, package) -> None:
    """The control: such a package would be seen."""
    assert package in brought_along(code)[1]


def test_learners_wait_until_one_is_asked_for() -> None:
    ours, _ = brought_along("import rnncore")
    assert "rnncore.cells" in ours and "rnncore.network" in ours
    assert not any(name.startswith("rnncore.learners") for name in ours)
    for code in (
        "import rnncore; rnncore.BPTT",
        "import rnncore; rnncore.learners.UORO",
        "from rnncore import RTRL",
        "from rnncore import *; Hybrid",
    ):
        assert "rnncore.learners.bptt" in brought_along(code)[0]


def test_the_names_of_the_package_are_all_there() -> None:
    for name in rnncore.__all__:
        assert getattr(rnncore, name).__name__ == name
    assert set(rnncore.__all__) | {"learners"} <= set(dir(rnncore))
    assert rnncore.BPTT is rnncore.learners.BPTT
    with pytest.raises(AttributeError, match="module 'rnncore' has no attribute 'Bptt'"):
        rnncore.Bptt  # noqa: B018
