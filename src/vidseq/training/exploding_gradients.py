"""An RNN whose gradients explode on purpose, how that is seen, and four remedies, each tried alone.

The plain recurrence h = relu(W h + V x) multiplies the gradient by W at every step back in time, so it grows as the
power of W's largest singular values (Pascanu et al., 2013). Plain gradient descent takes steps as long as the gradient;
Adam divides by the gradient's own size and would hide what is to be seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import inf, isfinite

import pandas as pd
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from vidseq.models.layers import align_left
from vidseq.params import TrainParams
from vidseq.training.batches import Batch, Batches
from vidseq.training.loop import diverged

DIM, STEPS = 64, 40
GAIN, LR, LOWER_LR, CLIP_NORM = 1.6, 0.1, 1e-3, 1.0
LAST = 5  # steps whose mean is the loss at the end
EXPLODED = 1e3  # a gradient norm above this counts as exploded; healthy runs of the heads stay near 1 to 10


@dataclass(frozen=True)
class Setting:
    """What a run can change."""

    lr: float = LR
    clip_norm: float | None = None
    orthogonal: bool = False
    gated: bool = False


RUNS = {  # one change each from the first
    "exploding": Setting(),
    "clipping": Setting(clip_norm=CLIP_NORM),
    "lower_lr": Setting(lr=LOWER_LR),
    "orthogonal": Setting(orthogonal=True),
    "gating": Setting(gated=True),
}


@dataclass
class Run:
    """The gradient norm and the loss of each step, and the line that the training ended with, if it did."""

    grad_norms: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    stopped: str | None = None


class PlainRnn(nn.Module):
    """One recurrent layer and its last state: `head(x_BTD, mask_BT) -> logits_BC`, as every head."""

    def __init__(self, input_dim: int, classes: int, setting: Setting):
        super().__init__()
        self.rnn: nn.RNNBase = (
            nn.GRU(input_dim, DIM, batch_first=True)
            if setting.gated
            else nn.RNN(input_dim, DIM, nonlinearity="relu", batch_first=True)
        )
        self.classifier = nn.Linear(DIM, classes)
        for recurrent in self.rnn.get_parameter("weight_hh_l0").data.split(DIM):  # a GRU has three
            if setting.orthogonal:
                nn.init.orthogonal_(recurrent)
            else:
                nn.init.normal_(recurrent, std=GAIN / DIM**0.5)

    def forward(self, x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
        """Run over the data and classify the state after each sequence's last step."""
        h_BTD, _ = self.rnn(align_left(x_BTD, mask_BT))
        return self.classifier(h_BTD[torch.arange(len(h_BTD)), mask_BT.sum(1) - 1])


def train(setting: Setting, batches: Batches, input_dim: int, classes: int, params: TrainParams) -> Run:
    """Train for STEPS steps of plain gradient descent at a constant rate, or until the loss is NaN or infinite."""
    torch.manual_seed(params.seed)
    head = PlainRnn(input_dim, classes, setting)
    optimizer = torch.optim.SGD(head.parameters(), setting.lr)
    shown = params.model_copy(update={"lr": setting.lr, "gradient_clip_norm": setting.clip_norm})
    run = Run()
    for (x_BTD, mask_BT, y_B), _ in zip(_endless(batches), range(STEPS), strict=False):
        loss = cross_entropy(head(x_BTD, mask_BT), y_B)
        if not loss.isfinite():
            return replace(run, stopped=str(diverged(loss.item(), len(run.losses), run.grad_norms, shown)))
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(head.parameters(), setting.clip_norm or inf)  # the norm before clipping
        optimizer.step()
        run.losses.append(loss.item())
        run.grad_norms.append(norm.item())
    return run


def _endless(batches: Batches) -> Iterator[Batch]:
    while True:
        yield from batches


def verdict(run: Run) -> dict:
    """Return steps, losses, the largest finite norm, the step at which it exploded, if any, and how it ended."""
    exploded = next((step for step, norm in enumerate(run.grad_norms, 1) if not norm <= EXPLODED), None)
    last = run.losses[-LAST:]
    first_loss, last_loss = (run.losses[0], sum(last) / len(last)) if last else (None, None)  # NaN from the start: None
    return {
        "steps": len(run.losses),
        "first_loss": first_loss,
        "last_loss": last_loss,
        "grad_norm_max": max(filter(isfinite, run.grad_norms), default=None),
        "exploded_at_step": exploded,
        "stopped": run.stopped,
        "loss_fell": run.stopped is None and bool(last) and sum(last) / len(last) < run.losses[0],
    }


def table(runs: dict[str, Run]) -> pd.DataFrame:
    """Return rows run, step, grad_norm, loss; a NaN or infinite norm is left out."""
    rows = [
        {"run": name, "step": step, "grad_norm": norm if isfinite(norm) else None, "loss": loss}
        for name, run in runs.items()
        for step, (norm, loss) in enumerate(zip(run.grad_norms, run.losses, strict=True), 1)
    ]
    return pd.DataFrame(rows)
