"""What a script for `koudmen chat` may look like."""

import pytest

from koudmen.commands.chat import Phone, dialogue


class Echo(Phone):
    """A phone whose service says the words back."""

    def __init__(self) -> None:
        """Without a service behind it."""

    def text(self, words: str) -> list[str]:
        return [f"heard {words}"]


PLAYED = "# a talk\n> bonjou\n< heard bonjou\n\n> 1\n< heard 1\n"


@pytest.mark.parametrize(
    "script",
    [
        PLAYED,
        "# a talk\n> bonjou\n< what was said last year\n  and its second line\n\n> 1\n",
        "# a talk\nbonjou\n\n1\n",
    ],
    ids=["as printed", "with old answers", "a plain list of texts"],
)
def test_every_form_of_a_script_is_played(script: str) -> None:
    assert "".join(f"{line}\n" for line in dialogue(Echo(), script)) == PLAYED
