"""A Hugging Face model as the scheduler sees it: prefill, decode, log-probabilities.

Notation used for tensor shapes: B rows, T tokens, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoTokenizer

from outcrop.core.errors import EngineError
from outcrop.inference.native.adapters import Adapter, AdapterSet
from outcrop.inference.native.cache import RowCache
from outcrop.inference.weight_files import load_causal_model

_ATTENTION_KINDS = {"full_attention", "sliding_attention"}
# A decode step of a small model is hundreds of products too short to divide: threads would mostly wait for each
# other, and for whoever else has the second core.
_ONE_THREAD_BELOW_PARAMETERS = 30_000_000


@dataclass(frozen=True, slots=True)
class ScoredText:
    """Tokens whose tail is scored: `ids[prompt_tokens:]` given what stands before each."""

    ids: list[int]
    prompt_tokens: int
    adapter: Adapter | None


class ServedModel:
    """One model in memory, on the GPU in bfloat16 where there is one, else on the CPU in float32.

    Args:
        folder: Hugging Face folder with safetensors weights; no code in it is run.
        threads: CPU threads of torch; small models take one.
        key: of the folder where it is sealed.

    Raises:
        EngineError: an architecture that the running batch cannot hold.
        OSError, ValueError: what transformers raises for incomplete folders.
    """

    def __init__(self, folder: Path, threads: int, key: bytes | None = None) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        text_config = config.get_text_config(decoder=True)
        kinds = set(getattr(text_config, "layer_types", None) or ()) - _ATTENTION_KINDS
        if kinds or config.is_encoder_decoder:
            what = "encoder-decoder" if config.is_encoder_decoder else ", ".join(sorted(kinds))
            raise EngineError(f"models of type {config.model_type} ({what}) are not served yet")
        self.tokenizer: Any = AutoTokenizer.from_pretrained(  # Any: transformers has no types
            folder, local_files_only=True, trust_remote_code=False
        )
        dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        self._model: Any = load_causal_model(folder, key, dtype)  # Any: transformers has no types
        self._model.to(self.device).eval().requires_grad_(False)
        is_small = self._model.num_parameters() < _ONE_THREAD_BELOW_PARAMETERS
        torch.set_num_threads(1 if is_small else threads)
        self.adapters = AdapterSet(self._model)
        self.context_tokens = int(text_config.max_position_embeddings)
        self.vocabulary_size = int(text_config.vocab_size)
        self._layer_count = int(text_config.num_hidden_layers)
        self.end_ids = _end_ids(self._model, self.tokenizer)

    def new_cache(self) -> RowCache:
        """Return a cache without rows."""
        return RowCache(self._layer_count)

    def prefill(self, ids: Sequence[int], adapter: Adapter | None) -> tuple[Tensor, RowCache]:
        """Read a prompt.

        Returns:
            The last position's logits, shape [1, V], and a cache that holds the prompt as its only row.
        """
        cache = self.new_cache()
        cache.lengths = [0]
        return self._forward([list(ids)], cache, [adapter]), cache

    def decode(
        self, tokens: Sequence[int], cache: RowCache, adapters: Sequence[Adapter | None]
    ) -> Tensor:
        """Feed each row its newest token; returns the logits of the next ones, shape [B, V]."""
        return self._forward([[token] for token in tokens], cache, adapters)

    def log_probabilities(self, texts: Sequence[ScoredText]) -> list[float]:
        """Return log p(tail | head) of each text in nats; the texts are computed as one batch."""
        width = max(len(text.ids) for text in texts)
        kept = max(len(text.ids) - text.prompt_tokens for text in texts) + 1
        cache = self.new_cache()
        # Rows are aligned at their ends as in decoding, so that the tails stand in the last columns.
        cache.lengths = [len(text.ids) - width for text in texts]
        rows = [[0] * (width - len(text.ids)) + text.ids for text in texts]
        adapters = [text.adapter for text in texts]
        logits = self._forward(rows, cache, adapters, kept_columns=kept)
        scores = []
        for row, text in enumerate(texts):
            tail = text.ids[text.prompt_tokens :]
            predicted = logits[row, -len(tail) - 1 : -1].float().log_softmax(dim=-1)
            wanted = torch.tensor(tail, device=self.device)[:, None]
            scores.append(float(predicted.gather(1, wanted).double().sum()))
        return scores

    def _forward(
        self,
        rows: list[list[int]],
        cache: RowCache,
        adapters: Sequence[Adapter | None],
        kept_columns: int = 1,
    ) -> Tensor:
        """Run the model over [B, T] new tokens; negative lengths in the cache are padding among them."""
        new = len(rows[0])
        before = torch.tensor(cache.lengths, device=self.device)
        positions = (before[:, None] + torch.arange(new, device=self.device)).clamp(min=0)
        self.adapters.activate(adapters)
        output = self._model(
            input_ids=torch.tensor(rows, device=self.device),
            attention_mask=cache.attention_mask(new, self.device),
            position_ids=positions,
            past_key_values=cache.past_key_values,
            use_cache=True,
            logits_to_keep=kept_columns,
        )
        cache.grow(new)
        logits: Tensor = output.logits
        return logits[:, -1] if kept_columns == 1 else logits


def _end_ids(model: Any, tokenizer: Any) -> frozenset[int]:  # Any: transformers has no types
    """Return the tokens that end a turn, wherever the folder names them."""
    found: set[int] = set()
    for value in (
        model.generation_config.eos_token_id,
        model.config.eos_token_id,
        tokenizer.eos_token_id,
    ):
        if value is not None:
            found.update([value] if isinstance(value, int) else value)
    return frozenset(found)
