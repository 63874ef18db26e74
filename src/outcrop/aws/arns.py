"""Amazon Resource Names: parse, format, and build those of Bedrock.

An ARN is arn:partition:service:region:account:resource, where the resource may hold colons and slashes. The
forms of Bedrock's resources are those of the patterns in its service model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from outcrop.aws.errors import ValidationException

_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]*):([0-9]{12}|aws|):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Arn:
    """One resource name, taken apart.

    Attributes:
        region: "" for global services.
        account_id: "" for resources of AWS itself, such as foundation models, and of S3.
        resource: all after the account, such as "custom-model/outcrop.nano-v1:0/abcdefghijkl".
    """

    service: str
    region: str
    account_id: str
    resource: str
    partition: str = "aws"

    @classmethod
    def parse(cls, text: str) -> Arn:
        """Return the parts of an ARN; raises ValidationException when the text is none."""
        match = _ARN.fullmatch(text)
        if match is None:
            raise ValidationException(f"{text!r:.300} is not an ARN")
        partition, service, region, account_id, resource = match.groups()
        return cls(service, region, account_id, resource, partition)

    def __str__(self) -> str:
        """Return the ARN as AWS writes it."""
        return (
            f"arn:{self.partition}:{self.service}:{self.region}:{self.account_id}:{self.resource}"
        )

    @property
    def resource_type(self) -> str:
        """What stands before the first slash or colon of the resource, or "" if there is neither."""
        match = re.match(r"([^:/]+)[:/]", self.resource)
        return match.group(1) if match else ""

    @property
    def resource_id(self) -> str:
        """What stands after the resource type, or the whole resource if it has no type."""
        kind = self.resource_type
        return self.resource[len(kind) + 1 :] if kind else self.resource


def is_arn(text: str) -> bool:
    """Whether a text has the form of an ARN; clients may send names in the same place."""
    return _ARN.fullmatch(text) is not None


def foundation_model_arn(region: str, model_id: str) -> str:
    """Return the ARN of a base model; it belongs to no account."""
    return f"arn:aws:bedrock:{region}::foundation-model/{model_id}"


def customization_job_arn(region: str, account_id: str, base_model_id: str, job_id: str) -> str:
    """Return the ARN of a customization job: its resource holds the base model's id."""
    return _bedrock(region, account_id, f"model-customization-job/{base_model_id}/{job_id}")


def custom_model_arn(region: str, account_id: str, base_model_id: str, model_id: str) -> str:
    """Return the ARN of a custom model: its resource holds the base model's id, or "imported"."""
    return _bedrock(region, account_id, f"custom-model/{base_model_id}/{model_id}")


def provisioned_model_arn(region: str, account_id: str, throughput_id: str) -> str:
    """Return the ARN of a provisioned throughput."""
    return _bedrock(region, account_id, f"provisioned-model/{throughput_id}")


def custom_model_deployment_arn(region: str, account_id: str, deployment_id: str) -> str:
    """Return the ARN of an on-demand deployment of a custom model."""
    return _bedrock(region, account_id, f"custom-model-deployment/{deployment_id}")


def model_import_job_arn(region: str, account_id: str, job_id: str) -> str:
    """Return the ARN of a model import job."""
    return _bedrock(region, account_id, f"model-import-job/{job_id}")


def imported_model_arn(region: str, account_id: str, model_id: str) -> str:
    """Return the ARN of an imported model."""
    return _bedrock(region, account_id, f"imported-model/{model_id}")


def evaluation_job_arn(region: str, account_id: str, job_id: str) -> str:
    """Return the ARN of an evaluation job."""
    return _bedrock(region, account_id, f"evaluation-job/{job_id}")


def model_invocation_job_arn(region: str, account_id: str, job_id: str) -> str:
    """Return the ARN of a batch inference job."""
    return _bedrock(region, account_id, f"model-invocation-job/{job_id}")


def model_copy_job_arn(region: str, account_id: str, job_id: str) -> str:
    """Return the ARN of a model copy job."""
    return _bedrock(region, account_id, f"model-copy-job/{job_id}")


def _bedrock(region: str, account_id: str, resource: str) -> str:
    return f"arn:aws:bedrock:{region}:{account_id}:{resource}"
