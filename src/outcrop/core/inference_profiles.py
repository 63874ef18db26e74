"""Inference profiles: one id for a model in several regions.

A system-defined profile exists for each model of the catalogue in each geography; its id is the geography, a dot and
the model's id. On this server all regions are the same machine: what differs between them is who may use the model
where, so the regions of a profile matter to policies alone.
"""

from dataclasses import dataclass

# User guide, "Supported Regions and models for inference profiles": the regions most profiles lead to. At most five
# fit into an answer.
GEOGRAPHIES = {
    "us": ("us-east-1", "us-east-2", "us-west-2"),
    "eu": ("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-3"),
    "apac": (
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
    ),
}
_PREFIXES = {"us": ("us-",), "eu": ("eu-",), "apac": ("ap-",)}
_NOT_COMMERCIAL = ("us-gov-", "us-iso")
SYSTEM = "inference-profile"
APPLICATION = "application-inference-profile"


@dataclass(frozen=True, slots=True)
class SystemProfile:
    """A profile that every account has.

    Attributes:
        geography: "us", "eu" or "apac".
        model_id: of the model it leads to.
    """

    geography: str
    model_id: str

    @property
    def profile_id(self) -> str:
        """Its id, such as "us.outcrop.nano-v1:0"."""
        return f"{self.geography}.{self.model_id}"

    @property
    def model_arns(self) -> tuple[str, ...]:
        """The model in each region that a call may be sent to."""
        return tuple(
            f"arn:aws:bedrock:{region}::foundation-model/{self.model_id}"
            for region in GEOGRAPHIES[self.geography]
        )


def geography_of(region: str) -> str:
    """Return the geography whose profiles a region offers, or "" where it offers none."""
    if region.startswith(_NOT_COMMERCIAL):
        return ""
    return next((name for name, starts in _PREFIXES.items() if region.startswith(starts)), "")


def read_profile_id(profile_id: str) -> SystemProfile | None:
    """Return the system-defined profile of an id, or None when the id is not of that form.

    Whether the catalogue has the model is for the caller to find out.
    """
    geography, dot, model_id = profile_id.partition(".")
    if not dot or geography not in GEOGRAPHIES or "." not in model_id:
        return None
    return SystemProfile(geography, model_id)


def profile_offered(identifier: str, region: str) -> bool:
    """Whether a region offers the system-defined profile of an id or ARN, provided the model is there."""
    found = read_profile_id(identifier.rsplit("/", 1)[-1])
    return found is not None and found.geography == geography_of(region)


def models_of_source(source_arn: str) -> tuple[str, ...]:
    """Return the ARNs of the foundation models behind what an application profile was copied from.

    Args:
        source_arn: of a foundation model or of a system-defined profile.
    """
    kind, _, identifier = source_arn.split(":", 5)[-1].partition("/")
    if kind != SYSTEM:
        return (source_arn,)
    profile = read_profile_id(identifier)
    return profile.model_arns if profile else ()
