"""Making, editing and proving synthetic people."""
