"""Write a card for each model that was evaluated."""

from stages import run
from vidseq import paths
from vidseq.files import atomic_write, read_json
from vidseq.params import Params
from vidseq.report.model_card import model_card


def main(params: Params) -> None:
    """Write model_cards/<name>.md."""
    with atomic_write(paths.MODEL_CARDS) as folder:
        folder.mkdir()
        for name in read_json(paths.METRICS / "evaluation.json")["models"]:
            model_card(name, params.data).save(folder / f"{name}.md")


if __name__ == "__main__":
    run(main)
