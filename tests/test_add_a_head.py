"""A head is added by the steps of CONTRIBUTING.md, and the pipeline runs up to the report."""

import json
import re

HEAD = '''"""The convolutional head: one convolution over time and a maximum."""

import torch
from torch import nn

from vidseq.models.layers import Projection, align_left, masked_max
from vidseq.params import ConvParams, ModelParams


class ConvHead(nn.Module):
    """`head(x_BTD, mask_BT) -> logits_BC`, `mask_BT` true where there is data, which is at the last steps."""

    def __init__(self, input_dim: int, classes: int, model: ModelParams, conv: ConvParams):
        super().__init__()
        self.projection = Projection(input_dim, model)
        self.convolution = nn.Conv1d(model.dim, model.dim, conv.width, padding="same")
        self.classifier = nn.Linear(model.dim, classes)

    def forward(self, x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
        """Convolve each sequence's data, zeros around it."""
        data_BT = torch.arange(x_BTD.shape[1]) < mask_BT.sum(1, keepdim=True)
        x_BTD = self.projection(align_left(x_BTD, mask_BT)) * data_BT[:, :, None]
        h_BTD = self.convolution(x_BTD.transpose(1, 2)).transpose(1, 2).relu()
        return self.classifier(masked_max(h_BTD, data_BT))
'''


def test_a_head_that_is_added_by_the_steps_goes_through_to_the_report(project):
    # 1. the module
    (project.folder / "src/vidseq/models/conv.py").write_text(HEAD)
    # 2. its settings
    project.replace("params.yaml", "transformer:\n", "conv:\n  width: 3                # steps\n\ntransformer:\n")
    params = "src/vidseq/params.py"
    section = 'class ConvParams(Section):\n    """The convolutional head."""\n\n    width: Count\n\n\n'
    project.replace(params, "class TransformerParams(Section)", f"{section}class TransformerParams(Section)")
    project.replace(
        params, "    transformer: TransformerParams\n", "    transformer: TransformerParams\n    conv: ConvParams\n"
    )
    # 3. the table of models
    table = "src/vidseq/models/__init__.py"
    line = '    "transformer": (TransformerHead, TransformerParams),\n'
    project.replace(table, line, f'{line}    "conv": (ConvHead, ConvParams),\n')
    line = '    "transformer": ("transformer", {}),\n'
    project.replace(table, line, f'{line}    "conv": ("conv", {{}}),\n')
    project.replace(table, "import RnnHead\n", "import RnnHead\nfrom vidseq.models.conv import ConvHead\n")
    project.replace(table, "import ModelParams,", "import ConvParams, ModelParams,")
    # 4. the pipeline
    text = (project.folder / "dvc.yaml").read_text()
    start, end = text.index("  train_transformer:\n"), text.index("  train_baseline:\n")
    stage = text[start:end]
    text = (
        text[:end] + stage.replace("transformer", "conv").replace("Transformer encoder", "convolutional") + text[end:]
    )
    head, _, rest = text.partition("  evaluate:\n")
    listed = r"^ +- (models/|metrics/train_|plots/curves_|plots/gradients_)transformer(\.\w+)?\n"
    rest = re.sub(listed, lambda line: line[0] + line[0].replace("transformer", "conv"), rest, flags=re.MULTILINE)
    text = f"{head}  evaluate:\n{rest}"
    report = text.index("  report:\n")
    text = text[:report] + text[report:].replace("      - transformer\n", "      - transformer\n      - conv\n")
    artifact = "  conv:\n    path: models/conv\n    type: model\n    desc: a head\n    labels: [video-classification]\n"
    text = text.replace("\nplots:\n", f"{artifact}\nplots:\n")
    (project.folder / "dvc.yaml").write_text(text)

    log = project.run("dvc", "repro")
    assert "train_conv" in project.ran(log)
    test = json.loads((project.folder / "metrics" / "test.json").read_text())
    assert list(test) == ["rnn", "rnn_causal", "transformer", "conv", "baseline"]
    page = (project.folder / "report" / "report.html").read_text()
    assert page.count("conv") > 10  # tables, figures and comparisons have it
    assert (project.folder / "plots" / "confusion" / "conv.png").is_file()
    project.env["PYTHONPATH"] = "src"  # this copy, not the one that is installed
    project.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_dvc_yaml.py")
    shown = project.run("python", "-m", "vidseq.cli.main", "predict", "--model", "models/conv", *clips(project))
    assert len(shown.splitlines()) == 2


def clips(project) -> list[str]:
    return [str(path) for path in sorted((project.folder / "data" / "clips").rglob("*.avi"))[:2]]
