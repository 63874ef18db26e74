"""Names, ids and ARNs as clients give them, and the session that a job acts as."""

from outcrop.aws.operation import Principal


def id_of(arn: str) -> str:
    """Return the last part of an ARN, under which its row is kept."""
    return arn.rsplit("/", 1)[-1]


def role_session(role_arn: str, account_id: str, job_id: str) -> Principal:
    """Return who a job acts as: a session of its service role, named after the job.

    STS leaves the role's path out of a session's ARN.
    """
    arn = f"arn:aws:sts::{account_id}:assumed-role/{id_of(role_arn)}/{job_id}"
    return Principal(type="AssumedRole", arn=arn, account_id=account_id)
