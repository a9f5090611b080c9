"""Cases: what was disclosed, and who looks after it until a person has closed it."""
