"""The order-blind baseline: the mean of a clip's features over time, and logistic regression."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


def mean_over_time(sequences: list[torch.Tensor]) -> np.ndarray:
    """Average series of features (T_i, D) to (N, D)."""
    return np.stack([x_TD.mean(0).numpy() for x_TD in sequences])


def fit_baseline(sequences: list[torch.Tensor], labels: list[int]) -> Pipeline:
    """Fit on standardised mean features. It has nothing to choose on validation, so it may be fitted on that too."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(mean_over_time(sequences), labels)
