"""Write an ONNX file or a web page; verify.py compares it with the project (expected.py)."""
