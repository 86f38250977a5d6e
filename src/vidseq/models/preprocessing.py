"""From a clip's features to the inputs of a head: per frame, and as they change over time.

Scenes tell classes apart on the training clips and mislead on others; what changes in time depends less on them. Of
either image type, rgb or diff (the difference image), there are three inputs: its feature x_t, |x_t - x_{t-lag}|
(`_delta`) and |x_t - mean(x_0, ..., x_t)| (`_deviation`). None depends on what comes later, so a stream has the inputs
of a clip. Each is reduced by principal components that are fitted on training clips alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from vidseq.models.layers import power_normalise

SEGMENTS = 3  # a clip's thirds are what the components are fitted on


@dataclass(frozen=True)
class PreprocessingState:
    """What the inputs of the next steps depend on."""

    last_LD: torch.Tensor  # the last `lag` steps; before the first one they are as it is
    sum_D: torch.Tensor  # over all steps
    steps: int


class Preprocessing(nn.Module):
    """Frozen after `fit`: maps a clip's features (T, D) to the inputs of a head (T, dim).

    `image_types` names the images whose features are side by side in D, `inputs` what is made of them.
    """

    mean: torch.Tensor
    scale: torch.Tensor
    axes: torch.Tensor

    def __init__(self, feature_dim: int, image_types: list[str], inputs: list[str], lag: int, pca_components: int):
        super().__init__()
        self.image_types, self.inputs, self.lag = image_types, inputs, lag
        self.dim = len(inputs) * pca_components
        self.register_buffer("mean", torch.zeros(len(inputs), feature_dim // len(image_types)))
        self.register_buffer("scale", torch.ones(len(inputs), feature_dim // len(image_types)))
        self.register_buffer("axes", torch.zeros(len(inputs), feature_dim // len(image_types), pca_components))

    @torch.no_grad()
    def fit(self, clips: Iterable[torch.Tensor], seed: int) -> "Preprocessing":
        """Fit the components on clips (T_i, D): the means of each clip's thirds, standardised, not whitened."""
        thirds_NSD = torch.cat([_thirds(self._inputs(None, x_TD)[1]) for x_TD in clips])
        for index, rows_ND in enumerate(thirds_NSD.unbind(1)):
            deviation_D = rows_ND.std(0)
            self.mean[index] = rows_ND.mean(0)
            # the floor keeps features that hardly ever move from being blown up to the size of the others
            self.scale[index] = 1 / (deviation_D + 0.1 * deviation_D.mean()).clamp(min=1e-6)
            rows_ND = (rows_ND - self.mean[index]) * self.scale[index]
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                wanted = min(self.axes.shape[2], *rows_ND.shape)
                _, _, axes_DP = torch.svd_lowrank(rows_ND, q=min(wanted + 30, *rows_ND.shape), niter=2)
            # on one scale for all components, so that the weak ones stay weak
            self.axes[index, :, :wanted] = axes_DP[:, :wanted] / (rows_ND @ axes_DP[:, :wanted]).std().clamp(min=1e-6)
        return self

    @torch.no_grad()
    def forward(self, x_TD: torch.Tensor) -> torch.Tensor:
        """Return the inputs made of one clip, side by side."""
        return self.step(None, x_TD)[1]

    @torch.no_grad()
    def step(self, state: PreprocessingState | None, x_TD: torch.Tensor) -> tuple[PreprocessingState, torch.Tensor]:
        """Return the inputs made of the next steps of a clip, (T, dim), and the state after them.

        `state` is None at the beginning. In whatever pieces a clip comes, its inputs are those of the whole.
        """
        state, inputs_STD = self._inputs(state, x_TD)
        inputs_STD = (inputs_STD - self.mean[:, None]) * self.scale[:, None]
        return state, torch.bmm(inputs_STD, self.axes).permute(1, 0, 2).flatten(1)

    def _inputs(self, state: PreprocessingState | None, x_TD: torch.Tensor) -> tuple[PreprocessingState, torch.Tensor]:
        x_TD = power_normalise(x_TD)
        if state is None:
            state = PreprocessingState(x_TD[:1].expand(self.lag, -1), torch.zeros_like(x_TD[0]), 0)
        known_TD = torch.cat([state.last_LD, x_TD])
        sum_TD = state.sum_D + x_TD.cumsum(0)
        counts_T = state.steps + torch.arange(1, len(x_TD) + 1, device=x_TD.device)
        changes = {
            "": x_TD,
            "delta": (x_TD - known_TD[: len(x_TD)]).abs(),
            "deviation": (x_TD - sum_TD / counts_T[:, None]).abs(),
        }
        by_type = {change: by_image_type(values_TD, self.image_types) for change, values_TD in changes.items()}
        inputs = []
        for name in self.inputs:
            image_type, _, change = name.partition("_")
            inputs.append(by_type[change][image_type])
        state = PreprocessingState(known_TD[-self.lag :], sum_TD[-1], state.steps + len(x_TD))
        return state, torch.stack(inputs)


def to_tensor(features_TD: np.ndarray) -> torch.Tensor:
    """Return packed features, float16 (T, D), as the float32 that everything is computed in."""
    return torch.from_numpy(features_TD.astype(np.float32))


def by_image_type(x_TD: torch.Tensor, image_types: list[str]) -> dict[str, torch.Tensor]:
    """Split features (T, D) into those of each image type."""
    return dict(zip(image_types, x_TD.chunk(len(image_types), 1), strict=True))


def _thirds(inputs_STD: torch.Tensor) -> torch.Tensor:
    return torch.stack([part.mean(1) for part in inputs_STD.tensor_split(SEGMENTS, 1) if part.shape[1]])
