"""From a clip's features to the inputs of a head: per frame, and as they change over time.

Scenes tell classes apart on the training clips and mislead on others; what changes in time depends less on them. Of
either image type, rgb or diff (the difference image), there are three inputs: its feature x_t, |x_t - x_{t-lag}|
(`_delta`) and |x_t - mean(x)| (`_deviation`). Each is reduced by principal components that are fitted on training
clips alone.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

SEGMENTS = 3  # a clip's thirds are what the components are fitted on


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
        thirds = [_thirds(self._inputs(x_TD)) for x_TD in clips]
        for index, rows_ND in enumerate(torch.cat(thirds).unbind(1)):
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
        inputs_STD = (self._inputs(x_TD) - self.mean[:, None]) * self.scale[:, None]
        return torch.bmm(inputs_STD, self.axes).permute(1, 0, 2).flatten(1)

    def _inputs(self, x_TD: torch.Tensor) -> torch.Tensor:
        x_TD = x_TD.sign() * x_TD.abs().sqrt()  # power normalisation (Perronnin et al., 2010): tames the largest values
        by_type = by_image_type(x_TD, self.image_types)
        earlier_T = (torch.arange(len(x_TD), device=x_TD.device) - self.lag).clamp(min=0)
        inputs = []
        for name in self.inputs:
            image_type, _, change = name.partition("_")
            x_TD = by_type[image_type]
            if change == "delta":
                x_TD = (x_TD - x_TD[earlier_T]).abs()
            elif change == "deviation":
                x_TD = (x_TD - x_TD.mean(0)).abs()
            inputs.append(x_TD)
        return torch.stack(inputs)


def to_tensor(features_TD: np.ndarray) -> torch.Tensor:
    """Return packed features, float16 (T, D), as the float32 that everything is computed in."""
    return torch.from_numpy(features_TD.astype(np.float32))


def by_image_type(x_TD: torch.Tensor, image_types: list[str]) -> dict[str, torch.Tensor]:
    """Split features (T, D) into those of each image type."""
    return dict(zip(image_types, x_TD.chunk(len(image_types), 1), strict=True))


def hflip(x_TD: torch.Tensor, pool_size: int) -> torch.Tensor:
    """Swap the left and right parts of features (T, D) that were pooled to pool_size x pool_size."""
    return x_TD.unflatten(1, (-1, pool_size, pool_size)).flip(3).flatten(1)


def _thirds(inputs_STD: torch.Tensor) -> torch.Tensor:
    return torch.stack([part.mean(1) for part in inputs_STD.tensor_split(SEGMENTS, 1) if part.shape[1]])
