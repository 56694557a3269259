"""Exercises that tell right from wrong: ``check("ch3.1", answer)``.

The exercises of a chapter stand in ``rnncore/exercises/chapterNN.py`` as a sequence
``EXERCISES`` of :class:`Exercise`; :func:`check` finds them by their id.
"""

from rnncore.exercises._registry import check, exercise, grade, registry
from rnncore.exercises.grading import Verdict, judge
from rnncore.exercises.model import Exercise, Mistake

__all__ = ["Exercise", "Mistake", "Verdict", "check", "exercise", "grade", "judge", "registry"]
