"""The closed list of errors that the rooms raise on purpose."""


class KoudmenError(Exception):
    """Something that can be told to a person in one sentence. The message never holds a texter's words."""


class ConfigError(KoudmenError):
    """A setting is missing or wrong; the message says which one and what to write."""


class InvalidInput(KoudmenError):
    """What came in cannot be used (a malformed request or file)."""


class Refused(KoudmenError):
    """The state does not allow it (someone else has it, consent is missing, already closed)."""


class SendError(KoudmenError):
    """A message could not be handed to the carrier.

    `code` is the carrier's error code (0: none given); `action` says what to do, see messaging.errors.
    """

    def __init__(self, message: str, *, code: int = 0, status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class OutcomeUnknown(SendError):
    """The carrier was asked and did not answer: it may or may not have the message."""
