"""From inputs to report.pdf and report.html: facts and figures by Python, all sentences in one template a language."""

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import matplotlib
import typst
from ruamel.yaml import YAML

from vidseq.errors import VidseqError
from vidseq.files import write_json
from vidseq.models import MODELS
from vidseq.report import figures
from vidseq.report.facts import compute
from vidseq.report.inputs import Inputs

HERE = Path(__file__).parent
FORMATS: tuple[Literal["pdf", "html"], ...] = ("pdf", "html")
EPOCH = datetime(1980, 1, 1, tzinfo=UTC)  # the PDF's date: the same bytes whenever it is made


def build(inputs: Inputs, folder: Path) -> None:
    """Write facts.json, report.pdf, report.html and figures/ into an existing empty folder in the working directory."""
    (folder / "figures").mkdir()
    report = inputs.params.report
    words = {name: name for name in MODELS} | load_words(report.language)
    facts = compute(inputs, words) | figures.draw(inputs, words, folder / "figures")
    facts["remarks"] = find_remarks(report.remarks)
    write_json(folder / "facts.json", facts)
    set_pages(folder, report.language)


def find_remarks(file: str) -> str | None:
    """Return the path of the remarks from the working directory, None where there are none but comments.

    Raises VidseqError for a file outside of it, which Typst does not see.
    """
    path = Path(file)
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    if not any(line.strip() and not line.lstrip().startswith("//") for line in lines):
        return None
    if not path.resolve().is_relative_to(Path.cwd().resolve()):
        raise VidseqError(f"report.remarks = '{file}': should be a file in the project")
    return path.resolve().relative_to(Path.cwd().resolve()).as_posix()


def load_words(language: str) -> dict[str, str]:
    """Return the words of the figures."""
    return YAML(typ="safe", pure=True).load(HERE / "words.yaml")[language]


def set_pages(folder: Path, language: str) -> None:
    """Set facts.json and the figures by the template of the language; the fonts are those of the wheels alone.

    Typst sees the working directory, so that remarks may show images of their own, and no other file. Names are values
    in facts.json, never markup. Raises VidseqError where Typst refuses, which is where remarks are wrong.
    """
    sources = {"report.typ": f"{language}.typ", "style.typ": "style.typ", "sources.bib": "sources.bib"}
    fonts = typst.Fonts(False, True, [Path(matplotlib.get_data_path()) / "fonts/ttf"])
    with ExitStack() as stack:
        for name, source in sources.items():
            (folder / name).write_bytes((HERE / source).read_bytes())
            stack.callback((folder / name).unlink)
        compiler = typst.Compiler(folder / "report.typ", root=Path.cwd(), font_paths=fonts)
        for form in FORMATS:
            try:
                content, _ = compiler.compile_with_warnings(format=form, timestamp=EPOCH)
            except typst.TypstError as error:
                message, place = (*error.diagnostic.splitlines(), "")[:2]  # the lines after these show the template
                raise VidseqError(f"the report cannot be set: {message} {place.strip(' ┌─')}".strip()) from error
            assert isinstance(content, bytes)  # one file, not one a page
            (folder / f"report.{form}").write_bytes(content)
