"""The training loop of any head: Adam, one-cycle schedule, clipped gradients, early stopping, the best weights."""

import copy
import logging
import warnings
from collections.abc import Callable
from math import inf, isnan, nan

import pandas as pd
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from rich.console import Console
from torch import nn
from torch.nn.functional import cross_entropy

from vidseq.errors import VidseqError
from vidseq.models.layers import one_thread
from vidseq.params import TrainParams
from vidseq.training.batches import Batch, Batches

logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # its greeting says nothing about the run


class Classifier(pl.LightningModule):
    """A head with its loss, its optimiser and the record of its gradient norms (before clipping)."""

    def __init__(self, head: nn.Module, params: TrainParams, weights_C: torch.Tensor | None, steps_per_epoch: int):
        super().__init__()
        self.head, self.weights_C = head, weights_C
        self.params = params
        self.steps = params.epochs * steps_per_epoch
        self.grad_norms: list[float] = []

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """Return the cross-entropy; a NaN or infinite loss ends the training."""
        x_BTD, mask_BT, y_B = batch
        loss = cross_entropy(self.head(x_BTD, mask_BT), y_B, self.weights_C)
        if not loss.isfinite():
            raise diverged(loss.item(), self.global_step, self.grad_norms, self.params)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(y_B))
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        """Log the plain cross-entropy and the accuracy."""
        x_BTD, mask_BT, y_B = batch
        logits_BC = self.head(x_BTD, mask_BT)
        self.log("val_loss", cross_entropy(logits_BC, y_B), batch_size=len(y_B))
        self.log("val_accuracy", (logits_BC.argmax(1) == y_B).float().mean(), batch_size=len(y_B))

    def on_before_optimizer_step(self, _: torch.optim.Optimizer) -> None:
        """Record the norm of all gradients, before they are clipped."""
        grads = [parameter.grad for parameter in self.parameters() if parameter.grad is not None]
        self.grad_norms.append(nn.utils.get_total_norm(grads).item())

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam with a one-cycle schedule over `epochs` (Smith & Topin, 2018), even if training stops early."""
        optimizer = torch.optim.Adam(self.parameters(), self.params.lr)
        warm_up = 0.4 if self.steps == 5 else 0.2  # of 5 steps, 0.2 is one step, and torch would divide by 0
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.params.lr, self.steps, pct_start=warm_up)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def diverged(loss: float, step: int, grad_norms: list[float], params: TrainParams) -> VidseqError:
    """Return the error that a NaN or infinite loss ends with."""
    norm = f"{grad_norms[-1]:.3g}" if grad_norms else "unknown"
    return VidseqError(
        f"training diverged: the loss is {loss} at step {step}, the last gradient norm was {norm}; lower train.lr "
        f"(now {params.lr:g}), clip the gradients to a smaller train.gradient_clip_norm "
        f"(now {params.gradient_clip_norm or 'off'}), or look for NaN or infinite features"
    )


class History(pl.Callback):
    """Keeps one row of curves per epoch and the weights of the best one, and reports both as training goes."""

    def __init__(self, name: str, on_epoch: Callable[[pd.DataFrame], None]):
        self.name, self.on_epoch = name, on_epoch
        self.rows: list[dict] = []
        self.best_val_loss = inf
        self.weights: dict[str, torch.Tensor] | None = None
        self.console = Console(stderr=True)

    @property
    def curves(self) -> pd.DataFrame:
        """One row per epoch."""
        return pd.DataFrame(self.rows)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Add the row; keep the weights if no epoch had a lower validation loss."""
        assert isinstance(module, Classifier)
        metrics = {"val_loss": nan, "val_accuracy": nan}  # where there are no validation clips
        metrics |= {name: value.item() for name, value in trainer.callback_metrics.items()}
        norms = module.grad_norms[-int(trainer.num_training_batches) :]
        row = {
            "epoch": trainer.current_epoch + 1,
            "train_loss": metrics["train_loss"],
            "val_loss": metrics["val_loss"],
            "val_accuracy": metrics["val_accuracy"],
            "grad_norm_mean": sum(norms) / len(norms),
            "grad_norm_max": max(norms),
        }
        self.rows.append(row)
        if row["val_loss"] < self.best_val_loss:
            self.best_val_loss = row["val_loss"]
            self.weights = copy.deepcopy(module.head.state_dict())
        self.on_epoch(self.curves)
        has_val, last = not isnan(row["val_loss"]), row["epoch"] == trainer.max_epochs
        if self.console.is_terminal or last or (has_val and row["epoch"] % 5 == 0):
            self._show(row)

    def _show(self, row: dict) -> None:
        line = f"{self.name}: epoch {row['epoch']:>3}  train loss {row['train_loss']:.3f}"
        if not isnan(row["val_loss"]):
            line += f"  val loss {row['val_loss']:.3f}  val accuracy {row['val_accuracy']:.3f}"
        self.console.print(line, soft_wrap=True)  # a log has a line for each, whatever their length


def class_weights(params: TrainParams, y: list[int], classes: int) -> torch.Tensor | None:
    """Return the weight of each class, (C,): with `balanced`, that by which all count the same."""
    if params.class_weights == "none":
        return None
    counts_C = torch.bincount(torch.tensor(y), minlength=classes).clamp(min=1)
    return len(y) / (classes * counts_C)


@one_thread()
def train_head(
    name: str,
    head: nn.Module,
    train: Batches,
    val: Batches | None,
    params: TrainParams,
    weights_C: torch.Tensor | None = None,
    on_epoch: Callable[[pd.DataFrame], None] = lambda curves: None,
) -> tuple[pd.DataFrame, list[float]]:
    """Train `head` in place; it ends with the weights of its best epoch on validation.

    Without `val` there is no early stopping, and it ends with the weights of the last epoch. `weights_C` weighs each
    class in the training loss. After each epoch, `on_epoch` gets the curves so far. Returns the curves, one row per
    epoch, and the gradient norm of every step. The caller seeds torch.
    """
    classifier, history = Classifier(head, params, weights_C, len(train)), History(name, on_epoch)
    stop = [] if val is None else [EarlyStopping("val_loss", patience=params.patience, check_finite=False)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*does not have many workers.*")  # the data is in memory
        warnings.filterwarnings("ignore", ".*number of training batches.*")
        warnings.filterwarnings("ignore", ".*have no `val_dataloader`.*")  # a refit has no validation clips
        warnings.filterwarnings("ignore", ".*treespec.*is deprecated.*")  # Lightning's own use of torch
        trainer = pl.Trainer(
            max_epochs=params.epochs,
            accelerator="cpu",  # heads are small, and Apple's GPU cannot run packed recurrent layers
            devices=1,
            deterministic=True,
            gradient_clip_val=params.gradient_clip_norm,
            callbacks=[history, *stop],
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(classifier, train, val)
    if history.weights is not None:
        head.load_state_dict(history.weights)
    return history.curves, classifier.grad_norms
