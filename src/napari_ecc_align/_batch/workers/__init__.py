"""Processes and machines that do items of work, one of which may die or hang at no cost."""
