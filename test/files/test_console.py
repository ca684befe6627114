import io

from rich.console import Console
from rich.table import Table

from har_ros.files.console import cell, say

NAMES = ("[red]x[/]", "[/]", ":fire:", "[link=http://a.b]c")


def test_nothing_in_a_sentence_is_interpreted(capsys):
    for name in NAMES:
        say(Console(), f"left out: {name}")
        assert capsys.readouterr().out == f"left out: {name}\n"


def test_nothing_in_a_table_is_interpreted_and_a_terminal_has_nothing_to_obey(capsys):
    for name in (*NAMES, "\x1b[31mred\x9b"):
        table = Table("name", box=None)
        table.add_row(cell(name))
        Console().print(table)
        assert name.translate({0x1B: "\ufffd", 0x9B: "\ufffd"}) in capsys.readouterr().out


def test_a_sentence_is_printed_without_what_a_terminal_obeys():
    file = io.StringIO()
    say(Console(file=file, force_terminal=True), "cannot read [red]\x1b[31ma\nb; check :fire:")
    assert (
        file.getvalue() == "cannot read [red]\N{REPLACEMENT CHARACTER}[31ma\N{REPLACEMENT CHARACTER}b; check :fire:\n"
    )
