"""What records say of an operation, worked out once: its names, its kind, what is shown of its calls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from outcrop.aws import service_models
from outcrop.governance.audit.masking import Mask, compile_mask
from outcrop.governance.audit.resources import Finder, compile_finder

if TYPE_CHECKING:
    from botocore.model import OperationModel

_READS = (
    "Get", "List", "Head", "Describe", "Lookup", "Simulate", "Search", "Select", "BatchGet", "Count",
    "Verify", "Validate", "Decode", "Query", "Test",
)  # fmt: skip
# Uses of a key, a model or a role change nothing that an auditor would look for among changes; AWS says so too.
_FURTHER_READS = {
    "kms": (
        "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateMac", "GenerateRandom", "Sign",
        "DeriveSharedSecret",
    ),
    "sts": ("AssumeRole",),
    "bedrock-runtime": ("Invoke", "Converse", "ApplyGuardrail"),
}  # fmt: skip
_S3_DATA = {
    "DeleteObjects",
    "HeadBucket",
    "ListMultipartUploads",
    "ListObjectVersions",
    "ListObjects",
    "ListObjectsV2",
}
_DATA = {
    ("lambda", "Invoke"),
    ("lambda", "InvokeAsync"),
    ("lambda", "InvokeWithResponseStream"),
    ("logs", "PutLogEvents"),
    ("sns", "Publish"),
    ("sns", "PublishBatch"),
}
_EVENT_NAMES = {("s3", "ListObjectsV2"): "ListObjects"}


@dataclass(frozen=True, slots=True)
class Plan:
    """How calls of one operation are recorded.

    Attributes:
        source: such as "s3.amazonaws.com".
        name: of the event.
        only_reads: whether calls change nothing.
        is_data: whether they concern content rather than resources.
        show_request: parameters → what is shown of them.
        show_result: the same for results.
        resources: finds what a call names.
    """

    source: str
    name: str
    only_reads: bool
    is_data: bool
    show_request: Mask
    show_result: Mask
    resources: Finder

    @property
    def category(self) -> str:
        """The record's eventCategory."""
        return "Data" if self.is_data else "Management"


def plan_for(service: str, model: OperationModel, account_id: str) -> Plan:
    """Return the plan of an operation.

    Args:
        service: botocore's name.
        model: the operation's.
        account_id: the one account.
    """
    name = model.name
    request = model.input_shape
    has_key = service == "s3" and request is not None and "Key" in request.members
    return Plan(
        source=event_source(service),
        name=_EVENT_NAMES.get((service, name), name),
        only_reads=name.startswith(_READS) or name.startswith(_FURTHER_READS.get(service, ("\0",))),
        is_data=has_key or (service == "s3" and name in _S3_DATA) or (service, name) in _DATA,
        show_request=compile_mask(request, service),
        show_result=compile_mask(model.output_shape, service),
        resources=compile_finder(service, request, model.output_shape, account_id),
    )


@lru_cache(64)
def event_source(service: str) -> str:
    """Return the address under which records name a service, by botocore's name."""
    try:
        return f"{service_models.describe(service).signing_name}.amazonaws.com"
    except LookupError:
        return f"{service}.amazonaws.com"
