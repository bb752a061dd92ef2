"""The form that applies, saves and loads transforms."""
