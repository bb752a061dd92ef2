"""What is on show after a run: verdict, table, pictures, and what can be done next."""
