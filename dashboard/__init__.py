"""The staff application: a process and port of its own."""
