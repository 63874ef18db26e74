"""ARNs of Bedrock's resources (API reference, patterns of each ARN member)."""


def foundation_model(region: str, model_id: str) -> str:
    """Return the ARN of a foundation model; it belongs to no account."""
    return f"arn:aws:bedrock:{region}::foundation-model/{model_id}"


def customization_job(region: str, account_id: str, base_model_id: str, job_id: str) -> str:
    """Return the ARN of a customization job; the base model's id is a part of it."""
    return f"arn:aws:bedrock:{region}:{account_id}:model-customization-job/{base_model_id}/{job_id}"


def custom_model(region: str, account_id: str, base_model_id: str, model_id: str) -> str:
    """Return the ARN of a custom model; the base model's id is a part of it."""
    return f"arn:aws:bedrock:{region}:{account_id}:custom-model/{base_model_id}/{model_id}"


def provisioned_model(region: str, account_id: str, throughput_id: str) -> str:
    """Return the ARN of a provisioned throughput."""
    return f"arn:aws:bedrock:{region}:{account_id}:provisioned-model/{throughput_id}"


def deployment(region: str, account_id: str, deployment_id: str) -> str:
    """Return the ARN of a custom model deployment."""
    return f"arn:aws:bedrock:{region}:{account_id}:custom-model-deployment/{deployment_id}"


def is_arn(identifier: str) -> bool:
    """Whether an identifier is an ARN rather than a name or id."""
    return identifier.startswith("arn:")


def id_of(arn: str) -> str:
    """Return the last part of an ARN, under which its row is kept."""
    return arn.rsplit("/", 1)[-1]


def role_session(role_arn: str, account_id: str, session_name: str) -> str:
    """Return the ARN of a session of a role, as STS writes it: the role's path is left out."""
    return f"arn:aws:sts::{account_id}:assumed-role/{id_of(role_arn)}/{session_name}"
