"""The quotas that exist: name, code, default.

Codes are AWS's own where AWS has the same quota. Those that AWS has only for single models of its own, and those of
Outcrop alone, carry a code that is derived from their name (`derived_code`), so that it never changes. Defaults are AWS's
(General Reference, "Amazon Bedrock endpoints and quotas", and those of S3, IAM and KMS) except for model units, where AWS
gives nothing until one has paid: here they are places on one's own machine.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

BEDROCK, IAM, KMS, S3 = "bedrock", "iam", "kms", "s3"
SERVICE_NAMES: Mapping[str, str] = {
    BEDROCK: "Amazon Bedrock",
    IAM: "AWS Identity and Access Management (IAM)",
    KMS: "AWS Key Management Service (AWS KMS)",
    S3: "Amazon Simple Storage Service (Amazon S3)",
}


def derived_code(name: str) -> str:
    """Return the code of a quota that AWS has none for, in AWS's form."""
    return f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"


@dataclass(frozen=True, slots=True)
class Quota:
    """One quota.

    Attributes:
        code: such as "L-CB5B847D"; unique within its service.
        default: its value until an administrator changes it.
        is_adjustable: whether users may ask for more; an administrator may set any.
        is_global: one value for the account instead of one for each region.
    """

    service: str
    code: str
    name: str
    default: float
    is_adjustable: bool
    description: str
    is_global: bool = False


def _quota(  # noqa: PLR0913  # a row of the tables below
    service: str,
    name: str,
    default: float,
    description: str,
    *,
    code: str = "",
    fixed: bool = False,
    is_global: bool = False,
) -> Quota:
    code = code or derived_code(name)
    return Quota(service, code, name, default, not fixed, description, is_global)


CUSTOM_MODELS = _quota(
    BEDROCK,
    "Custom models per account",
    100,
    "The maximum number of custom models, those that jobs are making included.",
    code="L-CB5B847D",
)
SCHEDULED_JOBS = _quota(
    BEDROCK,
    "(Model customization) Scheduled customization jobs",
    10,
    "The maximum number of customization jobs that have not ended.",
    code="L-0406044C",
    fixed=True,
)
CREATING_DEPLOYMENTS = _quota(
    BEDROCK,
    "In-progress custom model deployments",
    2,
    "The maximum number of custom model deployments that are being created.",
)
DEPLOYMENTS = _quota(
    BEDROCK,
    "Total custom model deployments",
    10,
    "The maximum number of custom model deployments.",
)
UNITS_PER_MODEL = _quota(
    BEDROCK,
    "Model units per provisioned model",
    10,
    "The maximum number of model units of one provisioned model.",
)
UNITS_OF_BASE_MODELS = _quota(
    BEDROCK,
    "Model units no-commitment Provisioned Throughputs across base models",
    50,
    "The maximum number of model units of provisioned models without commitment that serve base models.",
    code="L-FE44174A",
)
UNITS_OF_CUSTOM_MODELS = _quota(
    BEDROCK,
    "Model units no-commitment Provisioned Throughputs across custom models",
    50,
    "The maximum number of model units of provisioned models without commitment that serve custom models.",
    code="L-BE77399C",
)
INFERENCE_PROFILES = _quota(
    BEDROCK,
    "Inference profiles per account",
    1000,
    "The maximum number of inference profiles of the account's own.",
    code="L-40EC9882",
)
IMPORTED_MODELS = _quota(
    BEDROCK,
    "Imported models per account",
    3,
    "The maximum number of imported models.",
    code="L-45B04988",
)
IMPORT_JOBS = _quota(
    BEDROCK,
    "Concurrent model import jobs",
    1,
    "The maximum number of model import jobs in progress.",
    code="L-5F098EFA",
    fixed=True,
)
EVALUATION_JOBS = _quota(
    BEDROCK,
    "(Evaluation) Number of evaluation jobs",
    5000,
    "The maximum number of evaluation jobs.",
    code="L-24CCD302",
    fixed=True,
)
AUTOMATIC_EVALUATIONS = _quota(
    BEDROCK,
    "(Evaluation) Number of concurrent automatic model evaluation jobs",
    20,
    "The maximum number of automatic evaluation jobs in progress.",
    code="L-557C8C47",
    fixed=True,
)
TAGS = _quota(
    BEDROCK,
    "Tags per resource",
    50,
    "The maximum number of tags of one resource.",
    fixed=True,
)


def _records(model: str, default: float, code: str = "") -> Quota:
    return _quota(
        BEDROCK,
        f"(Model customization) Sum of training and validation records for a {model} Fine-tuning job",
        default,
        f"The maximum number of records in the training and validation files of a {model} job.",
        code=code,
    )


# Model family (core/hyperparameters.py) → its quota.
_RECORDS: Mapping[str, Quota] = {
    "amazon.nova": _records("Amazon Nova", 20_000),
    "amazon.titan-text-lite": _records("Titan Text G1 - Lite v1", 10_000, "L-3B82104D"),
    "amazon.titan-text-express": _records("Titan Text G1 - Express v1", 10_000, "L-79BA683B"),
    "amazon.titan-text-premier": _records("Titan Text G1 - Premier v1", 20_000, "L-C0CACF50"),
    "anthropic.claude-3-haiku": _records("Claude 3 Haiku v1", 10_000),
    "cohere.command": _records("Cohere Command", 11_000),
    "cohere.command-light": _records("Cohere Command Light", 11_000),
    "meta.llama3": _records("Meta Llama 3", 10_000),
}
_OWN_RECORDS = _quota(
    BEDROCK,
    "(Model customization) Sum of training and validation records for a Fine-tuning job of other models",
    100_000,
    "The maximum number of records in the training and validation files of a job on a model of one's own.",
)


def records_quota(family: str) -> Quota:
    """Return the quota of a model family's training and validation records."""
    return _RECORDS.get(family, _OWN_RECORDS)


BUCKETS = _quota(
    S3,
    "General purpose buckets",
    10_000,
    "The maximum number of general purpose buckets.",
    code="L-DC2B2D3D",
    is_global=True,
)


def _iam(name: str, default: float, code: str, *, fixed: bool = False) -> Quota:
    description = f"The maximum number of {name[0].lower()}{name[1:]}."
    return _quota(IAM, name, default, description, code=code, fixed=fixed, is_global=True)


USERS = _iam("Users per account", 5000, "L-F55AF5E4", fixed=True)
ROLES = _iam("Roles per account", 1000, "L-FE177D64")
GROUPS = _iam("Groups per account", 300, "L-F4A5425F")
POLICIES = _iam("Customer managed policies per account", 1500, "L-E95E4862")
INSTANCE_PROFILES = _iam("Instance profiles per account", 1000, "L-6E65F664")
POLICIES_PER_ROLE = _iam("Managed policies per role", 10, "L-0DA4ABF3")
POLICIES_PER_USER = _iam("Managed policies per user", 10, "L-4019AD8B")
POLICIES_PER_GROUP = _iam("Managed policies per group", 10, "L-384571C4")

KEYS = _quota(
    KMS,
    "Customer Master Keys (CMKs)",
    100_000,
    "The maximum number of KMS keys, in any state.",
    code="L-C2F1777E",
)


def _by_code(quotas: Iterable[Quota]) -> dict[tuple[str, str], Quota]:
    return {(quota.service, quota.code): quota for quota in quotas}


# (service, code) → quota, in the order in which they are listed.
QUOTAS: Mapping[tuple[str, str], Quota] = _by_code(
    (
        CUSTOM_MODELS,
        SCHEDULED_JOBS,
        *_RECORDS.values(),
        _OWN_RECORDS,
        CREATING_DEPLOYMENTS,
        DEPLOYMENTS,
        UNITS_PER_MODEL,
        UNITS_OF_BASE_MODELS,
        UNITS_OF_CUSTOM_MODELS,
        INFERENCE_PROFILES,
        IMPORTED_MODELS,
        IMPORT_JOBS,
        EVALUATION_JOBS,
        AUTOMATIC_EVALUATIONS,
        TAGS,
        USERS,
        ROLES,
        GROUPS,
        POLICIES,
        INSTANCE_PROFILES,
        POLICIES_PER_ROLE,
        POLICIES_PER_USER,
        POLICIES_PER_GROUP,
        KEYS,
        BUCKETS,
    )
)
