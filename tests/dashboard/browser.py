"""What a browser does, without one: keeps cookies, and sends a page's hidden token with its forms."""

import re
from html import unescape

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Browser:
    """Pages and forms of one person."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.token = ""

    def get(self, path: str, **headers: str) -> TestResponse:
        answer = self.client.get(path, headers=headers)
        found = TOKEN.search(answer.text) if answer.mimetype == "text/html" else None
        self.token = found[1] if found else self.token
        return answer

    def post(self, path: str, *, follow: bool = True, **fields: object) -> TestResponse:
        """Send a form, with the token of a page of this browser, and go where it sends us."""
        if not self.token:
            self.get("/me")
        if not self.token:
            self.get("/sign-in")
        answer = self.client.post(path, data={"csrf_token": self.token, **fields}, follow_redirects=follow)
        if answer.mimetype == "text/html" and (found := TOKEN.search(answer.text)):
            self.token = found[1]
        return answer

    def words(self, path: str) -> str:
        """What can be read on a page."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return readable(answer.text)


def readable(html: str) -> str:
    """The text of a page, without marks, spaces run together."""
    body = html.partition("<body>")[2] or html
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())
