"""The napari widgets: thin, and the only place that knows napari and Qt."""
