"""Measures over files and live calls, taken from outside, as a viewer would."""
