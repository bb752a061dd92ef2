"""Aligning two volumes: the same equations, pyramids and tiles as of images, with an axis more."""
