"""What a contender hands to the process that times it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Prepared(NamedTuple):
    """Work that is ready to be timed.

    Attributes
    ----------
    run
        Does the work once, and returns when it is done.
    answer
        What the work gives, as NumPy arrays under names that all contenders share; empty where
        there is nothing to compare (a floor computes no gradient).
    steps
        How many steps one run makes; the time that is reported is that of one step.
    """

    run: Callable[[], Any]
    answer: Mapping[str, Any] = {}
    steps: int = 1
