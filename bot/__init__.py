"""The conversation: reads a message, decides what to say, and says it in the person's language."""
