"""Bedrock's resources as decisions see them: which ARN a name stands for, and what tags it carries."""

from outcrop.aws.arns import foundation_model_arn, is_arn
from outcrop.core.errors import ModelNotFound
from outcrop.core.inference_profiles import APPLICATION, SYSTEM, read_profile_id
from outcrop.identity.permissions import NO_FACTS, ResourceFacts
from outcrop.services.bedrock.identifiers import id_of
from outcrop.services.platform import Platform
from outcrop.storage import customization_jobs, models, tags
from outcrop.storage.endpoints import DEPLOYMENTS, THROUGHPUTS

# Jobs are neither renamed nor deleted: what a name of theirs stands for may be remembered.
LASTING_NAMES = frozenset({"model-customization-job"})
_UNTAGGED = frozenset({"foundation-model", SYSTEM})


def find(kind: str, identifier: str, region: str, platform: Platform) -> str:
    """Return the ARN of what a request names.

    Args:
        kind: a resource type of Bedrock's ARNs; or "base-model" (foundation or custom model, whatever was named), or
            "foundation-model-of" (the foundation model under what was named).
        identifier: ARN, name or id.
        region: of the call.
        platform: where to look.
    """
    if kind == "foundation-model-of":
        return _foundation_model_of(identifier, region, platform)
    if kind == "foundation-model":
        return _foundation_model(identifier, region, platform)
    if kind == "base-model":
        row = _custom_model(identifier, region, platform)
        if row is None and ":custom-model/" in identifier:
            return identifier
        return row.arn if row else _foundation_model(identifier, region, platform)
    if is_arn(identifier):
        return identifier
    return _named(kind, identifier, region, platform)


def facts(arn: str, platform: Platform) -> ResourceFacts:
    """Return a resource's tags; nothing here has a policy."""
    kind = arn.split(":", 5)[-1].partition("/")[0]
    if kind in _UNTAGGED or arn.endswith("/*"):
        return NO_FACTS
    found = tags.of(platform.database.reader, arn)
    return ResourceFacts(tags=found) if found else NO_FACTS


def _named(kind: str, name: str, region: str, platform: Platform) -> str:
    reader = platform.database.reader
    arn: str | None = None
    resource_type = kind
    match kind:
        case "model-customization-job":
            arn = customization_jobs.arn_of(reader, region, name)
        case "custom-model":
            model = models.find(reader, region, name=name)
            arn = model.arn if model else None
        case "provisioned-model":
            # Ids come first, as in the operations: a name may be spelled like the id of another.
            throughput = THROUGHPUTS.get(reader, name) or THROUGHPUTS.find(
                reader, region, name=name
            )
            arn = throughput.arn if throughput else None
        case "custom-model-deployment":
            deployment = DEPLOYMENTS.find(reader, region, name=name)
            arn = deployment.arn if deployment else None
        case "inference-profile":
            resource_type = SYSTEM if read_profile_id(name) else APPLICATION
    return arn or f"arn:aws:bedrock:{region}:{platform.account_id}:{resource_type}/{name}"


def _custom_model(identifier: str, region: str, platform: Platform) -> models.ModelRow | None:
    reader = platform.database.reader
    if not is_arn(identifier):
        return models.find(reader, region, name=identifier)
    if ":custom-model/" not in identifier:
        return None
    row = models.get(reader, id_of(identifier))
    return row if row is not None and row.arn == identifier else None


def _foundation_model_of(identifier: str, region: str, platform: Platform) -> str:
    row = _custom_model(identifier, region, platform)
    return row.foundation_model_arn if row else _foundation_model(identifier, region, platform)


def _foundation_model(identifier: str, region: str, platform: Platform) -> str:
    """Return the one ARN of a model that answers to several ids, so that no spelling slips past a policy."""
    model_id = identifier.rsplit("/", 1)[-1]
    try:
        model_id = platform.base_models.get(model_id).model_id
    except ModelNotFound:
        return identifier if is_arn(identifier) else foundation_model_arn(region, model_id)
    return foundation_model_arn(region, model_id)
