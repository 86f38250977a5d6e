"""A model on a stream without end: probabilities after each step, of the last steps alone."""

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from vidseq.models.preprocessing import Preprocessing, PreprocessingState, to_tensor
from vidseq.models.thresholds import probabilities


class Stream(Protocol):
    """Answers step by step; `seen` is how many of the last steps the last answer is of."""

    seen: int

    def push(self, features_D: np.ndarray) -> np.ndarray:
        """Return the class probabilities, float64 (C,), after one more step, whose features are float16 or float32."""
        ...


class CausalStream:
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
        self.half_window, self.steps, self.seen = window // 2, 0, 0
        self.parts: list[tuple[PreprocessingState | None, object]] = []  # the states of those being read, older first

    @torch.inference_mode()
    def push(self, features_D: np.ndarray) -> np.ndarray:
        """Return the class probabilities, float64 (C,), after one more step, whose features are float16 or float32."""
        if self.steps % self.half_window == 0:
            self.parts = [*self.parts[-1:], (None, None)]
            self.seen = min(self.steps, self.half_window)
        self.steps += 1
        self.seen += 1
        x_1D = to_tensor(features_D[None])
        answers = []
        for index, (preprocessing, head) in enumerate(self.parts):
            preprocessing, inputs_1D = self.preprocessing.step(preprocessing, x_1D)
            head, logits_1C = self.head.step(head, inputs_1D)
            self.parts[index] = preprocessing, head
            answers.append(logits_1C)
        return probabilities(answers[0].numpy())[0]


class SlidingWindow:
    """Answers after each step of a stream by what any model says of the last `window` steps, read anew each time."""

    def __init__(self, predict: Callable[[list[np.ndarray]], np.ndarray], window: int):
        """Begin a stream; `predict` is `TrainedModel.probabilities`. Raises ValueError for a window of no steps."""
        if window < 1:
            raise ValueError(f"window = {window}: it must be at least one step")
        self.predict, self.seen = predict, 0
        self.last: deque[np.ndarray] = deque(maxlen=window)

    def push(self, features_D: np.ndarray) -> np.ndarray:
        """Return the class probabilities, float64 (C,), after one more step, whose features are float16 or float32."""
        self.last.append(features_D)
        self.seen = len(self.last)
        return self.predict([np.stack(self.last)])[0]
