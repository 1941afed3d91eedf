"""From published weights to one ONNX graph, without torch; runs when the package is built."""
