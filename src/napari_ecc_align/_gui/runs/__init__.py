"""One run of the Align form: what is asked, the work in a thread, what came of it."""
