"""The page, the live socket and the HTTP API, around one classifier."""
