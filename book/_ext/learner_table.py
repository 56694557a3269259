"""Sphinx extension: the tables of the learners, made from the package when the book is built.

.. learner-table:: costs

The argument is ``costs``, ``symbols``, ``cells`` or ``refusals``: which part of
:func:`rnncore.learners.learner_table` to show.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from rnncore.learners import Learner, LearnerTable, learner_table

PARTS = ("costs", "symbols", "cells", "refusals")
API = "book/api/learners"

table = cache(learner_table)


def address(page: str, learner: type[Learner]) -> str:
    """Return where a learner is documented, as the page that describes learners names it."""
    return f"{page}#rnncore.learners.{learner.__name__}"


def render(part: str, made: LearnerTable, page: str) -> str:
    """Return one part of the table as HTML, with links to the page that describes learners."""
    if part not in PARTS:
        raise ValueError(f"part: expected one of {list(PARTS)}, got {part!r}")
    if part == "costs":
        return made.costs_html(lambda learner: address(page, learner))
    if part == "cells":
        return made.cells_html(lambda learner: address(page, learner))
    return made.symbols_html() if part == "symbols" else made.refusals_html()


class LearnerTableDirective(SphinxDirective):
    """One part of the table of learners."""

    required_arguments = 1
    has_content = False

    def run(self) -> list[nodes.Node]:
        part = directives.choice(self.arguments[0], PARTS)
        made = table()
        for row in made.rows:  # the page is made anew when a learner has changed
            self.env.note_dependency(inspect.getsourcefile(row.learner) or "")
        page = self.env.app.builder.get_relative_uri(self.env.docname, API)
        return [nodes.raw("", render(part, made, page), format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("learner-table", LearnerTableDirective)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
