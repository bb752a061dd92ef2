"""The error for input that cannot be used."""


class InputError(ValueError):
    """Input that cannot be used; the message says which argument or file, and what to do."""
