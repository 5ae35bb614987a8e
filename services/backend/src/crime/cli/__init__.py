"""The `crime` command: a file for each group of commands; what they print is in `rendering`."""
