"""What a batch will do: which images belong together, and where their results go."""
