"""`vidseq export`: a trained model as ONNX."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    model: Annotated[Path, typer.Argument(help="The folder of a trained model.")],
    out: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
) -> None:
    """Write a model as ONNX, with a pipeline.json that says how its parts are joined, and a self-test.

    Needs vidseq[onnx].
    """
    from vidseq.inference.export import export_model

    print(export_model(model, out), end="")
    print(f"{out}: python {out / 'selftest.py'} repeats this test with onnxruntime and numpy alone")
