"""Measure accuracy on held-out recordings (evaluate.py) and advise what helps (advice.py)."""
