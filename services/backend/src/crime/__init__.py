"""Crime prediction over LAPD reports."""

__version__ = "0.2.0"
