"""What scikit-learn expects of an estimator, without importing it: that takes over a second."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Hashable
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from classify_anything.errors import EmbeddingError, InputError
from classify_anything.types import Float32Array


class Estimator:
    """Base of what goes into scikit-learn's pipelines and searches.

    As there, the parameters are those of the constructor, which only keeps them.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 - scikit-learn's form
        """The parameters by their names."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters. Raises ValueError for one that there is not."""
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
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({given})"


class ClassifierEstimator(Estimator):
    """What scikit-learn expects of a classifier."""

    _estimator_type = "classifier"

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike) -> float:
        """The share of rows of X, float [n, d], whose class is that in y, [n].

        Raises InputError if there are not as many labels as rows.
        """
        predict: Any = getattr(self, "predict")  # noqa: B009 - the classifier has it
        predicted, named = predict(X), labels(y, self)
        if len(predicted) != len(named):
            raise InputError(f"{len(predicted)} embeddings and {len(named)} labels were given.")
        return float(np.mean(predicted == np.asarray(named)))

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
    """Give float32 [n, d]; the errors have the words that scikit-learn's users know.

    Raises EmbeddingError, or TypeError for a sparse matrix.
    """
    if hasattr(X, "toarray"):
        raise TypeError(f"Sparse data was passed to {type(owner).__name__}; it takes dense arrays.")
    rows = np.asarray(X)
    if np.iscomplexobj(rows):
        raise EmbeddingError("Complex data not supported.")
    if rows.ndim != 2:
        raise EmbeddingError(
            f"Expected 2D array, got {rows.ndim}D array instead: embeddings have the shape [n, d]. "
            "Reshape your data with array.reshape(1, -1) if it is one embedding."
        )
    for axis, name in enumerate(("sample", "feature")):
        if rows.shape[axis] == 0:
            raise EmbeddingError(
                f"Found array with 0 {name}(s) (shape={rows.shape}) "
                "while a minimum of 1 is required."
            )
    if features is not None and rows.shape[1] != features:
        raise EmbeddingError(
            f"X has {rows.shape[1]} features, but {type(owner).__name__} is expecting {features} "
            "features as input."
        )
    rows = rows.astype(np.float32)
    if not np.isfinite(rows).all():
        kind = "NaN" if np.isnan(rows).any() else "infinity"
        raise EmbeddingError(f"Input X contains {kind}.")
    return rows


def labels(y: Any, owner: object) -> list[Hashable]:
    """Give [n] labels. Raises InputError for what cannot be classes."""
    if y is None:
        raise InputError(
            f"{type(owner).__name__} requires y to be passed, but the target y is None."
        )
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] == 1:
        _warn_of_column()
        values = values[:, 0]
    if values.ndim != 1:
        raise InputError(f"y should be a 1d array, got an array of shape {values.shape} instead.")
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise InputError("Input y contains NaN or infinity.")
        if (values != np.round(values)).any():
            raise InputError("Unknown label type: continuous. Classes are names or whole numbers.")
    found: list[Hashable] = values.tolist()
    return found


def _warn_of_column() -> None:
    from sklearn.exceptions import DataConversionWarning  # noqa: PLC0415 - only its users see it

    text = "A column-vector y was passed when a 1d array was expected. Please use y.ravel()."
    warnings.warn(text, DataConversionWarning, stacklevel=4)
