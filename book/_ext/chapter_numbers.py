"""Sphinx extension: number equations, figures and exercises by the chapter's own number.

A chapter's number is the number its file name starts with (``27-ledger`` is chapter 27), and its
title says it. Sphinx alone would count the chapters that exist, so that chapter 27 would become
chapter 5 until the ones between are written. Titles are left as they are: the number of a chapter
is part of its text, so that it is also there on a code host.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors.toctree import TocTreeCollector

_LEADING_NUMBER = re.compile(r"(\d+)-")


def chapter_number(docname: str) -> int | None:
    """Return the number in the file name of `docname`, None where there is none.

    >>> chapter_number("notebooks/27-ledger")
    27
    >>> chapter_number("book/notation") is None
    True
    """
    match = _LEADING_NUMBER.match(docname.rpartition("/")[2])
    return int(match[1]) if match else None


def number_by_chapter(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Number everything that has a caption or a label as (chapter.counter).

    Sphinx takes the first part of such a number from the number of the section around it. For the
    time of its own numbering it is shown the chapters' numbers; what titles display stays as it is.
    """
    displayed = env.toc_secnumbers
    env.toc_secnumbers = {
        docname: {"": (number,)}
        for docname in env.found_docs
        if (number := chapter_number(docname)) is not None
    }
    try:
        return TocTreeCollector().assign_figure_numbers(env)
    finally:
        env.toc_secnumbers = displayed


def setup(app: Sphinx) -> dict[str, Any]:
    """Number once more, after Sphinx's own numbering (which has priority 500)."""
    app.connect("env-get-updated", number_by_chapter, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
