"""Students' texts on pages that others open: the feedback, and where marks are given by hand."""

from __future__ import annotations

import inspect

SETTING = """
# A student's text must not run scripts in the browser of who marks it.
c.HTMLExporter.sanitize_html = True
c.HTMLExporter.filters = {"markdown2html": safe_markdown}
"""


def safe_markdown(source: str) -> str:
    """The HTML of a Markdown text, without anything that could run or be fetched."""
    import bleach  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    tags = "a abbr b blockquote br code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i li ol p pre s"
    tags += " span strong sub sup table tbody td th thead tr ul"
    return str(
        bleach.clean(
            markdown2html_mistune(source),
            tags=tags.split(),
            attributes={"a": ["href", "title"]},
            protocols=["http", "https", "mailto"],
        )
    )


def setting() -> str:
    """The same for nbgrader's own settings in the folder of a course."""
    return f"\n\n{inspect.getsource(safe_markdown)}\n{SETTING}"
