"""Images in scikit-learn's pipelines; requires the extra [sklearn]."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from classify_anything.backbones import Backbone, load_backbone
from classify_anything.errors import InputError, MissingExtraError
from classify_anything.images import ImageInput, to_square
from classify_anything.types import Float32Array
from classify_anything.workers import map_ordered

try:
    from sklearn.base import BaseEstimator, TransformerMixin
except ImportError as error:
    raise MissingExtraError(
        'ImageEmbedder requires scikit-learn: pip install "classify-anything[sklearn]"'
    ) from error


class ImageEmbedder(TransformerMixin, BaseEstimator):  # type: ignore[misc] # it ships no types
    """A scikit-learn transformer from images to embeddings.

    ``fit`` only opens the backbone.

    Args:
        backbone: a name or an .onnx file; by default the one that ships with the package.

    Example::

        pipeline = make_pipeline(ImageEmbedder(), LogisticRegression())
        pipeline.fit(["mug.jpg", "cup.jpg"], ["mug", "cup"])
    """

    def __init__(self, backbone: str | os.PathLike[str] | None = None) -> None:
        self.backbone = backbone

    def fit(self, X: Sequence[ImageInput], y: object = None) -> Self:  # noqa: ARG002
        """Open the backbone. Raises BackboneError, or InputError without images."""
        _check(X)
        self._open()
        return self

    def transform(self, X: Sequence[ImageInput]) -> Float32Array:
        """Embed a sequence of images, or uint8 [n, h, w, 3] → float32 [n, dimension].

        Raises:
            ImageError: an image cannot be read.
            InputError: X has no images.
        """
        _check(X)
        backbone = self._open()

        def embed(image: ImageInput) -> Float32Array:
            vector: Float32Array = backbone.embed(to_square(image, backbone.size)[None])[0]
            return vector

        return np.stack(list(map_ordered(embed, X)))

    def get_feature_names_out(self, input_features: object = None) -> Any:  # noqa: ARG002
        """Return the names of the columns, [dimension]: "embedding0", "embedding1", …"""
        return np.array([f"embedding{n}" for n in range(self._open().dimension)], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = []  # always float32
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_opened"}

    def _open(self) -> Backbone:
        """Return the backbone, opened once for each value of the parameter."""
        opened = self.__dict__.get("_opened")
        if opened is None or opened[0] != self.backbone:
            opened = self.backbone, load_backbone(self.backbone, threads=1)
            self.__dict__["_opened"] = opened
        backbone: Backbone = opened[1]
        return backbone


def _check(X: Sequence[ImageInput]) -> None:
    if isinstance(X, str | bytes | os.PathLike) or not hasattr(X, "__len__"):
        raise InputError("X must be a sequence of images, even for one: [image].")
    if len(X) == 0:
        raise InputError("X has no images; at least 1 sample is required.")
