"""The form that compares two layers in black and white as they lie."""
