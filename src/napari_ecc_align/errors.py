"""The error for input that cannot be used."""


class InputError(ValueError):
    """An argument, image or file that cannot be used; the message says which one and what to do."""
