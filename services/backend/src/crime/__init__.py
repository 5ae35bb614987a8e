"""Crime prediction over LAPD reports: data, features, models and serving."""
