"""What is exported: a trained model's preprocessing, head and probabilities as one module that ONNX can express.

The time of PyTorch's own RNN is fixed by its exporter, so an RNN is exported as the node GRU or LSTM, which ONNX has.
"""

from typing import Any

import torch
from torch import nn
from torch.onnx.ops import symbolic_multi_out

from vidseq.models.ensemble import Ensemble
from vidseq.models.layers import align_left, masked_max, power_normalise
from vidseq.models.preprocessing import Preprocessing
from vidseq.models.rnn import RnnHead
from vidseq.models.trained_model import TrainedModel

GATES = {"GRU": [1, 0, 2], "LSTM": [0, 3, 1, 2]}  # ONNX's order of PyTorch's gates
STATES = {"GRU": ["hidden"], "LSTM": ["hidden", "cell"]}


class Images(nn.Module):
    """The features (T, D) of steps: those of their images, uint8 (T, 3, S, S), side by side, rounded to float16."""

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder

    def forward(self, rgb: torch.Tensor, diff: torch.Tensor | None = None) -> torch.Tensor:
        """Run the CNN on the frames and, where the model has them, on the difference images, of another size."""
        features = [self.encoder(images_N3SS) for images_N3SS in (rgb, diff) if images_N3SS is not None]
        return torch.cat(features, 1).half().float()


class OnnxRnn(nn.Module):
    """The layers of an nn.GRU or nn.LSTM as nodes of ONNX, with their weights in its order."""

    def __init__(self, rnn: nn.GRU | nn.LSTM):
        super().__init__()
        self.op, self.layers, self.dim = rnn.mode, rnn.num_layers, rnn.hidden_size
        self.suffixes = ["", "_reverse"] if rnn.bidirectional else [""]
        for layer in range(rnn.num_layers):
            for name, weights in (("W", ["weight_ih"]), ("R", ["weight_hh"]), ("B", ["bias_ih", "bias_hh"])):
                by_direction = [
                    torch.cat([self._reorder(getattr(rnn, f"{weight}_l{layer}{suffix}")) for weight in weights])
                    for suffix in self.suffixes
                ]
                self.register_buffer(f"{name}{layer}", torch.stack(by_direction))

    def _reorder(self, weight: torch.Tensor) -> torch.Tensor:
        gates = weight.detach().chunk(len(GATES[self.op]))
        return torch.cat([gates[index] for index in GATES[self.op]])

    def forward(
        self, x_TBD: torch.Tensor, lengths_B: torch.Tensor | None, states: list[torch.Tensor]
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the outputs (T, B, dim of all directions), of which only the first `lengths_B` hold data, and states.

        A state is (layers, B, dim): a GRU has one, an LSTM two, and none is given at the beginning.
        """
        time, batch, directions = x_TBD.shape[0], x_TBD.shape[1], len(self.suffixes)
        last: list[list[torch.Tensor]] = []
        attributes: dict[str, Any] = {"hidden_size": self.dim}
        attributes["direction"] = "bidirectional" if directions == 2 else "forward"
        if self.op == "GRU":
            attributes["linear_before_reset"] = 1
        shape = (directions, batch, self.dim)
        shapes = [(time, *shape)] + [shape] * (1 if self.op == "GRU" else 2)
        lengths = None if lengths_B is None else lengths_B.to(torch.int32)
        for layer in range(self.layers):
            weights = [self.get_buffer(f"{name}{layer}") for name in "WRB"]
            before = [state_LBD[layer : layer + 1] for state_LBD in states]
            y_TKBD, *after = symbolic_multi_out(
                self.op, [x_TBD, *weights, lengths, *before], attributes, dtypes=[torch.float32] * len(shapes),
                shapes=shapes, version=None,
            )  # fmt: skip
            x_TBD = y_TKBD.transpose(1, 2).reshape(time, batch, -1)
            last.append(after)
        return x_TBD, [torch.cat(of_layers) for of_layers in zip(*last, strict=True)]


class OnnxRnnHead(nn.Module):
    """An RnnHead whose RNN is of ONNX's nodes."""

    def __init__(self, head: RnnHead):
        super().__init__()
        self.projection, self.classifier = head.projection, head.classifier
        self.rnn = OnnxRnn(head.rnn)

    def forward(self, x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
        """Return what `RnnHead.forward` does."""
        lengths_B = mask_BT.sum(1)
        x_BTD = self.projection(align_left(x_BTD, mask_BT))
        h_TBD, _ = self.rnn(x_BTD.transpose(0, 1), lengths_B, [])
        data_BT = torch.arange(x_BTD.shape[1]) < lengths_B[:, None]
        return self.classifier(masked_max(h_TBD.transpose(0, 1), data_BT))

    def step(
        self, states: list[torch.Tensor], max_BD: torch.Tensor, first_B: torch.Tensor, x_BD: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
        """Return the logits (B, C) after one more step of B sequences, the maximum so far and the states."""
        h_1BD, states = self.rnn(self.projection(x_BD)[None], None, states)
        max_BD = torch.where(first_B[:, None], h_1BD[0], torch.maximum(max_BD, h_1BD[0]))
        return self.classifier(max_BD), max_BD, states


class BatchPreprocessing(nn.Module):
    """What `Preprocessing.step` does, for a batch of sequences that begin at step 0."""

    def __init__(self, preprocessing: Preprocessing):
        super().__init__()
        self.preprocessing = preprocessing

    def initial_state(self, batch: int) -> dict[str, torch.Tensor]:
        """Return the state before the first step: zeros."""
        dim = self.preprocessing.mean.shape[1] * len(self.preprocessing.image_types)
        last_BLD = torch.zeros(batch, self.preprocessing.lag, dim)
        return {"last": last_BLD, "sum": torch.zeros(batch, dim), "steps": torch.zeros(batch, dtype=torch.int64)}

    def forward(
        self, x_BTD: torch.Tensor, state: dict[str, torch.Tensor] | None = None
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the inputs (B, T, dim) made of the next steps, and the state after them."""
        fitted, x_BTD = self.preprocessing, power_normalise(x_BTD)
        before_BLD = x_BTD[:, :1].expand(-1, fitted.lag, -1)
        sum_BTD, counts_BT = x_BTD.cumsum(1), torch.arange(1, x_BTD.shape[1] + 1)[None]
        if state is not None:
            before_BLD = torch.where((state["steps"] == 0)[:, None, None], before_BLD, state["last"])
            sum_BTD, counts_BT = state["sum"][:, None] + sum_BTD, state["steps"][:, None] + counts_BT
        known_BTD = torch.cat([before_BLD, x_BTD], 1)
        changes = {
            "": x_BTD,
            "delta": (x_BTD - known_BTD[:, : x_BTD.shape[1]]).abs(),
            "deviation": (x_BTD - sum_BTD / counts_BT[:, :, None]).abs(),
        }
        inputs = []
        for name, mean_D, scale_D, axes_DP in zip(fitted.inputs, fitted.mean, fitted.scale, fitted.axes, strict=True):
            image_type, _, change = name.partition("_")
            part_BTD = changes[change].chunk(len(fitted.image_types), 2)[fitted.image_types.index(image_type)]
            inputs.append((part_BTD - mean_D) * scale_D @ axes_DP)
        after = {"last": known_BTD[:, -fitted.lag :], "sum": sum_BTD[:, -1], "steps": counts_BT[:, -1]}
        return torch.cat(inputs, 2), after


class WholeClips(nn.Module):
    """Class probabilities (B, C) of padded features (B, T, D) and their mask (B, T), as `TrainedModel` has them."""

    def __init__(self, model: TrainedModel):
        super().__init__()
        fitted = model.preprocessing
        self.preprocessing = BatchPreprocessing(fitted) if isinstance(fitted, Preprocessing) else None
        self.head = _exportable(model.head)

    def forward(self, features: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Preprocess the clips, which begin at other steps each, and classify them."""
        if self.preprocessing is not None:
            features = _align_right(self.preprocessing(align_left(features, mask))[0], mask)
        return self.head(features, mask).softmax(-1)


class Step(nn.Module):
    """Class probabilities (B, C) after one more step (B, D) of B sequences, and their states, of a causal RNN.

    A state is a dict of tensors, of which axis 0 is the batch. At the beginning of a sequence all are 0.
    """

    def __init__(self, model: TrainedModel):
        super().__init__()
        fitted: Any = model.preprocessing
        self.preprocessing = BatchPreprocessing(fitted)
        self.head: Any = _exportable(model.head)

    def initial_state(self, batch: int) -> dict[str, torch.Tensor]:
        """Return the state before the first step."""
        members, rnn = len(self.head.members), self.head.members[0].rnn
        state = self.preprocessing.initial_state(batch) | {"max": torch.zeros(batch, members, rnn.dim)}
        return state | {name: torch.zeros(batch, members, rnn.layers, rnn.dim) for name in STATES[rnn.op]}

    def forward(
        self, features: torch.Tensor, state: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the probabilities and the states after the step."""
        inputs_B1D, after = self.preprocessing(features[:, None], state)
        first_B, logits, maxima, states = state["steps"] == 0, [], [], []
        names = STATES[self.head.members[0].rnn.op]
        for index, member in enumerate(self.head.members):
            before = [state[name][:, index].transpose(0, 1) for name in names]
            logits_BC, max_BD, next_states = member.step(before, state["max"][:, index], first_B, inputs_B1D[:, 0])
            logits.append(logits_BC)
            maxima.append(max_BD)
            states.append([state_LBD.transpose(0, 1) for state_LBD in next_states])
        after["max"] = torch.stack(maxima, 1)
        after |= {name: torch.stack(of, 1) for name, of in zip(names, zip(*states, strict=True), strict=True)}
        return self.head._mean(logits).softmax(-1), after


def _exportable(head: nn.Module) -> nn.Module:
    """Return the same head with RNNs of ONNX's nodes."""
    if not (isinstance(head, Ensemble) and isinstance(head.members[0], RnnHead)):
        return head
    ensemble = Ensemble([OnnxRnnHead(member) for member in head.members if isinstance(member, RnnHead)])
    ensemble.temperature = head.temperature
    return ensemble


def _align_right(x_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
    """Undo `align_left`."""
    padding_B1 = (~mask_BT).sum(1, keepdim=True)
    steps_BT = (torch.arange(x_BTD.shape[1]) - padding_B1) % x_BTD.shape[1]
    return x_BTD.gather(1, steps_BT[:, :, None].expand_as(x_BTD))
