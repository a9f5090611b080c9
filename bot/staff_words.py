"""What staff is told: the words of pages, of telephone calls, and of the answers to `A 4821`.

No name, number, place or category of a texter: a code, a colour for how bad it is, and a link.
"""

from dataclasses import dataclass

from base.clock import DOMINICA
from bot.phrases import say
from oncall.answers import Answered
from oncall.pages import Paging


@dataclass(frozen=True)
class Words:
    """`name` of the service; `staff_url`: address of the staff site for links ("": no link)."""

    name: str
    staff_url: str = ""

    def link(self, code: str) -> str:
        """Where an officer reads on: behind the staff site's sign-in."""
        return f"{self.staff_url.rstrip('/')}/c/{code}" if self.staff_url and code else self.staff_url

    def text(self, page: Paging) -> str:
        """A page as a text."""
        words = say(page.language, f"page_{page.kind}", **self._values(page))
        return words.strip()

    def call(self, page: Paging) -> str:
        """A page as it is spoken, digit by digit."""
        values = self._values(page)
        return say(
            page.language, "page_call", name=self.name, digits=" ".join(page.code), mark=values["mark"],
            colour=values["colour"],
        ).strip()  # fmt: skip

    def variables(self, page: Paging) -> dict[str, str]:
        """The places of the WhatsApp template: 1 the colour (with the mark of an exercise; of a test page the mark
        alone, for Twilio refuses an empty place), 2 the code, 3 the link."""
        values = self._values(page)
        first = f"{values['mark']}{values['colour']}" or say(page.language, "page_drill").strip()
        return {"1": first, "2": page.code, "3": values["link"] or "-"}

    def _values(self, page: Paging) -> dict[str, str]:
        mark = say(page.language, "page_drill") if page.drill else ""
        colour = say(page.language, f"colour_{page.severity}") if page.severity else ""
        return {"mark": mark, "colour": colour, "code": page.code, "link": self.link(page.code)}

    def answer(self, answered: Answered) -> str:
        """What somebody is told who answered a page by text."""
        language = answered.staff.languages[0] if answered.staff.languages else "en"
        found = answered.answer
        if found is None:
            return say(language, "on_call_tested")
        since = found.since.astimezone(DOMINICA).strftime("%H:%M") if found.since else "?"
        return say(
            language, f"on_call_{found.kind}", code=found.code, who=found.owner, time=since, link=self.link(found.code)
        ).strip()
