"""The file formats of exports, byte by byte."""
