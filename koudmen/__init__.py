"""Puts the rooms together: command line, processes, migrations."""
