"""The frozen networks that turn an image into an embedding."""

from classify_anything.backbones.onnx_backbone import Backbone, load_backbone

__all__ = ["Backbone", "load_backbone"]
