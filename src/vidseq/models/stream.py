"""A causal model on a stream without end: probabilities after each step, from a state that forgets."""

from typing import Any

import numpy as np
import torch
from torch import nn

from vidseq.models.preprocessing import Preprocessing, PreprocessingState, to_tensor
from vidseq.models.thresholds import probabilities


class Stream:
    """Answers after each step of a stream by what a causal model says of its last half to whole `window` of steps.

    A maximum and a mean over all history would never forget, so the stream is read in parts that begin every half
    window and last for one. Two are being read at any time; the older one answers. So the answer after step n is
    exactly what the model says of the clip of steps s to n, with s = max(0, (n // (window / 2) - 1) * (window / 2)), at
    the cost of two steps, however long the stream is.
    """

    def __init__(self, preprocessing: nn.Module, head: nn.Module, window: int):
        """Begin a stream. Raises ValueError if the head is not causal, or `window` (steps) is not even."""
        if not (isinstance(preprocessing, Preprocessing) and getattr(head, "causal", False)):
            raise ValueError("only a causal model can go step by step")
        if window < 2 or window % 2:
            raise ValueError(f"window = {window}: it must be an even number of steps")
        self.preprocessing = preprocessing
        self.head: Any = head.eval().cpu()  # it has `step`
        self.half_window, self.steps = window // 2, 0
        self.parts: list[tuple[PreprocessingState | None, object]] = []  # the states of those being read, older first

    @torch.inference_mode()
    def push(self, features_D: np.ndarray) -> np.ndarray:
        """Return the class probabilities, float64 (C,), after one more step, whose features are float16 or float32."""
        if self.steps % self.half_window == 0:
            self.parts = [*self.parts[-1:], (None, None)]
        self.steps += 1
        x_1D = to_tensor(features_D[None])
        answers = []
        for index, (preprocessing, head) in enumerate(self.parts):
            preprocessing, inputs_1D = self.preprocessing.step(preprocessing, x_1D)
            head, logits_1C = self.head.step(head, inputs_1D)
            self.parts[index] = preprocessing, head
            answers.append(logits_1C)
        return probabilities(answers[0].numpy())[0]
