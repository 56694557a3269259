"""The directive that puts the results of the benchmarks into the book."""

import copy
import doctest
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from bs4 import BeautifulSoup

from benchmarks import store
from benchmarks.report import label, ratios
from benchmarks.statistics import geometric_mean
from book._ext import speed_format, speed_tables
from tests.book.page_checks import pages

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "book" / "speed.md"
BUILT = ROOT / "_build" / "html" / "book" / "speed.html"
ASKED = re.compile(r"^```\{speed\} (\S+)$", re.MULTILINE)

MACHINE = {
    "date": "2026-11-23", "processor": "A processor", "cores": 2, "memory_GiB": 8.0,
    "system": "Linux", "pinned": True, "python": "3.11.7", "blas": "openblas 0.3",
    "versions": {"numpy": "2.4.6"},
}  # fmt: skip


def case(times: dict[str, float], **labels: Any) -> dict[str, Any]:
    """A case in which each contender takes so many seconds, in every round."""
    given = {"cell": "GRU", "dtype": "float64", "T": 50, "B": 1, "D": 8, "n": 32, "threads": 1}
    return {**given, **labels, "seconds": {name: [t] * 3 for name, t in times.items()}}


def scaled(learner: str, what: str, **declared: float) -> dict[str, Any]:
    orders = {"seconds": "P k2 / k1", "bytes": "sqrt(T) N", "multiplications": "P k2 / k1"}
    formulas = {cost: orders[cost] for cost in declared}
    return {"learner": learner, "what": what, "formulas": formulas, "declared": declared}


def results() -> dict[str, store.Result]:
    """One small result for each question, with numbers that are easy to follow."""
    byhand = {"rnncore": 1.0, "NumPy by hand": 0.8}
    two_peers = [
        case(byhand | {"PyTorch": 8.0, "JAX": 0.5}, cell="vanilla"),
        case(byhand | {"PyTorch": 0.5, "JAX": 0.25}, cell="LSTM", dtype="float32"),
        case(byhand | {"PyTorch": 2.0, "JAX": 0.25}, cell="vanilla", threads=2),
    ]
    recurrent = [
        case({"RTRL": 1.2, "floor": 1.0, "JAX jacrev": 6.0, "JAX jacfwd": 3.6}, what="RTRL"),
        case({"hybrid, h = 2n": 0.1, "RTRL": 4.0, "BPTT": 0.02}, what="hybrid", n=64),
    ]
    echo = {"rnncore": 2.0, "reservoirpy": 3.0}
    cases = {
        "bptt": two_peers,
        "floor": [case({"rnncore": 1.3, "floor": 1.0})],
        "rtrl": recurrent,
        "online": [case({"BPTT": 1.0, "SnAp-1": 3.0, "UORO": 2.5, "RFLO": 1.5, "e-prop": 0.7})],
        "reservoir": [case(echo, what=what, units=7, steps=9) for what in ("run", "ridge")],
        "imports": [{"what": "import", "seconds": {"numpy": [0.07], "rnncore": [0.1]}}],
        "scaling": [
            scaled("A", "n", seconds=2.0, multiplications=2.0, bytes=1.0),
            scaled("A", "T", seconds=1.0, bytes=0.5),
        ],
    }
    summary = {
        "exponents": {
            "A, seconds in n": [1.85, 2.0],
            "A, bytes in n": [1.0, 1.0],
            "A, multiplications in n": [2.0, 2.0],
            "A, seconds in T": [0.95, 1.0],
            "A, bytes in T": [0.5, 0.5],
        },
        "defects": [],
        "goals": [{"bound": "at most 0.3"}],
    }
    return {
        question: {
            "question": question, "quick": False, "machine": MACHINE,
            "skipped": {"rnncore[fast]": "it is not installed"} if question == "bptt" else {},
            "figures": ["", "-steps"], "summary": summary, "cases": cases[question],
        }
        for question in store.QUESTIONS
    }  # fmt: skip


def show(part: str, given: dict[str, store.Result] | None = None) -> str:
    chosen = given or results()
    return speed_tables.render(part, lambda question: chosen[question])


def rows(markdown: str) -> dict[str, list[str]]:
    lines = [line.strip("| ").split(" | ") for line in markdown.splitlines() if line[:1] == "|"]
    return {line[0]: line[1:] for line in lines}


# -- the page ----------------------------------------------------------------------


def test_the_extension_is_wired_in() -> None:
    sphinx = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"]
    assert sphinx["local_extensions"]["speed_tables"] == "book/_ext/"
    assert "speed_tables" in sphinx["config"]["extensions"]
    assert "book/speed\n" in (ROOT / "_toc.yml").read_text(encoding="utf-8")


def test_the_page_has_each_part_once_but_for_the_short_form_in_the_learners_table() -> None:
    other = (ROOT / "book" / "api" / "learner-table.md").read_text(encoding="utf-8")
    asked = ASKED.findall(PAGE.read_text(encoding="utf-8")) + ASKED.findall(other)
    assert sorted(asked) == sorted(speed_tables.PARTS)


def test_the_page_types_no_table_and_no_measured_number() -> None:
    text = PAGE.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert not re.search(r"^\|", prose, re.MULTILINE)
    # Left are what 2, 0.5 and 1 mean as a ratio, n^2, its slope 2, 2n, and the exponent 0.
    assert set(re.findall(r"\d+(?:\.\d+)?", prose)) <= {"0", "0.5", "1", "2"}
    assert not re.search(r"\b(faster|slower) (than|in|at)\b", prose)


def test_the_built_page_has_the_stored_numbers() -> None:
    assert BUILT in pages(ROOT / "_build" / "html"), "run make book"
    built = BeautifulSoup(BUILT.read_text(encoding="utf-8"), "html.parser")
    words = " ".join(built.get_text(" ").split())
    cases = store.read("bptt")["cases"]
    for peer in ("PyTorch", "JAX"):
        pairs = ratios(cases, peer, "rnncore")
        mean = speed_format.number(geometric_mean(ratio for ratio, _ in pairs))
        assert f"{peer} takes {mean} times as long as rnncore" in words
        worst = label(pairs[0][1])
        assert worst in words
    learners = {case["learner"] for case in store.read("scaling")["cases"]}
    tables = [table for table in built.select("table") if table.select_one("th").text == "learner"]
    tables = [table for table in tables if "found" in table.get_text()]
    assert len(tables) == 5
    for table in tables:
        assert len(table.select("tbody tr")) == len(learners)
    assert "smoke run" not in words


# -- numbers are those of the file ---------------------------------------------------


def test_the_examples_in_the_docstrings_hold() -> None:
    outcome = doctest.testmod(speed_format)
    assert outcome.attempted >= 3 and not outcome.failed


@pytest.mark.parametrize("part", speed_tables.PARTS)
def test_every_part_can_be_made(part: str) -> None:
    assert show(part).strip()


def test_cells_of_a_table_are_means_with_their_range() -> None:
    found = rows(show("bptt-pytorch"))
    assert found["T, B, D, n"] == ["vanilla", "LSTM"]
    assert found["50, 1, 8, 32"] == ["4.0 (2.0–8.0)", "0.50"]
    assert found["**all**"] == found["50, 1, 8, 32"]
    assert rows(show("bptt-kinds"))["LSTM float32"] == ["0.50", "0.25"]


def test_each_ratio_is_the_right_way_up() -> None:
    assert rows(show("floor"))["float64"] == ["1.3"]
    assert rows(show("rtrl-floor"))["32"] == ["1.2"]
    assert rows(show("rtrl-jax"))["32"] == ["3.0"]  # the better of the two, over RTRL
    assert rows(show("hybrid"))["64"] == ["40"]
    assert rows(show("hybrid-bptt"))["64"] == ["5.0"]
    assert rows(show("online"))["SnAp-1"] == ["3.0"] and rows(show("online"))["e-prop"] == ["0.70"]
    assert "100 ms, of which NumPy's own import is 70 ms: 30 ms more" in show("imports")
    assert show("reservoir").count("**reservoirpy** takes 1.5 times as long") == 2


def test_words_follow_the_numbers_in_both_directions() -> None:
    words = show("bptt-words")
    assert "**PyTorch** takes 2.0 times as long as rnncore" in words
    assert "rnncore is faster in 2 of them, PyTorch in 1; PyTorch leads most in LSTM" in words
    assert "JAX is faster in each of them" in words
    changed = results()
    for case in changed["bptt"]["cases"]:
        case["seconds"] |= {"PyTorch": [3.0], "JAX": [2.0]}
    assert show("bptt-words", changed).count("rnncore is faster in each of them") == 2
    assert "PyTorch takes 3.0 times as long" in show("short", changed)
    assert "faster in 3 of 3 cases" in show("short", changed)


def test_a_peer_that_was_absent_is_said_to_be() -> None:
    changed = results()
    for case in changed["bptt"]["cases"]:
        del case["seconds"]["JAX"]
    with pytest.raises(ValueError, match=r"bptt\.json: expected times of 'JAX', got"):
        show("bptt-words", changed)
    changed["bptt"]["skipped"]["JAX"] = "jax is not installed"
    assert "JAX took no part: jax is not installed" in show("machine", changed)
    assert "**JAX** took no part" in show("bptt-words", changed)
    assert "JAX" not in show("short", changed)


def test_what_is_written_by_hand_stands_beside_ours_and_the_peers() -> None:
    made = show("bptt-by-hand")
    assert rows(made)["**all**"] == ["1.2", "1.2"]
    for peer, mean in (("PyTorch", "2.5"), ("JAX", "0.39")):
        assert f"**{peer}** takes {mean} times as long as NumPy by hand in" in made
    alone = results()
    for case in alone["bptt"]["cases"]:
        del case["seconds"]["JAX"]
    alone["bptt"]["skipped"]["JAX"] = "jax is not installed"
    assert "**JAX** took no part" in show("bptt-by-hand", alone)


def test_the_compiled_path_is_shown_if_it_took_part() -> None:
    assert show("bptt-compiled").endswith("it is not installed.")
    present = results()
    for case in present["bptt"]["cases"]:
        case["seconds"]["rnncore[fast]"] = [0.25]
    made = show("bptt-compiled", present)
    assert rows(made)["**all**"] == ["4.0", "4.0"]
    assert "PyTorch** takes 8.0 times as long as rnncore[fast]" in made


def test_exponents_stand_beside_the_declared_ones() -> None:
    assert rows(show("time-n"))["A, $P k_2 / k_1$"] == ["2.00", "1.85", "−0.15"]
    assert rows(show("memory-T"))["A, $\\sqrt{T} N$"] == ["0.50", "0.50", "0.00"]
    assert rows(show("time-T"))["A"] == ["1.00", "0.95", "−0.05"]
    assert "All 5 measured exponents are within 0.3" in show("agreement")
    assert "(A, seconds in n) is so by 0.15" in show("agreement")


def test_an_exponent_that_is_off_is_not_passed_over() -> None:
    changed = results()
    summary = copy.deepcopy(changed["scaling"]["summary"])
    summary["exponents"]["A, seconds in n"] = [2.5, 2.0]
    del summary["exponents"]["A, bytes in n"]
    summary["defects"] = ["A, seconds in n: 2.50, declared 2.00", "A, bytes in n: not above"]
    changed["scaling"]["summary"] = summary
    assert rows(show("time-n", changed))["A, $P k_2 / k_1$"][2] == "**+0.50**"
    assert "too small" in show("memory-n", changed)
    said = show("agreement-in-full", changed)
    assert "3 of 5 measured exponents are within 0.3" in said
    assert "All" not in said and said.count("\n- ") == 2


def test_the_machine_is_told_once_or_by_question() -> None:
    assert show("machine").count("A processor, 2 cores") == 1 and "2026-11-23" in show("machine")
    changed = results()
    changed["online"]["machine"] = MACHINE | {"processor": "Another"}
    assert re.search(r"- online: Another, 2 cores", show("machine", changed))


def test_a_smoke_run_is_announced() -> None:
    changed = results()
    changed["rtrl"]["quick"] = True
    assert "smoke run" in show("machine", changed) and "smoke run" not in show("machine")


# -- broken results are refused --------------------------------------------------------


def stored(folder: Path, **changes: Any) -> Path:
    result = results()["bptt"] | changes
    (folder / "bptt.json").write_text(json.dumps(result), encoding="utf-8")
    return folder


def test_a_good_file_is_read(tmp_path: Path) -> None:
    assert speed_format.read("bptt", stored(tmp_path))["cases"] == results()["bptt"]["cases"]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"bptt\.json is missing: .*make bench"):
        speed_format.read("bptt", tmp_path)


@pytest.mark.parametrize(
    "changes, message", [({"question": "rtrl"}, "answer to 'rtrl'"), ({"cases": []}, "no case")]
)
def test_a_file_with_the_wrong_contents_is_refused(tmp_path: Path, changes, message: str) -> None:
    with pytest.raises(ValueError, match=rf"bptt\.json: .*{message}"):
        speed_format.read("bptt", stored(tmp_path, **changes))


def test_a_file_that_lacks_an_entry_is_refused(tmp_path: Path) -> None:
    result = results()["bptt"]
    del result["machine"]
    (tmp_path / "bptt.json").write_text(json.dumps(result), encoding="utf-8")
    with pytest.raises(ValueError, match=r"bptt\.json: .*machine"):
        speed_format.read("bptt", tmp_path)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = stored(tmp_path) / "bptt.json"
    path.write_text(path.read_text(encoding="utf-8")[:100], encoding="utf-8")
    with pytest.raises(ValueError, match=r"bptt\.json: not JSON"):
        speed_format.read("bptt", tmp_path)


def test_a_case_without_its_labels_is_refused() -> None:
    changed = results()
    for case in changed["floor"]["cases"]:
        del case["dtype"]
    with pytest.raises(ValueError, match="part 'floor': a stored result lacks .*dtype"):
        show("floor", changed)


@pytest.mark.parametrize(
    "part, question, name",
    [
        ("bptt-words", "bptt", "rnncore"),
        ("floor", "floor", "floor"),
        ("rtrl-floor", "rtrl", "RTRL"),
        ("hybrid", "rtrl", "hybrid, h = 2n"),
        ("online", "online", "SnAp-1"),
        ("reservoir", "reservoir", "reservoirpy"),
        ("imports", "imports", "numpy"),
    ],
)
def test_a_contender_that_was_renamed_is_refused(part: str, question: str, name: str) -> None:
    changed = results()
    for case in changed[question]["cases"]:
        case["seconds"].pop(name, None)
    with pytest.raises(ValueError, match=name):
        show(part, changed)


def test_a_figure_that_was_not_drawn_is_refused() -> None:
    changed = results()
    changed["scaling"]["figures"] = [""]
    with pytest.raises(ValueError, match=r"scaling-steps\.svg"):
        show("scaling-plot-T", changed)


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(ValueError, match="part: expected one of"):
        show("prices")
