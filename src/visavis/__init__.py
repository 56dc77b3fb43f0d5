"""Vis-à-vis: conversational video you run yourself."""
