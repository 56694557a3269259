"""No mutant of a derivative survives, and the list of mutants with their killers is current."""

from __future__ import annotations

import pytest

from tests.mutation import report
from tests.mutation.targets import EQUIVALENT, TARGETS

# One worker, so that what a target's run found is kept for the next test.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("mutants")]


@pytest.mark.parametrize("target", TARGETS)
def test_no_survivor(target: str) -> None:
    results = report.run(target)
    survivors = {str(r.mutant) for r in results if r.killer is None}
    assert survivors - set(EQUIVALENT) == set(), "\n".join(sorted(survivors - set(EQUIVALENT)))
    # The unchanged function passes all of it, or the killing would mean nothing (see run).


def test_every_exception_is_still_one() -> None:
    """An entry of EQUIVALENT that no longer survives, or no longer exists, must go."""
    targets = {t for t in TARGETS for name in EQUIVALENT if name.startswith(t[len("rnncore.") :])}
    survivors = {str(r.mutant) for t in targets for r in report.run(t) if r.killer is None}
    assert survivors == set(EQUIVALENT)


def test_the_list_is_current() -> None:
    """``python -m tests.mutation.report`` writes it anew."""
    assert report.PATH.read_text() == report.table(), "run: python -m tests.mutation.report"


def test_every_derivative_of_the_package_is_a_target() -> None:
    assert report.forgotten() == set()
