"""The pooling baseline: the mean of a clip's features over time, and logistic regression."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vidseq.models.preprocessing import to_tensor


class PoolingBaseline:
    """Blind to the order of frames. It has nothing to choose on validation, so it may be fitted on that too."""

    def __init__(self, features: list[np.ndarray], y: list[int]):
        self.pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        self.pipeline.fit(mean_over_time(features), y)

    def probabilities(self, features: list[np.ndarray]) -> np.ndarray:
        """Return the class probabilities (N, C) of clips' features (T_i, D)."""
        return self.pipeline.predict_proba(mean_over_time(features))


def mean_over_time(features: list[np.ndarray]) -> np.ndarray:
    """Average features (T_i, D) of each clip to (N, D)."""
    return np.stack([to_tensor(x_TD).mean(0).numpy() for x_TD in features])
