"""All exercises of the book, found in the modules ``chapter01``, ``chapter02``, ..."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Any

import rnncore.exercises
from rnncore.exercises.grading import Verdict, judge
from rnncore.exercises.model import Exercise


@cache
def registry() -> Mapping[str, Exercise]:
    """Every exercise by its id, in the order of chapters and numbers.

    A chapter's exercises are the sequence ``EXERCISES`` of the module
    ``rnncore.exercises.chapterNN``; a new module is found without further registration.

    Raises
    ------
    ValueError
        If two exercises have one id, or an id belongs to another chapter.
    """
    found: dict[str, Exercise] = {}
    for module in pkgutil.iter_modules(rnncore.exercises.__path__):
        chapter = re.fullmatch(r"chapter(\d\d)", module.name)
        if not chapter:
            continue
        content = importlib.import_module(f"rnncore.exercises.{module.name}")
        add(found, content.EXERCISES, int(chapter[1]))
    ordered = sorted(found, key=lambda id: [int(n) for n in id[2:].split(".")])
    return MappingProxyType({id: found[id] for id in ordered})


def add(found: dict[str, Exercise], exercises: Any, chapter: int) -> None:
    """Put the exercises of one chapter into ``found``, refusing ids of others."""
    for exercise in exercises:
        if not exercise.id.startswith(f"ch{chapter}."):
            raise ValueError(f"id: expected one of chapter {chapter}, got {exercise.id!r}")
        if exercise.id in found:
            raise ValueError(f"id: {exercise.id!r} stands twice")
        found[exercise.id] = exercise


def exercise(id: str) -> Exercise:
    """The exercise with this id.

    Raises
    ------
    ValueError
        If there is none; the message names similar ids.
    """
    known = registry()
    if id not in known:
        near = get_close_matches(str(id), known) or list(known)
        raise ValueError(f"id: no exercise {id!r}; did you mean one of {near}?")
    return known[id]


def grade(id: str, answer: Any) -> Verdict:
    """Judge an answer without printing; ``verdict.right`` and ``verdict.line`` tell.

    Examples
    --------
    >>> grade("ch1.1", lambda w, x, d, rate: w).right
    False
    """
    return judge(exercise(id), answer)


def check(id: str, answer: Any = None) -> None:
    """Tell whether your answer to an exercise is right, and hint at the usual mistake.

    Parameters
    ----------
    id
        The exercise, for instance ``"ch3.1"``.
    answer
        Your answer: a value, an array or a function, as the exercise asks. A function is
        called on several random inputs. ``...`` means not answered yet.

    Raises
    ------
    ValueError
        If there is no such exercise. A wrong answer raises nothing, whatever it is.

    Examples
    --------
    >>> check("ch1.1", ...)
    ch1.1 not answered yet
    """
    print(grade(id, answer).line)
