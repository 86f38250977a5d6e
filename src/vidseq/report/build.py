"""From inputs to report.json, report.pdf and report.html: both are set from the same blocks, so they cannot differ."""

import base64
from datetime import UTC, datetime
from pathlib import Path

import matplotlib
import typst
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vidseq.files import read_json, write_json
from vidseq.report import method, questions, results
from vidseq.report.facts import compute
from vidseq.report.inputs import Inputs
from vidseq.report.writer import HERE, Writer

EPOCH = datetime(1980, 1, 1, tzinfo=UTC)  # the PDF's date: the same bytes whenever it is made
MEDIA_TYPES = {".svg": "image/svg+xml", ".jpg": "image/jpeg"}


def build(inputs: Inputs, folder: Path) -> None:
    """Write report.json, report.pdf, report.html and figures/ into an existing empty folder."""
    drawn = folder / "figures"
    drawn.mkdir()
    language = inputs.params.report.language
    report, facts = Writer(language, drawn), compute(inputs)
    results.summary(report, inputs)
    method.write(report, inputs)
    results.results(report, inputs, facts)
    results.comparison(report, inputs, facts)
    questions.online(report, inputs, facts)
    questions.security(report, inputs, facts)
    questions.divergence(report, inputs)
    questions.frames(report, inputs)
    questions.reproduce(report, inputs)
    source = report.words[inputs.params.data.source]
    names = {key: report.say(f"document.{key}") for key in ("contents", "figure", "table", "page")}
    names["title"] = report.say("document.title", models=report.names([report.words[name] for name in inputs.main]))
    names["subtitle"] = report.say(
        "document.subtitle", classes=len(inputs.classes), clips=len(inputs.clips), source=source
    )
    numbers = {
        "evaluation": inputs.evaluation,
        "exploding_gradients": inputs.exploding_gradients,
        "trained": inputs.trained,
        "facts": facts,
    }
    content = {"language": language, **names, "sections": report.sections, "numbers": numbers}
    write_json(folder / "report.json", content)
    write_html(folder)
    write_pdf(folder)


def write_html(folder: Path) -> None:
    """Set report.json as one page that needs no other file and no network."""

    def data_uri(name: str) -> str:
        content = base64.b64encode((folder / "figures" / name).read_bytes()).decode()
        return f"data:{MEDIA_TYPES[Path(name).suffix]};base64,{content}"

    page = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                       lstrip_blocks=True).get_template("report.html.j2")  # fmt: skip
    html = page.render(report=read_json(folder / "report.json"), data_uri=data_uri)
    (folder / "report.html").write_text(html, encoding="utf-8")


def write_pdf(folder: Path) -> None:
    """Set report.json by Typst, whose template reads it itself. Its fonts are those of the wheels alone."""
    template = folder / ".report.typ"  # in the folder that it reads, since Typst sees nothing outside its root
    template.write_bytes((HERE / "report.typ").read_bytes())
    fonts = typst.Fonts(False, True, [Path(matplotlib.get_data_path()) / "fonts/ttf"])
    compiler = typst.Compiler(template, root=folder, font_paths=fonts)
    try:
        compiler.compile(output=folder / "report.pdf", format="pdf", timestamp=EPOCH)
    finally:
        template.unlink()
