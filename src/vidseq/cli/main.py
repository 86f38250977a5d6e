"""The command line: `vidseq --help`. What is slow to import is imported by the command that needs it."""

import typer

from vidseq.cli.check import check
from vidseq.cli.export import export
from vidseq.cli.predict import predict
from vidseq.cli.serve import serve
from vidseq.cli.watch import watch
from vidseq.errors import one_line

# plain help: rich alone would take twice the time of all the rest
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, rich_markup_mode=None)
app.command()(check)
app.command()(export)
app.command()(predict)
app.command()(serve)
app.command()(watch)


@app.callback()
def vidseq() -> None:
    """Video classification with frozen CNN features. The pipeline itself is run by dvc repro."""


def main() -> None:
    """Run a command; an error that the user can fix ends in one line and exit status 1."""
    with one_line():
        app()


if __name__ == "__main__":
    main()
