"""How good a talking face is, measured on its pixels: ``visavis eval face``."""
