"""Turn images into embeddings: the catalogue, ONNX and LiteRT models, int8 and fp16 variants."""

from classify_anything.backbones.backbone import Backbone
from classify_anything.backbones.loading import load_backbone

__all__ = ["Backbone", "load_backbone"]
