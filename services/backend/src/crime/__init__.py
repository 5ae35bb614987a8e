"""Crime prediction over LAPD reports."""
