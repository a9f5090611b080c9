"""Reports: counts in which nobody can be found, as tables, charts and files. No Flask in here."""
