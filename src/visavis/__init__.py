"""Vis-à-vis: conversational video you run yourself."""

from importlib.metadata import version

__version__ = version("visavis")
