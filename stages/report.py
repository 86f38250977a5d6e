"""Write the technical report as PDF and as one HTML page, from the artifacts of this run."""

from stages import run
from vidseq import paths
from vidseq.files import atomic_write
from vidseq.params import Params
from vidseq.report.build import build
from vidseq.report.inputs import read_inputs


def main(params: Params) -> None:
    """Write report/report.pdf, report/report.html, report/facts.json and report/figures/."""
    with atomic_write(paths.REPORT) as folder:
        folder.mkdir()
        build(read_inputs(params), folder)
    print(f"{paths.REPORT / 'report.pdf'} and {paths.REPORT / 'report.html'}")


if __name__ == "__main__":
    run(main)
