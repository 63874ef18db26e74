"""CloudWatch Logs' filter patterns: which events a search or a metric filter means.

Four languages share one member: terms (`ERROR -debug "a phrase" ?either ?or`), regular expressions (`%4[0-9]{2}%`),
columns of a line (`[host, ..., status = 4*]`) and properties of JSON (`{ $.level = "ERROR" && $.code >= 500 }`).
Source: "Filter pattern syntax" in the CloudWatch Logs User Guide.
"""

from outcrop.services.logs.patterns.columns import ColumnPattern
from outcrop.services.logs.patterns.comparisons import InvalidPattern
from outcrop.services.logs.patterns.properties import PropertyPattern
from outcrop.services.logs.patterns.terms import TermPattern

Pattern = TermPattern | ColumnPattern | PropertyPattern

__all__ = ["InvalidPattern", "Pattern", "parse_pattern"]


def parse_pattern(text: str) -> Pattern:
    """Return what a filter pattern means.

    Raises:
        InvalidPattern: it is none.
    """
    stripped = text.strip()
    if stripped.startswith("{"):
        return PropertyPattern.parse(stripped)
    if stripped.startswith("["):
        return ColumnPattern.parse(stripped)
    return TermPattern.parse(stripped)
