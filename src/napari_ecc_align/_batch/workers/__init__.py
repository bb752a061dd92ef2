"""A process beside a viewer, and machines of a cluster, that do items of work."""
