"""Calls of operations on behalf of a Task state, as the role that its machine (or its Credentials) names."""

from outcrop.aws.operation import Invoke
from outcrop.identity.directory import Directory


class Calls:
    """Opens role sessions and calls operations in them.

    Args:
        invoke: calls operations of any service.
        directory: opens sessions.
        account_id: the one account.
    """

    def __init__(self, invoke: Invoke, directory: Directory, account_id: str) -> None:
        self.invoke = invoke
        self._directory = directory
        self.account_id = account_id
