"""Contacts and their addresses, what comes in, what goes out, and through which channel."""
