"""The catalogue of foundation models: bundled, added by the user, and AWS ids mapped onto them."""

import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from outcrop.core.errors import ModelNotFound
from outcrop.core.hyperparameters import family_of
from outcrop.core.models import BaseModel, dialect_of, stem_of
from outcrop.storage.base_model_files import MANIFEST, copy_model, read_config
from outcrop.storage.home import Home

__all__ = ["BaseModel", "BaseModelStore"]

BUNDLED_MODEL_ID = "outcrop.nano-v1:0"
_ARN_SEPARATOR = ":foundation-model/"
# AWS's limit for modelName and providerName in the catalogue.
_LONGEST_NAME = 20
_DEFAULT_CONTEXT_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class _Catalogue:
    modified_ns: int
    models: dict[str, BaseModel]


class BaseModelStore:
    """Finds foundation models by id, ARN or alias, and adds new ones.

    Args:
        home: models that the user added lie in its models/base, one folder each, named by id.
        aliases: AWS model id → local model id.
        bundled_folder: folder of the model that comes with the product.
    """

    def __init__(self, home: Home, aliases: Mapping[str, str], bundled_folder: Path) -> None:
        self._home = home
        self._aliases = dict(aliases)
        self._bundled_folder = bundled_folder
        self._catalogue: _Catalogue | None = None
        self._found: dict[str, BaseModel] = {}

    def list(self) -> list[BaseModel]:
        """Return every model and alias, by id; an alias of a model that is not there is left out."""
        models = dict(self._models())
        for alias in self._aliases:
            with suppress(ModelNotFound):
                models.setdefault(alias, self.get(alias))
        return [models[model_id] for model_id in sorted(models)]

    def get(self, identifier: str) -> BaseModel:
        """Return the model of an id, alias or ARN, with or without suffixes such as `:7:4k`.

        An alias answers under the id that was asked for, with the family and dialect of that vendor.

        Raises:
            ModelNotFound: none answers to it; the message names those that do.
        """
        models = self._models()
        found = self._found.get(identifier)
        if found is None:
            model_id = identifier.rsplit(_ARN_SEPARATOR, 1)[-1]
            found = self._found[identifier] = self._find(model_id, models)
        return found

    def add(self, source: str, model_id: str) -> BaseModel:
        """Copy a Hugging Face folder, or download a hub model, into the catalogue.

        Args:
            source: a local folder, or a hub id such as "org/name".
            model_id: id in AWS's form, "provider.name-v1:0".

        Raises:
            ModelNotFound: the source is no usable model; says what is missing.
            StorageFull: the disk has no room.
        """
        if model_id in self._models() or model_id in self._aliases:
            raise ModelNotFound(f"{model_id} is already in the catalogue: choose another id")
        copy_model(source, model_id, self._home.base_models)
        return self.get(model_id)

    def _find(self, model_id: str, models: Mapping[str, BaseModel]) -> BaseModel:
        for candidate in _without_suffixes(model_id):
            if candidate in models:
                return models[candidate]
            if candidate in self._aliases:
                return _under_alias(self._find_target(candidate, models), model_id)
        raise ModelNotFound(
            f"no foundation model {model_id!r}. Available: {', '.join(sorted([*models, *self._aliases]))}. "
            "Map an AWS id onto one of them with OUTCROP_MODEL_ALIASES, or add a model with "
            "`outcrop models add`"
        )

    def _find_target(self, alias: str, models: Mapping[str, BaseModel]) -> BaseModel:
        for candidate in _without_suffixes(self._aliases[alias]):
            if candidate in models:
                return models[candidate]
        raise ModelNotFound(
            f"{alias} is mapped onto {self._aliases[alias]}, which is not in the catalogue. "
            f"Available: {', '.join(sorted(models))}"
        )

    def _models(self) -> dict[str, BaseModel]:
        # Another process (the CLI) may add a model at any time: its folder's time tells.
        folder = self._home.base_models
        modified_ns = folder.stat().st_mtime_ns if folder.exists() else 0
        if self._catalogue is None or self._catalogue.modified_ns != modified_ns:
            self._catalogue = _Catalogue(modified_ns, dict(self._read()))
            self._found.clear()
        return self._catalogue.models

    def _read(self) -> Iterator[tuple[str, BaseModel]]:
        if (self._bundled_folder / "config.json").exists():
            yield BUNDLED_MODEL_ID, _describe(self._bundled_folder, BUNDLED_MODEL_ID)
        if self._home.base_models.exists():
            for folder in sorted(self._home.base_models.iterdir()):
                # Copies in the making have a name that no id can have.
                if not folder.name.startswith(".") and (folder / "config.json").exists():
                    yield folder.name, _describe(folder, folder.name)


def _under_alias(model: BaseModel, model_id: str) -> BaseModel:
    provider, _, name = stem_of(model_id).partition(".")
    return replace(
        model,
        model_id=model_id,
        name=name[:_LONGEST_NAME],
        provider=provider.title()[:_LONGEST_NAME],
        family=family_of(model_id),
        dialect=dialect_of(model_id),
    )


def _without_suffixes(model_id: str) -> Iterator[str]:
    yield model_id
    while ":" in model_id:
        model_id = model_id.rpartition(":")[0]
        yield model_id


def _describe(folder: Path, model_id: str) -> BaseModel:
    config = read_config(folder)
    manifest_file = folder / MANIFEST
    manifest: dict[str, Any] = (
        json.loads(manifest_file.read_text()) if manifest_file.exists() else {}
    )
    provider, _, name = stem_of(model_id).partition(".")
    return BaseModel(
        model_id=model_id,
        name=str(manifest.get("name", name))[:_LONGEST_NAME],
        provider=str(manifest.get("provider", provider.title()))[:_LONGEST_NAME],
        folder=folder,
        architecture=(config.get("architectures") or ["unknown"])[0],
        context_tokens=int(config.get("max_position_embeddings") or _DEFAULT_CONTEXT_TOKENS),
        parameters=sum(_count_parameters(file) for file in folder.glob("*.safetensors")),
        has_chat_template=_has_chat_template(folder),
        customizations=("FINE_TUNING",),
        family=family_of(model_id),
        dialect=dialect_of(model_id),
    )


def _count_parameters(file: Path) -> int:
    """Add up the tensors' sizes from a safetensors header: 8 bytes of length, then JSON."""
    with file.open("rb") as stream:
        (header_bytes,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(header_bytes))
    total = 0
    for name, tensor in header.items():
        if name != "__metadata__":
            count = 1
            for length in tensor["shape"]:
                count *= length
            total += count
    return total


def _has_chat_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").exists() or (folder / "chat_template.json").exists():
        return True
    tokenizer_config = folder / "tokenizer_config.json"
    return tokenizer_config.exists() and bool(
        json.loads(tokenizer_config.read_text()).get("chat_template")
    )
