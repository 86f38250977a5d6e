"""Names that HTML, Typst, Jinja, Markdown, a shell or a spreadsheet would take for more than names."""

from contextlib import chdir
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import report_artifacts

from vidseq.data.predictions import read_predictions, write_predictions
from vidseq.report.build import build
from vidseq.report.inputs import read_inputs

NAMES = [
    "a<b>&\"c'$(touch x)`touch x`",
    '=HYPERLINK("x","y"),+1;@SUM(1)',
    '#panic("x") $x$ \\ [*b*](y) _i_ @ref {{ 7 * 7 }} {% x %}',
]


class Page(HTMLParser):
    """The text of a page, and the tags in it."""

    def __init__(self, page: str):
        super().__init__()
        self.text, self.tags = "", set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data):
        self.text += data


def test_names_are_text_in_the_report(tmp_path, params):
    with chdir(tmp_path):
        report_artifacts.make(params, NAMES, groups=3)
        (tmp_path / "report").mkdir()
        build(read_inputs(params), tmp_path / "report")
    assert (tmp_path / "report" / "report.pdf").read_bytes().startswith(b"%PDF")
    page = Page((tmp_path / "report" / "report.html").read_text(encoding="utf-8"))
    for name in NAMES:
        assert name in page.text
    assert "b" not in page.tags  # as in the name
    assert not list(tmp_path.rglob("x"))


def test_names_are_read_from_the_tables_as_they_were_written(tmp_path):
    clips = pd.DataFrame({"clip": [f"{name}/v, 1" for name in NAMES], "label": NAMES})
    p_NC = np.eye(3) * 0.7 + 0.1
    write_predictions(clips, p_NC, NAMES, tmp_path / "a.csv")
    table, read_NC = read_predictions(tmp_path / "a.csv", NAMES)
    assert table["clip"].tolist() == clips["clip"].tolist()
    assert table.label.tolist() == table.predicted.tolist() == NAMES
    np.testing.assert_allclose(read_NC, p_NC)
