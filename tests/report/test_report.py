"""The report builds for whatever it is given, says what the files say, and says it the same in PDF and HTML."""

import copy
import json
import re
from contextlib import chdir, nullcontext
from html.parser import HTMLParser

import pandas as pd
import pytest
import report_artifacts
from conftest import ROOT

from vidseq.errors import VidseqError
from vidseq.files import write_json
from vidseq.params import load_params
from vidseq.report.build import HERE, build, set_pages
from vidseq.report.facts import early, errors, verdict
from vidseq.report.inputs import read_inputs

GREEK = ["Περπάτημα", "Άλμα εις ύψος", "Κολύμβηση"]
LONG = [f"Class {n:02} {'of a name that is forty signs long, yes'[:31]}"[:40] for n in range(39)]
MANY = [*GREEK, *LONG]
LANGUAGES = ("en", "el")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Build the report once for each case, in a folder of its own."""

    done: dict = {}

    def make(name: str, classes: list[str], head: str = "", report: dict | None = None, remarks: str = "", **options):
        if name not in done:
            folder = tmp_path_factory.mktemp(name)
            params = load_params(ROOT / "params.yaml")
            params = params.model_copy(update={"report": params.report.model_copy(update=report or {})})
            (folder / "remarks.typ").write_text(remarks)
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
    "greek": {"classes": GREEK, "report": {"language": "el"}, "skill": 9.0, "groups": 1},
    "head": {"classes": GREEK, "skill": 1.0, "head": "added_head"},
}


class Text(HTMLParser):
    """What a reader of the page sees, and what images say in words."""

    def __init__(self, page: str):
        super().__init__()
        self.parts, self.alts, self.remote = [], [], []
        self.inside = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.inside = tag
        words = attrs.get("alt") if tag == "img" else attrs.get("aria-label") if attrs.get("role") == "img" else None
        if tag == "img" or words:
            self.alts.append(words or "")
            self.parts.append(words or "")
        self.remote += [value for key, value in attrs.items() if key in ("src", "href") and "//" in value[:9]]

    def handle_data(self, data):
        if self.inside != "style":
            self.parts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.parts).split()).replace("\u200b", "")


def page_of(folder) -> Text:
    return Text((folder / "report.html").read_text(encoding="utf-8"))


def leaves(value) -> list:
    """All values inside of a JSON value."""
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, list) else [value]


@pytest.mark.parametrize("case", CASES)
def test_it_builds_with_words_for_every_image_and_nothing_from_outside(made, case):
    folder = made(case, **CASES[case]) / "report"
    assert (folder / "report.pdf").read_bytes()[:5] == b"%PDF-"
    page = page_of(folder)
    assert page.remote == []
    assert len(page.alts) >= 8
    assert all(len(alt) > 20 for alt in page.alts)
    for label in CASES[case]["classes"]:
        assert label in page.text


@pytest.mark.parametrize("case", CASES)
def test_every_decimal_of_the_page_is_a_fact_of_the_run(made, case):
    """No result stands in a sentence that cannot be found, rounded, among the facts; the templates hold few numbers."""
    folder = made(case, **CASES[case]) / "report"
    facts = json.loads((folder / "facts.json").read_text())
    values = [v for v in leaves(facts) if isinstance(v, (int, float)) and not isinstance(v, bool)]
    rounded = {f"{abs(v) * scale:.{digits}f}" for v in values for scale in (1, 100) for digits in (1, 2, 3)}
    rounded |= {f"{abs(v):.{digits}g}" for v in values for digits in (1, 2, 3)}
    rounded |= {f"{abs(v) + 1e-9:.{digits}f}" for v in values for digits in (1, 2, 3)}  # Typst rounds 0.0625 up
    rounded |= {f"{60 * m['alarm']['hours_of_other_clips']:.1f}" for m in facts["models"]}  # in minutes
    written = " ".join(map(str, leaves(facts))) + (HERE / f"{facts['params']['report']['language']}.typ").read_text()
    # a false alarm of so little video is so many an hour
    rounded |= {f"{1 / m['alarm']['hours_of_other_clips']:.1f}" for m in facts["models"]}
    for decimal in re.findall(r"(?<![\w.,])\d+\.\d+(?![\w.]|e\d)", page_of(folder).text):
        assert decimal in rounded or decimal in written or float(decimal) == 0, decimal


def test_a_head_that_is_added_goes_through_the_whole_report(made):
    text = page_of(made("head", **CASES["head"]) / "report").text
    assert text.count("added_head") > 15
    assert "bins 7" in text
    assert "summing_up" in text


def test_text_in_figures_is_never_a_formula(made):
    figures = made("two", **CASES["two"]) / "report" / "figures"
    drawn = "".join(path.read_text() for path in figures.glob("*.svg"))  # matplotlib has each text as a comment too
    assert "$x$" in drawn
    assert "mathdefault" not in drawn


def test_the_same_artifacts_give_the_same_bytes(made):
    folder = made("two", **CASES["two"])
    files = sorted(path.relative_to(folder / "report") for path in (folder / "report").rglob("*") if path.is_file())
    assert len(files) > 8
    for name in files:
        assert (folder / "report" / name).read_bytes() == (folder / "again" / name).read_bytes(), name


def test_both_languages_name_the_same_facts_and_figures():
    templates = [(HERE / f"{language}.typ").read_text(encoding="utf-8") for language in LANGUAGES]
    for pattern in (r"\bf(?:\.[a-z_]+)+", r"\bm(?:\.[a-z_]+)+", r'picture\("([^"]+)"', r"@[a-z]+"):
        english, greek = (set(re.findall(pattern, template, re.MULTILINE)) for template in templates)
        assert english == greek, pattern


def test_what_stands_for_the_author_and_remarks_is_in_the_report_and_frames_can_be_left_out(made):
    own = {"title": "My title", "author": "A. Student", "course": "Course 101", "date": "May", "frames": False}
    folder = made("own", GREEK, report=own, remarks="// a comment\nWhat I saw: $x^2$, and @gru.") / "report"
    text = page_of(folder).text
    assert all(value in text for value in ("My title", "A. Student", "Course 101", "May", "What I saw"))
    assert not list((folder / "figures").glob("*.jpg"))
    assert list((made("two", **CASES["two"]) / "report" / "figures").glob("*.jpg"))


def test_remarks_that_cannot_be_set_are_one_line_that_says_where(made, tmp_path):
    folder = made("two", **CASES["two"])
    facts = json.loads((folder / "report" / "facts.json").read_text())
    with chdir(folder):
        (folder / "remarks.typ").write_text("#nothing-of-this-name")
        write_json(folder / "report" / "facts.json", facts | {"remarks": "remarks.typ"})
        with pytest.raises(
            VidseqError, match=r"the report cannot be set: .*unknown variable.* remarks\.typ:1"
        ) as caught:
            set_pages(folder / "report", "en")
        write_json(folder / "report" / "facts.json", facts)
    assert "\n" not in str(caught.value)


def changed(facts: dict, changes: dict) -> dict:
    """Return the facts with other values: by their path, * standing for each item of a list."""
    facts = copy.deepcopy(facts)
    for path, value in changes.items():
        places = [facts]
        *way, last = path.split(".")
        for step in way:
            places = [item for place in places for item in place] if step == "*" else [p[step] for p in places]
        for place in places:
            place[last] = value
    return facts


EXTREMES = {
    "nothing is skipped": {"skipped": 0},
    "one is skipped": {"skipped": 1},
    "many are skipped": {"skipped": 7},
    "one group": {"test.groups": 1, "comparisons.*.interval": None, "comparisons.*.verdict": "unknown",
                  "models.*.order": "unknown", "models.*.half_rate": "unknown"},
    "no mistakes": {"models.*.wrong": 0, "models.*.confused": [], "shared.wrong": 0, "shared.alike": 0},
    "one mistake": {"models.*.wrong": 1, "shared.wrong": 1, "shared.alike": 0},
    "worse than pooling": {"comparisons.*.verdict": "second", "models.*.order": "second",
                           "models.*.half_rate": "second"},
    "better than pooling": {"comparisons.*.verdict": "first", "models.*.order": "first", "models.*.half_rate": "first"},
    "the alarm has no clips": {"models.*.alarm.recall": None, "models.*.alarm.precision": None,
                               "models.*.alarm.reached": None, "alarm.clips": 0},
    "nothing was learned": {"models.*.learned": False},
    "nothing exploded": {"exploding.runs.exploding.exploded_at_step": None, "exploding.runs.exploding.stopped": None},
    "no git": {"environment.commit": "", "environment.changed": True},
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", EXTREMES)
def test_whatever_the_numbers_are_there_is_a_sentence_for_them(made, tmp_path, language, case):
    folder = made("two", **CASES["two"])
    facts = json.loads((folder / "report" / "facts.json").read_text())
    out = folder / "extreme"
    out.mkdir(exist_ok=True)
    if not (out / "figures").exists():
        (out / "figures").symlink_to(folder / "report" / "figures")
    with chdir(folder):
        write_json(out / "facts.json", changed(facts, EXTREMES[case]))
        set_pages(out, language)
    text = page_of(out).text
    assert not re.search(r"\bnone\b(?!,| \()|dictionary|\(\.\.|auto\b", text.replace("no remedy none", ""))
    if case.endswith("skipped"):
        said = {"nothing": ("could be read", "διαβάστηκαν"), "one": ("One clip", "Ένα κλιπ"), "many": ("7 ", "7 ")}
        assert said[case.split()[0]][LANGUAGES.index(language)] in text


@pytest.mark.parametrize(
    ("interval", "expected"), [([0.1, 0.2], "first"), ([-0.2, -0.1], "second"), ([-0.1, 0.1], "chance"),
                               ([0.0, 0.1], "chance"), (None, "unknown")]
)  # fmt: skip
def test_a_difference_whose_interval_holds_zero_is_called_chance(interval, expected):
    assert verdict({"interval": interval}) == expected


def test_errors_are_counted_by_what_is_taken_for_what():
    table = pd.DataFrame([("A", "B"), ("A", "B"), ("B", "A"), ("C", "A"), ("A", "A")], columns=["label", "predicted"])
    told = errors(table)
    assert (told["wrong"], told["tested"]) == (4, 5)
    assert told["confused"][0] == {"label": "A", "predicted": "B", "wrong": 2}
    assert errors(table.tail(1))["confused"] == []


def test_early_is_the_first_part_that_is_nearly_as_good_as_the_whole():
    accuracy = [0.3, 0.5, 0.7, 0.77, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8]
    told = early(pd.DataFrame({"fraction": [tenth / 10 for tenth in range(1, 11)], "accuracy": accuracy}))
    assert told == {"tenth": 0.3, "half": 0.8, "whole": 0.8, "nearly_from": 0.4}
