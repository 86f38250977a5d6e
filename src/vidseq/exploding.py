"""An RNN whose gradients explode on purpose, how that is seen, and four cures, each tried alone.

The plain recurrence h = relu(W h + V x) multiplies the gradient by W at every step back in time, so it grows as the
power of W's largest singular values (Pascanu et al., 2013). Plain gradient descent takes steps as long as the gradient;
Adam divides by the gradient's own size and would hide what is to be seen.
"""

from math import isfinite

import pandas as pd
import torch
from torch import nn

from vidseq.errors import VidseqError
from vidseq.params import TrainParams
from vidseq.sequences import Batch, Batches, align_left
from vidseq.training import Classifier, fit

GAIN, RATE, LOWER_RATE, CLIP, DIM, STEPS = 1.5, 0.1, 1e-3, 1.0, 64, 40
LAST = 5  # steps whose mean is the loss at the end
EXPLODED = 1e3  # a gradient norm above this counts as exploded; healthy runs of the heads stay near 1 to 10
RUNS = {  # one change each from the first
    "exploding": {},
    "clipping": {"clip": CLIP},
    "lower_rate": {"rate": LOWER_RATE},
    "orthogonal": {"init": "orthogonal"},
    "gating": {"cell": nn.GRU},
}


class PlainRnn(nn.Module):
    """One recurrent layer and its last state: `head(x_BTD, mask_BT) -> logits_BC`, as every head."""

    def __init__(self, feature_dim: int, classes: int, init: str = "gain", cell: type[nn.Module] = nn.RNN):
        super().__init__()
        options = {"nonlinearity": "relu"} if cell is nn.RNN else {}
        self.rnn = cell(feature_dim, DIM, batch_first=True, **options)
        self.classify = nn.Linear(DIM, classes)
        for recurrent in self.rnn.weight_hh_l0.data.split(DIM):  # a GRU has three
            if init == "orthogonal":
                nn.init.orthogonal_(recurrent)
            else:
                nn.init.normal_(recurrent, std=GAIN / DIM**0.5)

    def forward(self, x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
        """Run over the data and classify the state after each series' last step."""
        h_BTD, _ = self.rnn(align_left(x_BTD, mask_BT))
        return self.classify(h_BTD[torch.arange(len(h_BTD)), mask_BT.sum(1) - 1])


class GradientDescent(Classifier):
    """The pipeline's training with plain gradient descent at a constant rate, and each step's loss on record."""

    def __init__(self, *args: object):
        super().__init__(*args)
        self.losses: list[float] = []

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        """Keep the loss of the step."""
        loss = super().training_step(batch, index)
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """No momentum, no schedule."""
        return torch.optim.SGD(self.parameters(), self.params.lr)


def train(name: str, batches: Batches, feature_dim: int, classes: int, params: TrainParams, seed: int) -> dict:
    """Train one of RUNS for STEPS steps or until it breaks.

    Returns its grad_norms and losses, one a step, and `stopped`, the line that training ended with, or None.
    """
    change = RUNS[name]
    torch.manual_seed(seed)
    head = PlainRnn(feature_dim, classes, change.get("init", "gain"), change.get("cell", nn.RNN))
    epochs = -(-STEPS // len(batches))
    settings = {"lr": change.get("rate", RATE), "clip_norm": change.get("clip"), "epochs": epochs}
    kept: list[GradientDescent] = []

    def keep(*args: object) -> GradientDescent:
        kept.append(GradientDescent(*args))
        return kept[0]

    stopped = None
    try:
        fit(name, head, batches, None, params.model_copy(update=settings), keep)
    except VidseqError as error:
        stopped = str(error)
    return {"grad_norms": kept[0].grad_norms, "losses": kept[0].losses, "stopped": stopped}


def verdict(run: dict) -> dict:
    """Say what became of a run: steps, losses, largest finite norm, when it was seen to explode, and how it ended."""
    norms, losses = run["grad_norms"], run["losses"]
    exploded = next((step for step, norm in enumerate(norms, 1) if not norm <= EXPLODED), None)
    first_loss = losses[0] if losses else None  # where the very first loss is no number, there is none
    last_loss = sum(losses[-LAST:]) / len(losses[-LAST:]) if losses else None
    finite = [norm for norm in norms if isfinite(norm)]
    return {
        "steps": len(losses),
        "first_loss": first_loss,
        "last_loss": last_loss,
        "grad_norm_max": max(finite, default=None),
        "exploded_at_step": exploded,
        "stopped": run["stopped"],
        "loss_fell": run["stopped"] is None and last_loss < first_loss,
    }


def table(runs: dict[str, dict]) -> pd.DataFrame:
    """Return rows run, step, grad_norm, loss; what is no number is left out."""
    rows = [
        {"run": name, "step": step, "grad_norm": norm if isfinite(norm) else None, "loss": loss}
        for name, run in runs.items()
        for step, (norm, loss) in enumerate(zip(run["grad_norms"], run["losses"], strict=False), 1)
    ]
    return pd.DataFrame(rows)
