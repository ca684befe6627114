"""What a report must be, whatever names it shows: a page that loads nothing and runs nothing."""

import base64
import hashlib
import re
from html.parser import HTMLParser

PAGE = (
    r"html|head|meta|title|style|body|h[12]|p|div|span|b|i|br|details|summary|table|t[rhd]|ul|li|figure|figcaption|img"
)
DRAWING = "svg|defs|g|path|use|rect|text|tspan|circle|clippath"
HOSTILE = "\"' </title></style></svg><script>alert(1)</script><img src=x onerror=alert(2)> $\\frac$ {{ 7 * 7 }} &lt; 说"
"""A name of a class, a file or a topic."""


class Page(HTMLParser):
    """Raises AssertionError where the page has what it should not have."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.policy, self._sheet = [], "", None
        self.sheets = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        assert re.fullmatch(f"{PAGE}|{DRAWING}", tag)
        self.tags.append(tag)
        values = dict(attributes)
        for name, value in attributes:
            assert not name.startswith("on")
            assert name not in ("href", "xlink:href", "src") or re.match("#|data:image/(jpeg|png);base64,", value)
            assert "url(" not in (value or "").replace("url(#", "")
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]
        if tag == "style":
            self.sheets.append("")

    def handle_data(self, data):
        if self.tags and self.cdata_elem == "style":
            self.sheets[-1] += data


def check_page(text):
    """Check it, and that its policy lets nothing but its own style sheet and pictures in it."""
    page = Page(text)
    [sheet] = page.sheets
    policy = dict(part.strip().split(" ", 1) for part in page.policy.split(";"))
    assert policy["default-src"] == "'none'"
    assert "script-src" not in policy
    assert policy["style-src-elem"] == f"'sha256-{base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()}'"
    assert policy["img-src"] == "data:"
    return page
