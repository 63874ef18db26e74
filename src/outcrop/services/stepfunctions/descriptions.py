"""What is told of a machine or a version: the members that DescribeStateMachine and its kin share."""

from collections.abc import Mapping
from typing import Any

from outcrop.services.stepfunctions import variable_references
from outcrop.storage.state_machines import Content

WITHOUT_DATA = "METADATA_ONLY"
_NO_DEFINITION = "{}"  # what AWS puts in the place of a definition that was not asked for


def describe(content: Content, definition: str) -> dict[str, Any]:
    """Return the members that tell what a machine is made of."""
    return {
        "roleArn": content.role_arn,
        "loggingConfiguration": content.logging,
        "tracingConfiguration": content.tracing,
        "encryptionConfiguration": content.encryption,
        "revisionId": content.revision_id or None,
        **describe_definition(definition),
    }


def describe_definition(definition: str | None) -> dict[str, Any]:
    """Return a definition and the variables that its states refer to; None for one that is left out."""
    if definition is None or definition == _NO_DEFINITION:
        return {"definition": _NO_DEFINITION}
    references: Mapping[str, list[str]] = variable_references.find(definition)
    return {"definition": definition, "variableReferences": references or None}


def without_definition(content: Content) -> dict[str, Any]:
    """Return the members for a caller who asked for metadata only."""
    return describe(content, _NO_DEFINITION)
