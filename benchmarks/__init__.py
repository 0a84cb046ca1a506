"""What is measured, and the tables made of it."""
