"""The frozen networks that turn an image into an embedding."""

from classify_anything.backbones.backbone import Backbone
from classify_anything.backbones.loading import load_backbone

__all__ = ["Backbone", "load_backbone"]
