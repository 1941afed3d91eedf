"""What scikit-learn expects of a classifier, without importing it: that takes over a second."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Hashable
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from classify_anything.errors import EmbeddingError, InputError
from classify_anything.types import Float32Array


class ClassifierEstimator:
    """Base of classifiers for scikit-learn's pipelines and searches."""

    _estimator_type = "classifier"

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 - scikit-learn's form
        """Return the constructor's parameters by name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters. Raises ValueError for an unknown one."""
        known = self.get_params()
        for name, value in parameters.items():
            if name not in known:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self!r}. "
                    f"Valid parameters are: {list(known)!r}."
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        parameters = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({parameters})"

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike) -> float:
        """Return the accuracy on rows X, float [n, d], with labels y, [n].

        Raises InputError if X and y differ in length.
        """
        predict: Any = getattr(self, "predict")  # noqa: B009 - the classifier has it
        predicted, expected = predict(X), labels(y, self)
        if len(predicted) != len(expected):
            raise InputError(f"Got {len(predicted)} embeddings, but {len(expected)} labels.")
        return float(np.mean(predicted == np.asarray(expected)))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags  # noqa: PLC0415

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            transformer_tags=None,
            regressor_tags=None,
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(),
        )


def table(X: npt.ArrayLike, owner: object, features: int | None = None) -> Float32Array:
    """Return float32 [n, d]. The errors use scikit-learn's wording.

    Raises EmbeddingError, or TypeError for a sparse matrix.
    """
    name = type(owner).__name__
    if hasattr(X, "toarray"):
        raise TypeError(f"Sparse data was passed to {name}; it requires dense arrays.")
    rows = np.asarray(X)
    if np.iscomplexobj(rows):
        raise EmbeddingError("Complex data not supported.")
    if rows.ndim != 2:
        raise EmbeddingError(
            f"Expected 2D array, got {rows.ndim}D array instead: embeddings have the shape [n, d]. "
            "Reshape your data with array.reshape(1, -1) if it is one embedding."
        )
    for size, unit in zip(rows.shape, ("sample", "feature"), strict=True):
        if size == 0:
            raise EmbeddingError(
                f"Found array with 0 {unit}(s) (shape={rows.shape}) "
                "while a minimum of 1 is required."
            )
    if features is not None and rows.shape[1] != features:
        raise EmbeddingError(
            f"X has {rows.shape[1]} features, but {name} is expecting {features} features as input."
        )
    rows = rows.astype(np.float32)
    if not np.isfinite(rows).all():
        kind = "NaN" if np.isnan(rows).any() else "infinity"
        raise EmbeddingError(f"Input X contains {kind}.")
    return rows


def labels(y: Any, owner: object) -> list[Hashable]:
    """Return [n] labels. Raises InputError for values that cannot be classes."""
    if y is None:
        raise InputError(
            f"{type(owner).__name__} requires y to be passed, but the target y is None."
        )
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] == 1:
        from sklearn.exceptions import DataConversionWarning  # noqa: PLC0415 - only its users see it

        text = "A column-vector y was passed when a 1d array was expected. Please use y.ravel()."
        warnings.warn(text, DataConversionWarning, stacklevel=3)
        values = values[:, 0]
    if values.ndim != 1:
        raise InputError(f"y should be a 1d array, got an array of shape {values.shape} instead.")
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise InputError("Input y contains NaN or infinity.")
        if (values != np.round(values)).any():
            raise InputError("Unknown label type: continuous. Use names or whole numbers.")
    found: list[Hashable] = values.tolist()
    return found
