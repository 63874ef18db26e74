"""Models: the grammar of their ids, the vendors' dialects, and what a model that answers requests is."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from outcrop.core.weights import Weights

# API reference, foundation model ids: provider.name[:version[:context]], lower case.
_MODEL_ID = re.compile(
    r"[a-z0-9-]{1,63}\.[a-z0-9-]{1,63}(?:[.][a-z0-9-]{1,63}){0,2}(?::[a-z0-9-]{1,63}){0,2}"
)

_OWN_DIALECT = "outcrop"
# Prefix of a model id → whose request and response bodies InvokeModel speaks on it.
_DIALECTS = (
    ("cohere.command", "cohere.command"),
    ("amazon.titan-text", "amazon.titan-text"),
    ("amazon.nova", "amazon.nova"),
    ("meta.llama3", "meta.llama3"),
    ("anthropic.claude", "anthropic.claude"),
)


class EndpointStatus(StrEnum):
    """Where a provisioned throughput or deployment stands, in our words; AWS has two spellings."""

    CREATING = "Creating"
    READY = "Ready"
    UPDATING = "Updating"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A foundation model of the catalogue.

    Attributes:
        model_id: id in AWS's form; for an alias, the id that was asked for.
        folder: Hugging Face folder with config.json, safetensors and tokenizer.
        architecture: class that transformers would load, such as LlamaForCausalLM.
        context_tokens: longest sequence it takes, prompt and answer together.
        parameters: number of weights.
        customizations: what CreateModelCustomizationJob offers on it.
        family: whose hyperparameters (names, ranges, defaults) a job on it takes.
        dialect: whose request and response bodies InvokeModel speaks.
    """

    model_id: str
    name: str
    provider: str
    folder: Path
    architecture: str
    context_tokens: int
    parameters: int
    has_chat_template: bool
    customizations: tuple[str, ...]
    family: str
    dialect: str


@dataclass(frozen=True, slots=True)
class Invocable:
    """What an ARN that may be invoked stands for.

    Attributes:
        model_id: what the caller named it by.
        base_model_id: foundation model under it; its dialect is spoken.
        is_ready: whether it may be invoked now.
        status: its status in AWS's spelling, for messages.
    """

    model_id: str
    weights: Weights
    base_model_id: str
    is_ready: bool
    status: str


def is_model_id(text: str) -> bool:
    """Whether a text can be the id of a foundation model in AWS's ARNs."""
    return _MODEL_ID.fullmatch(text) is not None


def dialect_of(model_id: str) -> str:
    """Return the dialect of a model id; what is no known vendor's speaks Outcrop's own."""
    return next((name for prefix, name in _DIALECTS if model_id.startswith(prefix)), _OWN_DIALECT)


def stem_of(model_id: str) -> str:
    """Return "provider.name" of a model id, without version and context: a baseModelName."""
    return model_id.split(":", 1)[0]
