"""`python -m visavis.cli`."""

from visavis.cli import app

app(prog_name="visavis")
