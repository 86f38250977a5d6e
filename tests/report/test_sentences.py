"""A sentence of comment stands in the report where it is true, and nowhere else."""

import copy
from contextlib import chdir
from html.parser import HTMLParser

import pytest
import report_artifacts
from conftest import ROOT

from vidseq.files import read_json, write_json
from vidseq.params import load_params
from vidseq.report import build as report
from vidseq.report.build import build, load_words, set_pages
from vidseq.report.inputs import read_inputs

LANGUAGES = ("en", "el")


class Text(HTMLParser):
    """The sentences of a page."""

    def __init__(self, page: str):
        super().__init__()
        self.parts: list[str] = []
        self.inside = ""
        self.feed(page)
        self.said = " ".join("".join(self.parts).split())

    def handle_starttag(self, tag, attrs):
        self.inside = tag

    def handle_data(self, data):
        if self.inside != "style":
            self.parts.append(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with the report of a small run."""
    folder = tmp_path_factory.mktemp("run")
    with chdir(folder):
        params = load_params(ROOT / "params.yaml")
        report_artifacts.make(params, ["Run", "Walk"], skill=1.0)
        (folder / "report").mkdir()
        build(read_inputs(params), folder / "report")
    return folder


@pytest.fixture
def say(run, monkeypatch):
    """Return what the report of a language says of the run's facts after a function has changed them."""

    monkeypatch.setattr(report, "FORMATS", ("html",))

    def tell(language: str, change) -> str:
        facts = copy.deepcopy(read_json(run / "report" / "facts.json"))
        facts["words"] = load_words(language)
        for m in facts["models"]:
            m["name"] = facts["words"][m["id"]]
        for test in facts["comparisons"] + facts["causal"]:
            test["names"] = [facts["words"][test[side]] for side in ("first", "second")]
        change(facts)
        out = run / "changed"
        out.mkdir(exist_ok=True)
        if not (out / "figures").exists():
            (out / "figures").symlink_to(run / "report" / "figures")
        write_json(out / "facts.json", facts)
        with chdir(run):
            set_pages(out, language)
        return Text((out / "report.html").read_text(encoding="utf-8")).said

    return tell


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("n", [0, 1, 7])
def test_mistakes(say, language, n):
    def change(facts):
        for m in facts["models"]:
            m |= {"wrong": n, "confused": [{"label": "Run", "predicted": "Walk", "wrong": n}] if n else []}

    said = say(language, change)
    sentences = {"en": {0: "RNN makes no mistake", 1: "RNN makes one mistake", 7: "RNN makes 7 mistakes"},
                 "el": {0: "RNN δεν κάνει κανένα λάθος", 1: "RNN κάνει ένα λάθος", 7: "RNN κάνει 7 λάθη"}}  # fmt: skip
    assert [count for count, sentence in sentences[language].items() if sentence in said] == [n]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["first", "second", "chance", "unknown"])
def test_differences(say, language, kind):
    interval = {"first": [0.1, 0.2], "second": [-0.2, -0.1], "chance": [-0.1, 0.1], "unknown": None}[kind]

    def change(facts):
        for test in facts["comparisons"] + facts["causal"]:
            test |= {"interval": interval, "verdict": kind}
        for m in facts["models"]:
            m |= {"order": kind, "half_rate": kind}

    said = say(language, change)
    sentences = {
        "en": {"first": ["in favour of the RNN", "so it uses the order", "significantly better"],
               "second": ["in favour of the pooling baseline", "order misleads it", "significantly worse"],
               "chance": ["is not significant", "nothing shows that it uses the order", "within chance"],
               "unknown": ["one group alone does not show", "has no interval"]},
        "el": {"first": ["υπερέχει το RNN", "άρα αξιοποιεί τη σειρά", "σημαντικά καλύτερο"],
               "second": ["υπερέχει το μοντέλο αναφοράς", "άρα η σειρά το παραπλανά", "σημαντικά χειρότερο"],
               "chance": ["μη στατιστικά σημαντική", "άρα τίποτα δεν δείχνει ότι αξιοποιεί", "στα όρια της τύχης"],
               "unknown": ["μία μόνο ομάδα δεν δείχνει", "δεν έχει διάστημα"]},
    }[language]  # fmt: skip
    for name, phrases in sentences.items():
        assert [phrase for phrase in phrases if (phrase in said) != (name == kind)] == [], name


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("missing", ["clips", "other_clips", None])
def test_an_alarm_that_has_only_one_side(say, language, missing):
    def change(facts):
        for m in facts["models"]:
            m["alarm"] |= {"reached": True, "false_alarms": 3}
        facts["alarm"] |= {"clips": 4, "other_clips": 5, "hours_of_other_clips": 0.5}
        if missing:
            facts["alarm"] |= {missing: 0} | ({"hours_of_other_clips": 0.0} if missing == "other_clips" else {})
            name = "recall" if missing == "clips" else "false_alarms_per_hour"
            for m in facts["models"]:
                m["alarm"] |= {missing: 0, name: None} | ({"reached": None} if missing == "clips" else {})
                m["alarm"]["intervals"][name] = None

    said = say(language, change)
    sentences = {
        "en": ("recall is unknown", "false alarms is unknown", "target of 90.0 % is met", "these set off"),
        "el": ("ανάκληση είναι άγνωστη", "ψευδών συναγερμών είναι άγνωστος", "πετυχαίνουν: RNN", "σήμαναν"),
    }
    shown = (missing == "clips", missing == "other_clips", missing != "clips", missing != "other_clips")
    assert tuple(sentence in said for sentence in sentences[language]) == shown


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("n", [0, 1, 4])
def test_remedies_and_flat_curves(say, language, n):
    def change(facts):
        for number, run in enumerate(list(facts["exploding"]["runs"].values())[1:]):
            run["loss_fell"] = number < n
        for m in facts["models"]:
            m["learned"] = n > 0

    said = say(language, change)
    counted = {
        "en": ("None of the 4", "One of the 4", "4 of the 4"),
        "el": ("Καμία από τις 4", "Μία από τις 4", "4 από τις 4"),
    }
    assert tuple(sentence in said for sentence in counted[language]) == (n == 0, n == 1, n == 4)
    assert ({"en": "hardly fell", "el": "μόλις που έπεσε"}[language] in said) == (n == 0)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("wrong", "alike"), [(0, 0), (3, 0), (1, 1), (3, 2)])
def test_shared_mistakes_point_to_the_clips_only_where_there_are_some(say, language, wrong, alike):
    said = say(language, lambda facts: facts.update(shared={"wrong": wrong, "alike": alike}))
    assert ({"en": "rather than to the architecture", "el": "όχι στην αρχιτεκτονική"}[language] in said) == (alike > 0)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("n", [1, 3])
def test_layers(say, language, n):
    def change(facts):
        for m in facts["models"]:
            if "layers" in m.get("settings", ()):
                m["settings"]["layers"] = n

    said = say(language, change)
    one, many = {"en": ("1 GRU layer [", "3 GRU layers ["), "el": ("1 επίπεδο GRU", "3 επίπεδα GRU")}[language]
    assert (one in said, many in said) == (n == 1, n == 3)
    one, many = {"en": ("of 1 layer with", "of 3 layers with"), "el": ("με 1 επίπεδο,", "με 3 επίπεδα,")}[language]
    assert (one in said, many in said) == (n == 1, n == 3)
