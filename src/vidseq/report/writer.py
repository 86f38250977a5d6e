"""Sentences of one language, the form of numbers, and the blocks that both PDF and HTML are set from."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from vidseq.models import MODELS

HERE = Path(__file__).parent
NONE, MINUS = "—", "−"
MOST = 5  # names in a sentence


class Writer:
    """Collects sections of blocks: {"kind": "para" | "list" | "code" | "table" | "figures", ...}."""

    def __init__(self, language: str, folder: Path):
        self.texts: dict = YAML(typ="safe", pure=True).load(HERE / f"{language}.yaml")
        self.words: dict[str, str] = {name: name for name in MODELS} | self.texts["words"]
        self.folder = folder  # of the figures
        self.sections: list[dict] = []

    def say(self, key: str, /, **values: Any) -> str:
        """Return the sentence at "section.name" with its values; one with zero, one and many is chosen by `n`."""
        text = self.text(key)
        if isinstance(text, dict):
            text = text[{0: "zero", 1: "one"}.get(values["n"], "many")]
        return text.format(**values)

    def text(self, key: str) -> Any:
        """Return what the language has at "section.name"."""
        text: Any = self.texts
        for name in key.split("."):
            text = text[name]
        return text

    def section(self, name: str) -> None:
        """Begin a section."""
        self.sections.append({"name": name, "title": self.say(f"titles.{name}"), "blocks": []})

    def add(self, kind: str, **content: Any) -> None:
        """Add a block to the section."""
        self.sections[-1]["blocks"].append({"kind": kind, **content})

    def para(self, *sentences: str) -> None:
        """Add a paragraph of sentences, empty ones left out."""
        text = " ".join(_capital(sentence) for sentence in sentences if sentence)
        if text:
            self.add("para", text=text)

    def table(self, caption: str, head: list[str], rows: list[list[str]], left: int = 1, total: bool = False) -> None:
        """Add a table whose first `left` columns are text and the others numbers; `total` sets the last row apart."""
        self.add("table", caption=_capital(caption), head=head, rows=rows, left=left, total=total)

    def figures(self, *items: tuple[str, str, str], wide: bool = False) -> None:
        """Add figures (file, caption, alt), two side by side where there is room, or `wide` ones below each other."""
        self.add("figures", wide=wide, items=[{"file": f, "caption": c, "alt": a} for f, c, a in items])

    def names(self, items: list[str]) -> str:
        """Join names as a sentence does, the first ones where there are many."""
        if len(items) > MOST:
            items = [*items[: MOST - 1], self.say("document.more", count=len(items) - MOST + 1)]
        *first, last = items
        return f"{', '.join(first)} {self.words['and']} {last}" if first else last

    def by_name(self, values: dict[str, str]) -> str:
        """Write values with what they are of: RNN 0.9, Transformer 0.8."""
        return ", ".join(f"{self.words[name]} {value}" for name, value in values.items())

    def span(self, interval: list[float] | None, form: str = ".3f") -> str:
        """Write an interval."""
        return (
            NONE if interval is None else f"{number(interval[0], form)} {self.words['to']} {number(interval[1], form)}"
        )


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def number(value: float | None, form: str = ".3f") -> str:
    """Write a number, or a dash where there is none."""
    return NONE if value is None else f"{value:{form}}".replace("-", MINUS)


def percent(fraction: float | None) -> str:
    """Write a fraction as a percentage: 92.0 %."""
    return NONE if fraction is None else f"{100 * fraction:.1f} %"


def short(value: float | None) -> str:
    """Write a number of any size: 0.00123, 12.3, 1,234, 4.56e+18."""
    return NONE if value is None else f"{value:{',.0f' if 1000 <= abs(value) < 1e6 else '.3g'}}"
