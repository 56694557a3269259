"""Tables of the ledger chapter: HTML for the page, plain text for everything else.

On a narrow screen the rows of the large table become cards, so that nothing scrolls sideways.
Colors are the page's own variables, so that both color modes follow. Formulas are left to the
page's MathJax.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rnncore.ledger.catalogue import Catalogue, Chapter
from rnncore.ledger.records import Record, Row
from rnncore.ledger.settle import VERDICTS

OPEN = "open"
_CSS_NAME = {"holds in part": "part"}
_REMARK = {"corrected": "Right", "false": "Right", OPEN: "To be shown"}
_STYLE = """<style>
.ledger { border-collapse: collapse; width: 100%; margin: 1rem 0; font-size: 0.92rem; }
.ledger caption { text-align: left; caption-side: top; padding: 0.3rem 0; }
.ledger th, .ledger td { border-bottom: 1px solid var(--pst-color-border, #aaa);
  padding: 0.45rem 0.6rem; text-align: left; vertical-align: top; background: none;
  color: inherit; }
.ledger .count { text-align: right; font-variant-numeric: tabular-nums; }
.ledger p { margin: 0 0 0.3rem; }
.ledger ul { margin: 0.2rem 0; padding-left: 1.1rem; }
.ledger summary { cursor: pointer; }
.ledger-says { overflow-wrap: anywhere; }
.ledger-math { display: block; overflow-x: auto; overflow-y: hidden; padding: 0.15rem 0; }
.ledger-verdict { border: 1px solid currentcolor; border-radius: 1rem; padding: 0 0.55em;
  font-weight: 600; white-space: nowrap; }
.ledger-holds { color: var(--pst-color-success, #28713a); }
.ledger-corrected { color: var(--pst-color-info, #1f6a8a); }
.ledger-part { color: var(--pst-color-warning, #8a5a00); }
.ledger-false { color: var(--pst-color-danger, #a8201a); }
.ledger-open { color: var(--pst-color-text-muted, #5a5a5a); font-weight: 400; }
@media (min-width: 48rem) {
  table.ledger.ledger.ledger-entries { display: table; table-layout: fixed; width: 100%; }
  .ledger-entries .ledger-first { width: 8.5em; }
  .ledger-entries .ledger-verdict { display: block; width: max-content; }
}
@media (max-width: 48rem) {
  .ledger-entries thead { position: absolute; left: -100vw; }
  .ledger-entries, .ledger-entries tbody, .ledger-entries tr, .ledger-entries caption,
  .ledger-entries td, .ledger-entries th { display: block; width: auto; }
  .ledger-entries tr { border-bottom: 2px solid var(--pst-color-border, #aaa); padding: 0.5rem 0; }
  .ledger-entries tr[hidden] { display: none; }
  .ledger-entries td, .ledger-entries th { border: 0; padding: 0.15rem 0; }
}
</style>"""


@dataclass(frozen=True)
class Table:
    """A table that shows itself as HTML or as plain text."""

    text: str
    html: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html


def count_table(entries: Catalogue, rows: Sequence[Row]) -> Table:
    """Count the entries by verdict and source.

    Parameters
    ----------
    entries : Catalogue
        For the sources.
    rows : sequence of Row
        From `build_ledger`.
    """
    counts = {
        name: [_count(rows, source, name) for source in entries.sources]
        for name in [*VERDICTS, OPEN]
    }
    counts["entries"] = [sum(column) for column in zip(*counts.values(), strict=True)]
    header = ["", *entries.sources, "all"]
    lines = [[name, *map(str, row), str(sum(row))] for name, row in counts.items()]
    widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]
    text = "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in [header, *lines]
    )
    head = "<td></td>" + "".join(
        f'<th scope="col" class="count">{cell}</th>' for cell in header[1:]
    )
    body = "".join(
        f'<tr><th scope="row">{line[0]}</th>'
        + "".join(f'<td class="count">{cell}</td>' for cell in line[1:])
        + "</tr>"
        for line in lines
    )
    table = f'<table class="ledger"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return Table(text, _STYLE + table)


def _count(rows: Sequence[Row], source: str, name: str) -> int:
    return sum(row.entry.source == source and (row.verdict or OPEN) == name for row in rows)


def open_table(entries: Catalogue, rows: Sequence[Row]) -> Table:
    """List the entries that are not settled, by the chapter that will settle them."""
    lines = []
    for number, chapter in entries.chapters.items():
        ids = [row.entry.id for row in rows if not row.records and row.entry.chapter == number]
        if ids:
            lines.append((f"{number}. {chapter.title}", len(ids), ", ".join(ids)))
    text = "\n".join(f"{title} ({count}): {ids}" for title, count, ids in lines)
    body = "".join(
        f'<tr><th scope="row">{html.escape(title)}</th>'
        f'<td class="count">{count}</td><td>{ids}</td></tr>'
        for title, count, ids in lines
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("chapter", "number", "entries"))
    table = f'<table class="ledger"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return Table(text or "nothing is open", _STYLE + table)


def entry_table(entries: Catalogue, rows: Sequence[Row], source: str) -> Table:
    """Show the entries of one source: what it says, the verdict, the evidence, the place.

    Parameters
    ----------
    entries : Catalogue
        For the chapters.
    rows : sequence of Row
        From `build_ledger`.
    source : str
        Letter of the source.

    Raises
    ------
    ValueError
        If there is no such source.
    """
    if source not in entries.sources:
        raise ValueError(f"source must be one of {list(entries.sources)}, got {source!r}")
    mine = [row for row in rows if row.entry.source == source]
    columns = {
        "entry": ' class="ledger-first"',
        "what the source says": "",
        "what came out": "",
    }
    head = "".join(
        f'<th scope="col" role="columnheader"{css}>{name}</th>' for name, css in columns.items()
    )
    body = "\n".join(_html_row(row, entries.chapters) for row in mine)
    caption = f"Source {source}: {html.escape(entries.sources[source])}"
    table = (
        f'<table class="ledger ledger-entries" role="table"><caption>{caption}</caption>'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{body}</tbody></table>'
    )
    text = "\n".join(_text_row(row) for row in mine)
    return Table(text, _STYLE + table)


def verdict_filter() -> Table:
    """Return a control that leaves only the entries of one verdict on the page."""
    names = [*VERDICTS, OPEN]
    options = "".join(f"<option>{name}</option>" for name in names)
    action = (
        "for (const row of document.querySelectorAll('tr[data-verdict]')) "
        "row.hidden = this.selectedIndex > 0 && row.dataset.verdict !== this.value"
    )
    box = (
        '<p class="ledger-filter"><label>Show entries with the verdict '
        f'<select onchange="{action}"><option>any</option>{options}</select></label></p>'
    )
    return Table("On the built page: a choice of the verdict to show.", _STYLE + box)


def _text_row(row: Row) -> str:
    entry = row.entry
    lines = [f"{entry.id}  {row.verdict or OPEN}  {_plain(entry.says)}"]
    if not row.records:
        return lines[0] + f"\n      belongs to chapter {entry.chapter}"
    if entry.right:
        label = _REMARK.get(row.verdict, "Note").lower()
        lines.append(f"      {label}: {_plain(entry.right)}")
    for record in row.records:
        lines.append(f"      chapter {record.chapter}: {record.data['because']}".rstrip(": "))
        lines += [f"        {line}" for line in record.lines]
    return "\n".join(lines)


def _plain(text: str) -> str:
    return text.replace("$", "")


def _html_row(row: Row, chapters: dict[int, Chapter]) -> str:
    entry, verdict = row.entry, row.verdict or OPEN
    css = _CSS_NAME.get(verdict, verdict)
    first = (
        f'<th scope="row" role="rowheader" id="ledger-{entry.id.replace(".", "-")}">{entry.id} '
        f'<span class="ledger-verdict ledger-{css}">{verdict}</span></th>'
    )
    says = f"<p>{_with_math(entry.says)}</p>"
    if entry.right:
        label = _REMARK.get(verdict, "Note")
        says += f"<p><strong>{label}:</strong> {_with_math(entry.right)}</p>"
    found = "".join(_html_record(record) for record in row.records)
    if not row.records:
        chapter = chapters[entry.chapter]
        found = (
            f"<p>Not settled yet; planned in Chapter {chapter.number}, "
            f"{html.escape(chapter.title)}.</p><p>{_with_math(entry.check)}</p>"
        )
    return (
        f'<tr role="row" data-verdict="{verdict}">{first}'
        f'<td role="cell" class="ledger-says tex2jax_process mathjax_process">{says}</td>'
        f'<td role="cell" class="ledger-says tex2jax_process mathjax_process">{found}</td></tr>'
    )


def _html_record(record: Record) -> str:
    anchor = "settle-" + record.id.replace(".", "-")
    link = f'<a href="{record.notebook}.html#{anchor}">Chapter {record.chapter}</a>'
    because = html.escape(record.data["because"])
    items = "".join(f"<li>{html.escape(line)}</li>" for line in record.lines)
    return (
        f"<p>{link}{': ' + because if because else ''}</p>"
        f"<details><summary>evidence ({len(record.lines)})</summary><ul>{items}</ul></details>"
    )


def _with_math(text: str) -> str:
    r"""Escape a text for HTML and turn ``$...$`` into ``\(...\)``; a long formula may scroll."""
    parts = re.split(r"\$([^$]+)\$", text)
    out = []
    for index, part in enumerate(parts):
        escaped = html.escape(part, quote=False)
        if index % 2:
            css = ' class="ledger-math"' if len(part) > 60 else ""
            escaped = rf"<span{css}>\({escaped}\)</span>"
        out.append(escaped)
    return "".join(out)
