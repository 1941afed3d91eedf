"""Everything but the frames, over HTTP."""
