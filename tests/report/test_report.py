"""The report builds for whatever it is given, says what the files say, and says it the same in PDF and HTML."""

import json
import re
from collections.abc import Iterator
from contextlib import chdir, nullcontext
from html.parser import HTMLParser
from itertools import combinations

import pandas as pd
import pytest
import report_artifacts
from conftest import ROOT

from vidseq.params import load_params
from vidseq.report.build import build
from vidseq.report.facts import early, errors, verdict
from vidseq.report.inputs import read_inputs
from vidseq.report.writer import HERE, Writer, number, percent, short

GREEK = ["Περπάτημα", "Άλμα εις ύψος", "Κολύμβηση"]
LONG = [f"Class {n:02} {'of a name that is forty signs long, yes'[:31]}"[:40] for n in range(39)]
MANY = [*GREEK, *LONG]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Build the report once for each case, in a folder of its own."""

    done: dict = {}

    def make(name: str, classes: list[str], language: str = "en", head: str = "", **options):
        if name not in done:
            folder = tmp_path_factory.mktemp(name)
            params = load_params(ROOT / "params.yaml")
            params = params.model_copy(update={"report": params.report.model_copy(update={"language": language})})
            with chdir(folder), report_artifacts.added_head(head, params) if head else nullcontext(params) as of_case:
                report_artifacts.make(of_case, classes, **options)
                for out in ("report", "again"):
                    (folder / out).mkdir()
                    build(read_inputs(of_case), folder / out)
                    if name != "two":  # twice is enough once
                        break
            done[name] = folder
        return done[name]

    return make


CASES = {
    "two": {"classes": ["Run", "Walk & <run> #1 $x$ *"], "skill": 1.0},
    "many": {"classes": MANY, "skill": 1.5, "groups": 3},
    "greek": {"classes": GREEK, "language": "el", "skill": 9.0, "groups": 1},
    "head": {"classes": GREEK, "skill": 1.0, "head": "added_head"},
}


class Text(HTMLParser):
    """What a reader of the page sees, and what images say in words."""

    def __init__(self, page: str):
        super().__init__()
        self.parts, self.alts, self.styles, self.remote = [], [], 0, []
        self.inside = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.inside = tag
        if tag == "img":
            self.alts.append(attrs.get("alt") or "")
            self.parts.append(attrs.get("alt") or "")
        self.remote += [value for key, value in attrs.items() if key in ("src", "href") and "//" in value[:9]]

    def handle_data(self, data):
        if self.inside != "style":
            self.parts.append(data)


def leaves(value) -> list:
    """All values inside of a JSON value."""
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, list) else [value]


@pytest.mark.parametrize("case", CASES)
def test_it_builds_with_words_for_every_image_and_nothing_from_outside(made, case):
    folder = made(case, **CASES[case]) / "report"
    assert (folder / "report.pdf").read_bytes()[:5] == b"%PDF-"
    page = Text((folder / "report.html").read_text())
    assert page.remote == []
    assert len(page.alts) >= 20
    assert all(len(alt) > 20 for alt in page.alts)
    for label in CASES[case]["classes"]:
        assert label in " ".join(page.parts)


@pytest.mark.parametrize("case", CASES)
def test_every_number_of_the_page_is_in_the_json(made, case):
    folder = made(case, **CASES[case]) / "report"
    content = json.loads((folder / "report.json").read_text())
    numbers = re.compile(r"\d[\d.,:e+]*\d|\d")
    known = {number for leaf in leaves(content) if isinstance(leaf, str) for number in numbers.findall(leaf)}
    known |= {str(count) for count in range(1, 60)}  # figures, tables and sections are counted by the page
    page = " ".join(Text((folder / "report.html").read_text()).parts)
    assert set(numbers.findall(page)) <= known


@pytest.mark.parametrize("case", CASES)
def test_every_decimal_is_a_number_of_the_artifacts(made, case):
    """No result stands in a sentence that cannot be found, rounded, in the metrics, the facts or the params."""
    folder = made(case, **CASES[case])
    content = json.loads((folder / "report" / "report.json").read_text())
    values = [v for v in leaves(content["numbers"]) if isinstance(v, (int, float)) and not isinstance(v, bool)]
    rounded = {f"{v * scale:.{digits}f}".replace("-", "−") for v in values for scale in (1, 100) for digits in (1, 3)}
    rounded |= {short(v) for v in values}  # p-values
    results = ("summary", "results", "comparison", "q1")
    sections = {section["name"]: section for section in content["sections"]}
    said = " ".join(str(leaf) for name in results for leaf in leaves(sections[name]["blocks"]) if isinstance(leaf, str))
    for decimal in re.findall(r"(?<![\w.])−?\d+\.\d+(?![\w.])", said):
        assert decimal in rounded or decimal.removeprefix("−") in rounded, decimal


def test_a_head_that_is_added_goes_through_the_whole_report(made):
    folder = made("head", **CASES["head"]) / "report"
    content = json.loads((folder / "report.json").read_text())
    sections = {section["name"]: section["blocks"] for section in content["sections"]}
    silent = {"task", "data", "features", "reproduce"}
    assert {name for name, blocks in sections.items() if "added_head" not in json.dumps(blocks)} == silent
    for figure in ("architecture", "confusion", "pr", "reliability"):
        assert (folder / "figures" / f"{figure}_added_head.svg").is_file()
    blocks = [block for name in ("summary", "heads", "results", "q1", "q2") for block in sections[name]]
    for table in (block for block in blocks if block["kind"] == "table"):
        cells = {*table["head"], *(row[0] for row in table["rows"])}
        assert "added_head" in cells or "no." in cells, table["caption"]
    pairs = [row[0] for block in sections["comparison"] if block["kind"] == "table" for row in block["rows"]]
    names = ["RNN", "causal RNN", "Transformer", "added_head", "pooling baseline"]
    assert pairs == [f"{a} – {b}" for a, b in combinations(names, 2)]
    said = " ".join(leaf for leaf in leaves(sections) if isinstance(leaf, str))
    assert "bins 7" in said
    assert "summing_up" in said


def test_text_in_figures_is_never_a_formula(made):
    figures = made("two", **CASES["two"]) / "report" / "figures"
    drawn = "".join(path.read_text() for path in figures.glob("*.svg"))  # matplotlib has each text as a comment too
    assert "$x$" in drawn
    assert "mathdefault" not in drawn


def test_the_same_artifacts_give_the_same_bytes(made):
    folder = made("two", **CASES["two"])
    files = sorted(path.relative_to(folder / "report") for path in (folder / "report").rglob("*") if path.is_file())
    assert len(files) > 20
    for name in files:
        assert (folder / "report" / name).read_bytes() == (folder / "again" / name).read_bytes(), name


def test_both_languages_have_the_same_sentences_with_the_same_values():
    texts = [Writer(language, HERE).texts for language in ("en", "el")]

    def shape(value, where=""):
        if isinstance(value, dict):
            return {key for name, part in value.items() for key in shape(part, f"{where}.{name}")}
        if isinstance(value, list):
            return {key for n, part in enumerate(value) for key in shape(part, f"{where}.{n}")}
        return {(where, *sorted(set(re.findall(r"{(\w+)", value))))}

    assert shape(texts[0]) == shape(texts[1])


def test_every_key_is_used_and_every_used_key_is_there():
    """A key is used if it is in the code as a whole, or if its last part is a word of the code that fills it in."""
    report = Writer("en", HERE)
    code = "".join(path.read_text() for path in HERE.glob("*.py"))
    literal = {key for key in re.findall(r'"(\w+\.[\w.]+)"', code) if key.partition(".")[0] in report.texts}
    for key in literal:
        report.text(key)
    package = HERE.parent
    sources = [
        *package.glob("models/*.py"),
        *package.glob("data/*.py"),
        *package.glob("training/*.py"),
        package / "params.py",
    ]
    words = {word for source in (code, *(path.read_text() for path in sources)) for word in re.findall(r"\w+", source)}

    def keys(value: dict, where: str = "") -> Iterator[str]:
        for name, part in value.items():
            yield from keys(part, f"{where}{name}.") if isinstance(part, dict) else [f"{where}{name}"]

    unused = [key for key in keys(report.texts) if key not in literal and key.rpartition(".")[2] not in words]
    assert unused == []


@pytest.mark.parametrize(
    ("interval", "expected"), [([0.1, 0.2], "first"), ([-0.2, -0.1], "second"), ([-0.1, 0.1], "chance"),
                               ([0.0, 0.1], "chance"), (None, "unknown")]
)  # fmt: skip
def test_a_difference_whose_interval_holds_zero_is_called_chance(interval, expected):
    assert verdict({"interval": interval}) == expected


def test_errors_are_counted_by_pair_whichever_way_they_go():
    table = pd.DataFrame([("A", "B"), ("B", "A"), ("C", "A"), ("A", "A")], columns=["label", "predicted"])
    told = errors(table)
    assert (told["wrong"], told["clips"]) == (3, 4)
    assert told["pairs"][0] == {"classes": ["A", "B"], "wrong": 2, "share": pytest.approx(2 / 3)}
    assert errors(table.tail(1))["pairs"] == []


def test_early_is_the_first_part_that_is_nearly_as_good_as_the_whole():
    accuracy = [0.3, 0.5, 0.7, 0.77, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8]
    told = early(pd.DataFrame({"fraction": [tenth / 10 for tenth in range(1, 11)], "accuracy": accuracy}))
    assert told == {"tenth": 0.3, "half": 0.8, "whole": 0.8, "nearly_from": 0.4}


@pytest.mark.parametrize("language", ["en", "el"])
@pytest.mark.parametrize(("n", "shows"), [(0, False), (1, False), (7, True)])
def test_counts_of_none_one_and_many_have_their_own_sentences(language, n, shows):
    said = Writer(language, HERE).say("comparison.errors", n=n, model="RNN", clips=9)
    assert ("7" in said) == shows
    assert "{" not in said


def test_many_names_are_cut_to_a_few():
    report = Writer("en", HERE)
    assert report.names(["A"]) == "A"
    assert report.names(["A", "B", "C"]) == "A, B and C"
    assert report.names(list("ABCDEFGHIJ")) == "A, B, C, D and 6 more"


def test_numbers_are_written_as_they_are_read():
    assert (number(-0.1234), number(None), percent(0.5), short(1234.5)) == ("−0.123", "—", "50.0 %", "1,234")
    assert (short(2.5e18), short(0.00025), short(41.47)) == ("2.5e+18", "0.00025", "41.5")
