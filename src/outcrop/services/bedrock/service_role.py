"""The session of a service role in which a job acts, and in no other way."""

from outcrop.aws.operation import Principal
from outcrop.services.bedrock.identifiers import id_of
from outcrop.services.platform import Platform

SERVICE = "bedrock.amazonaws.com"
# AWS's words, before the reason.
NOT_ASSUMED = "Could not assume provided IAM role."


def assume(role_arn: str, job_arn: str, platform: Platform) -> Principal:
    """Return the session of a job's role, named after the job.

    Its permissions are looked up at every call that is made in it; whether the role may still be assumed is asked
    here.

    Raises:
        RoleNotAssumable: the role does not exist, or its trust policy does not let Bedrock assume it on behalf of
            this job (`aws:SourceArn`) of this account (`aws:SourceAccount`).
    """
    return platform.directory.assume_for_service(
        role_arn,
        SERVICE,
        source_arn=job_arn,
        source_account=platform.account_id,
        session_name=id_of(job_arn),
    )
