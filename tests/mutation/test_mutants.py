"""No mutant of a derivative survives, and the list of mutants with their killers is current.

Each test runs the mutants of one target and asks all there is to ask of them, so that the workers
can share the targets and none is run twice.
"""

from __future__ import annotations

import pytest

from tests.mutation import mutate, report
from tests.mutation.targets import EQUIVALENT, TARGETS

pytestmark = pytest.mark.slow
ANEW = "run: python -m tests.mutation.report"


def exceptions(target: str) -> set[str]:
    """The entries of EQUIVALENT that are about a target."""
    return {name for name in EQUIVALENT if name.startswith(f"{target.removeprefix('rnncore.')}, ")}


@pytest.mark.parametrize("target", TARGETS)
def test_no_survivor(target: str) -> None:
    """None but the exceptions, each of which must still be one; and all are in the list."""
    results = report.run(target)
    survivors = {str(r.mutant) for r in results if r.killer is None}
    assert survivors - exceptions(target) == set(), "\n".join(sorted(survivors))
    assert exceptions(target) - survivors == set(), "no longer survives, or no longer exists"
    # The unchanged function passes all of it, or the killing would mean nothing (see run).
    assert report.stored().get(target, "") == report.section(target), ANEW


def test_every_exception_is_of_a_target() -> None:
    """So that none escapes the test above."""
    assert set().union(*map(exceptions, TARGETS)) == set(EQUIVALENT)


def test_the_list_has_every_target_and_nothing_else() -> None:
    """``python -m tests.mutation.report`` writes it anew."""
    stored = report.stored()
    assert list(stored) == ["", *(target for target in TARGETS if mutate.mutants(target))], ANEW
    assert stored[""] == report.head(), ANEW


def test_every_derivative_of_the_package_is_a_target() -> None:
    assert report.forgotten() == set()
