"""XML of the query protocol stands on lines as AWS writes it: its length shows in the histories of executions."""

import pytest

from outcrop.aws.protocols.query import indented


@pytest.mark.parametrize(
    ("xml", "lines"),
    [
        ("<a/>", ["<a/>"]),
        ("<a></a>", ["<a></a>"]),
        ("<a>text</a>", ["<a>text</a>"]),
        ("<a><b>1</b><c/></a>", ["<a>", "  <b>1</b>", "  <c/>", "</a>"]),
        (
            "<a><b><c></c></b><d>&gt;</d></a>",
            ["<a>", "  <b>", "    <c></c>", "  </b>", "  <d>&gt;</d>", "</a>"],
        ),
        ("<a><b/><c><d/></c></a>", ["<a>", "  <b/>", "  <c>", "    <d/>", "  </c>", "</a>"]),
    ],
)
def test_each_element_has_lines_of_its_own(xml: str, lines: list[str]) -> None:
    assert indented(xml) == "".join(f"{line}\n" for line in lines)
