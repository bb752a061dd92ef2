"""Pyramids of an image, in memory or read on demand, and tiles of their levels."""
