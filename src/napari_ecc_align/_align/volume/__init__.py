"""Aligning two volumes: the equations, pyramids and tiles of images, with an axis more."""
