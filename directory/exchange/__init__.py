"""The directory in and out of files."""
