"""Serve the page: frames enter in live.py, requests in routes/, and jobs run beside them."""
