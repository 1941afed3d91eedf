"""Compile EfficientNet-Lite weights to an ONNX graph, without torch, for the default backbone."""
