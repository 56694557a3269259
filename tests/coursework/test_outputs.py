"""What is kept of what a kernel sends."""

from __future__ import annotations

from typing import Any

import pytest

from coursework.outputs import MIME, Outcome, clean, keep


def kept(kind: str, content: dict[str, Any], left: int = 10**6) -> Outcome:
    outcome = Outcome()
    keep(outcome, kind, content, left)
    return outcome


def test_a_report_is_set_apart() -> None:
    outcome = kept("display_data", {"data": {MIME: "[1]", "text/plain": "x"}})
    assert (outcome.reports, outcome.outputs) == (["[1]"], [])


def test_pages_scripts_and_pictures_that_are_none_are_dropped() -> None:
    data = {
        "text/plain": "<b>",
        "text/html": "<script>",
        "image/svg+xml": "<svg>",
        "application/javascript": "x",
        "image/png": '"><script>',
    }
    (output,) = kept("display_data", {"data": data}).outputs
    assert output["data"] == {"text/plain": "<b>"}
    assert kept("execute_result", {"data": {"text/html": "x"}}).outputs == []
    (picture,) = kept("display_data", {"data": {"image/png": "aGk=\n"}}).outputs
    assert picture["data"] == {"image/png": "aGk=\n"}


def test_streams_are_joined_and_cut() -> None:
    outcome, left = Outcome(), 10
    for text in ("abc", "def", "ghijkl", "mno"):
        left -= keep(outcome, "stream", {"name": "stdout", "text": text}, left)
    (output,) = outcome.outputs
    assert (output["text"], left) == ("abcdefghij", 0)
    keep(outcome, "stream", {"name": "stderr", "text": "x"}, 5)
    assert len(outcome.outputs) == 2


def test_bytes_count_and_not_characters() -> None:
    assert keep(Outcome(), "stream", {"name": "stdout", "text": "é" * 5}, 100) == 10


def test_what_is_too_large_is_dropped_but_for_an_error() -> None:
    assert kept("display_data", {"data": {"text/plain": "x" * 100}}, 50).outputs == []
    content = {"ename": "E" * 999, "evalue": "v" * 9999, "traceback": ["t" * 9999] * 99}
    outcome = kept("error", content, 0)
    assert outcome.status == "error"
    (output,) = outcome.outputs
    assert len(output["ename"]) == 200 and len(output["evalue"]) == 2000
    assert len(output["traceback"]) == 20 and len(output["traceback"][0]) == 2000


@pytest.mark.parametrize("kind", ["display_data", "execute_result", "stream", "error"])
@pytest.mark.parametrize("content", [{}, [], None, {"data": 3, "name": 1, "text": 2, "ename": 3}])
def test_what_has_no_form_raises_what_the_caller_expects(kind: str, content: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        kept(kind, content)


def test_other_streams_and_messages_are_dropped() -> None:
    assert kept("stream", {"name": "evil", "text": "x"}).outputs == []
    assert kept("comm_open", {"data": {"text/plain": "x"}}).outputs == []


def test_all_that_is_kept_can_be_written() -> None:
    bad = "\ud800x"
    assert clean(bad) == "?x"
    contents: dict[str, dict[str, Any]] = {
        "stream": {"name": "stdout", "text": bad},
        "display_data": {"data": {"text/plain": bad}},
        "error": {"ename": bad, "evalue": bad, "traceback": [bad]},
    }
    for kind, content in contents.items():
        str(kept(kind, content).outputs).encode()
