"""HTTP routes, a module for each subject."""
