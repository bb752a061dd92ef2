"""Processes that do items of work, of which any may die or hang at no cost to the others."""
