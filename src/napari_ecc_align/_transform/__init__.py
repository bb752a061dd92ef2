"""Transforms between two images, their motion models, points and files."""
