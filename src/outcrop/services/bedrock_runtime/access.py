"""What an invocation names, as decisions see it; tags of these resources are the control plane's to know."""

from outcrop.aws.arns import foundation_model_arn, is_arn
from outcrop.core.errors import ModelNotFound
from outcrop.core.inference_profiles import APPLICATION, SYSTEM, read_profile_id
from outcrop.identity.permissions import NO_FACTS, ResourceFacts
from outcrop.services.platform import Platform
from outcrop.storage import inference_profiles
from outcrop.storage.endpoints import THROUGHPUTS


def find(kind: str, identifier: str, region: str, platform: Platform) -> str:
    """Return the ARN of what a request names.

    Args:
        kind: "invocable" for a modelId, "source-of-inference-profile" for what a profile (by ARN) was copied from,
            or a resource type of Bedrock's ARNs.
        identifier: ARN, id or name.
        region: of the call.
        platform: where to look.
    """
    if kind == "source-of-inference-profile":
        return _source(identifier, region, platform)
    if kind != "invocable":
        return identifier if is_arn(identifier) else _own(kind, identifier, region, platform)
    return _invocable(identifier, region, platform)


def facts(_arn: str, _platform: Platform) -> ResourceFacts:
    """Return nothing: no ARN names this service."""
    return NO_FACTS


def _invocable(identifier: str, region: str, platform: Platform) -> str:
    """Return the ARN of a modelId; invocations go by it too, so that what is checked is what runs."""
    if is_arn(identifier) and ":foundation-model/" not in identifier:
        return identifier
    if read_profile_id(identifier):
        return _own(SYSTEM, identifier, region, platform)
    # Names of provisioned throughput and ids of application profiles hold no dot, ids of models do.
    found = None if "." in identifier else _endpoint(identifier, region, platform)
    return found or _foundation_model(identifier, region, platform)


def _endpoint(name: str, region: str, platform: Platform) -> str | None:
    """Return the ARN of a provisioned throughput or application profile, by name or id."""
    reader = platform.database.reader
    throughput = THROUGHPUTS.find(reader, region, name=name) or THROUGHPUTS.get(reader, name)
    if throughput is not None and throughput.region == region:
        return throughput.arn
    profile = inference_profiles.get(reader, name, region)
    return None if profile is None else profile.arn


def _foundation_model(identifier: str, region: str, platform: Platform) -> str:
    model_id = identifier.rsplit("/", 1)[-1]
    try:
        model_id = platform.base_models.get(model_id).model_id
    except ModelNotFound:
        return identifier if is_arn(identifier) else foundation_model_arn(region, model_id)
    return foundation_model_arn(region, model_id)


def _own(kind: str, name: str, region: str, platform: Platform) -> str:
    return f"arn:aws:bedrock:{region}:{platform.account_id}:{kind}/{name}"


def _source(arn: str, region: str, platform: Platform) -> str:
    resource_type, _, profile_id = arn.split(":", 5)[-1].partition("/")
    if resource_type != APPLICATION:
        return arn
    row = inference_profiles.get(platform.database.reader, profile_id, region)
    return arn if row is None or row.arn != arn else row.source_arn
