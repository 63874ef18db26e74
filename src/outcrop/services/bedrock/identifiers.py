"""Names, ids and ARNs as clients give them."""


def id_of(arn: str) -> str:
    """Return the last part of an ARN, under which its row is kept."""
    return arn.rsplit("/", 1)[-1]
