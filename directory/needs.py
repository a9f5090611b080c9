"""The fourteen need codes of the taxonomy that a service can meet."""

NEEDS = (
    "food",
    "shelter",
    "money",
    "health",
    "mental_health",
    "disability",
    "elderly",
    "children",
    "education",
    "work",
    "legal",
    "documents",
    "disaster",
    "safety",
)
