"""What a head is shown of a clip: streams of its frames and of its difference images, each as it is or as it moves.

Scenes tell classes apart on the training clips and mislead on others; what changes in time depends less on them. Of
either kind of image, frame or motion (the difference image), three streams can be shown: its feature x_t,
|x_t - x_{t-lag}| (`_change`) and |x_t - mean(x)| (`_distance`). Each is reduced by principal components that are fitted
on training clips alone.
"""

from collections.abc import Iterable

import torch
from torch import nn

SEGMENTS = 3  # a clip's thirds are what the components are fitted on


class Streams(nn.Module):
    """Frozen after `fit`: maps a clip's features (T, D) to its S streams (T, S * components).

    `images` names the kinds of images whose features stand side by side in D.
    """

    def __init__(self, feature_dim: int, images: list[str], show: list[str], lag: int, components: int):
        super().__init__()
        self.images, self.show, self.lag = images, show, lag
        self.dim = len(show) * components
        self.register_buffer("mean", torch.zeros(len(show), feature_dim // len(images)))
        self.register_buffer("scale", torch.ones(len(show), feature_dim // len(images)))
        self.register_buffer("axes", torch.zeros(len(show), feature_dim // len(images), components))

    @torch.no_grad()
    def fit(self, clips: Iterable[torch.Tensor], seed: int) -> "Streams":
        """Fit the components on clips (T_i, D): the means of each clip's thirds, standardised, not whitened."""
        thirds = [_thirds(self._streams(x_TD)) for x_TD in clips]
        for stream, rows_ND in enumerate(torch.cat(thirds).unbind(1)):
            deviation_D = rows_ND.std(0)
            self.mean[stream] = rows_ND.mean(0)
            # the floor keeps features that hardly ever move from being blown up to the size of the others
            self.scale[stream] = 1 / (deviation_D + 0.1 * deviation_D.mean()).clamp(min=1e-6)
            rows_ND = (rows_ND - self.mean[stream]) * self.scale[stream]
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                wanted = min(self.axes.shape[2], *rows_ND.shape)
                _, _, axes_DP = torch.svd_lowrank(rows_ND, q=min(wanted + 30, *rows_ND.shape), niter=2)
            # on one scale for all components, so that the weak ones stay weak
            self.axes[stream, :, :wanted] = axes_DP[:, :wanted] / (rows_ND @ axes_DP[:, :wanted]).std().clamp(min=1e-6)
        return self

    @torch.no_grad()
    def forward(self, x_TD: torch.Tensor) -> torch.Tensor:
        """Return the streams of one clip, side by side."""
        streams_STD = (self._streams(x_TD) - self.mean[:, None]) * self.scale[:, None]
        return torch.bmm(streams_STD, self.axes).permute(1, 0, 2).flatten(1)

    def _streams(self, x_TD: torch.Tensor) -> torch.Tensor:
        x_TD = x_TD.sign() * x_TD.abs().sqrt()  # power normalisation (Perronnin et al., 2010): tames the largest values
        images = dict(zip(self.images, x_TD.chunk(len(self.images), 1), strict=True))
        earlier_T = (torch.arange(len(x_TD), device=x_TD.device) - self.lag).clamp(min=0)
        streams = []
        for name in self.show:
            kind, _, as_what = name.partition("_")
            x_TD = images[kind]
            if as_what == "change":
                x_TD = (x_TD - x_TD[earlier_T]).abs()
            elif as_what == "distance":
                x_TD = (x_TD - x_TD.mean(0)).abs()
            streams.append(x_TD)
        return torch.stack(streams)


def _thirds(streams_STD: torch.Tensor) -> torch.Tensor:
    return torch.stack([part.mean(1) for part in streams_STD.tensor_split(SEGMENTS, 1) if part.shape[1]])
