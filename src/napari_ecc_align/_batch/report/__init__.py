"""The report of an output folder, as a page and as a table."""
