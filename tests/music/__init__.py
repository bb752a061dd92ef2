"""A generator of handwritten pages of music, displaced by transforms that are exactly known."""
