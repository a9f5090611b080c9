"""How fast the whole service answers, beside Rasa's own REST channel with the same model in the same run."""
