"""The safety reader: does a message tell of harm? A lexicon of phrases, independent of Rasa, without network.

The phrases are in bot/safety/phrases/<language>.yml, written for a child-protection officer to read and change. Every
language's phrases are tried on every message, so a wrong guess of the language cannot silence one; only the Kweyol
phrases with `ka` are a mere question when the text is surely Haitian, where `ka` means "can".
"""

from bot.safety.reader import Finding, SafetyReading, explain, is_critical, lexicons, read

__all__ = ["Finding", "SafetyReading", "explain", "is_critical", "lexicons", "read"]
