"""Between napari's layers and the core's arrays: what is taken of layers, and new ones."""
