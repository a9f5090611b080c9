"""The columns of the one-sheet spreadsheet: what a clerk writes into each, with an example and the choices."""

from dataclasses import dataclass

from directory import places
from directory.needs import NEEDS

PARISHES = tuple(parish.name for parish in places.parishes())
STATUSES = ("active", "inactive", "temporarily closed", "defunct")


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """`choices`: a drop-down, where only one may be chosen. `place`: belongs to the place, not to the service."""

    name: str
    meaning: str
    example: str = ""
    choices: tuple[str, ...] = ()
    place: bool = False


COLUMNS = (
    SheetColumn("organisation", "Who offers it. The same name in each row", "Social Welfare Division"),
    SheetColumn("service", "What is offered, as people call it", "Public Assistance"),
    SheetColumn("status", "Empty means active", "active", STATUSES),
    SheetColumn("needs", f"What it is for: {', '.join(NEEDS)}. Several with ; between. "
                "(part) behind one: it answers a part of it only", "money; food (part)"),
    SheetColumn("also_helps_with", "Needs it also helps with, written in the same way", "children"),
    SheetColumn("parish", "Where it is", "Saint George", PARISHES, place=True),
    SheetColumn("village", "Town or village. (assumed) behind it: no source names it", "Roseau", place=True),
    SheetColumn("address", "Street and house", "33 Great Marlborough Street", place=True),
    SheetColumn("access", "How a person with a disability gets in; several with ; between", "ramp; lift", place=True),
    SheetColumn("latitude", "Degrees north, if known", "15.3", place=True),
    SheetColumn("longitude", "Degrees east; west of Greenwich with a minus", "-61.38", place=True),
    SheetColumn("serves", "'whole island', or the parishes it goes out to; several with ; between", "Saint Mark"),
    SheetColumn("phones", "Each with +1767. Behind it: ext 12, sms, whatsapp, fax, toll-free, confidential, (remark). "
                "Several with ; between, the best first", "+17675550100 (reception); +17675550101 whatsapp"),
    SheetColumn("hours", "Days and times; ; between different days. Empty: not known. Behind it, if known: "
                "closed on holidays, open on holidays", "Mo 08:00-13:00 14:00-17:00; 1st Tu 09:00-12:00"),
    SheetColumn("languages", "Codes: en, ht (Haitian Creole), acf (Kwéyòl), fr, es. Several with ; between", "en; acf"),
    SheetColumn("takes_migrants", "Are people served who are not citizens? Empty means unknown", "unknown",
                ("yes", "no", "unknown")),
    SheetColumn("papers_asked", "Papers that everybody must bring; several with ; between", "identity card"),
    SheetColumn("papers_asked_of_migrants", "Papers asked of people who are not citizens", "passport; work permit"),
    SheetColumn("who_for", "Groups, if not for everybody: women, children, youth, elderly, disability", "women"),
    SheetColumn("ages", "From-to", "12-17"),
    SheetColumn("eligibility", "Who may have it, in words", "residents with a low income"),
    SheetColumn("cost", "What it costs; 'free' if free", "free"),
    SheetColumn("email", "", "office@example.org"),
    SheetColumn("website", "", "https://example.org"),
    SheetColumn("description", "A sentence or two", ""),
    SheetColumn("alert", "Something that holds for a short time only", "closed for repairs until May"),
    SheetColumn("confidential", "'service': it is never named, the referring office is. 'place': its place is never "
                "told. Both: service; place", "", ("service", "place", "service; place")),
    SheetColumn("referring_office", "For a confidential service: the id of the service that refers to it", ""),
    SheetColumn("source", "Where this is from: a person, a letter, a web page", "telephone call with the office"),
    SheetColumn("source_date", "Year or day of the source", "2026-11-23"),
    SheetColumn("id", "Leave it as it is; leave it empty for a new service", ""),
    SheetColumn("place_id", "Leave it as it is; leave it empty for a new place", "", place=True),
    SheetColumn("more", "Leave it as it is, or empty. What the other columns cannot show: texts in other languages, "
                "rules with dates, costs, who checked a number", ""),
    SheetColumn("records", "Leave it as it is, or empty. Numbers, hours and contacts of a place or of the "
                "organisation, and who checked an address", ""),
)  # fmt: skip
NAMES = tuple(column.name for column in COLUMNS)
OF_PLACE = tuple(column.name for column in COLUMNS if column.place)
OF_SERVICE = tuple(name for name in NAMES if name not in {*OF_PLACE, "id", "confidential"})
NEEDED = ("organisation", "service", "needs")
TEXTS = {  # column of the sheet -> column of the service
    "service": "name", "eligibility": "eligibility_description", "cost": "fees_description", "email": "email",
    "website": "url", "description": "description", "alert": "alert", "source": "source", "who_for": "audience",
}  # fmt: skip
CALLED = {column: name for name, column in TEXTS.items()} | {  # column of the directory -> column of the sheet
    "referred_by_id": "referring_office", "organization_id": "organisation", "minimum_age": "ages",
    "maximum_age": "ages",
}  # fmt: skip
INSTRUCTIONS = (
    "One row is one service. A service at two places has two rows with the same id, or the same organisation and name.",
    "Write only what somebody knows. An empty cell means: not known.",
    "A telephone number that is wrong can cost a life. Nobody is sent a number before a person has dialled it.",
    "Emptying a cell of a service that has an id takes the old content away. Deleting a row takes nothing away.",
    "A confidential place (a refuge) must be marked in the column 'confidential', or left out.",
    "Before it counts: koudmen directory import FILE --dry-run says what is wrong, row by row.",
)
