"""Write a project as an ONNX file or a web page, and check that it decides as the project does."""
