"""Keys and values of the running batch: rows of unequal length, aligned at their ends.

Every row's newest token stands in the same column, so one decode step writes one column for all rows; a shorter row
has unused columns on its left, its padding. Rows join and leave between steps.

Notation used for tensor shapes: B rows, H key-value heads, T columns, D head dimension.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

_SPARE_COLUMNS = 64


class _Layer(DynamicLayer):  # type: ignore[misc]  # transformers has no types
    """One layer's keys and values in buffers with spare columns, so that a step copies one column and not all."""

    def __init__(self) -> None:
        super().__init__()
        self.used = 0
        self._key_buffer: Tensor | None = None
        self._value_buffer: Tensor | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *_: object, **__: object
    ) -> tuple[Tensor, Tensor]:
        """Append [B, H, new, D] columns and return views of all that are used."""
        end = self.used + key_states.shape[-2]
        self._key_buffer = self._with_room(self._key_buffer, key_states, end)
        self._value_buffer = self._with_room(self._value_buffer, value_states, end)
        self._key_buffer[:, :, self.used : end] = key_states
        self._value_buffer[:, :, self.used : end] = value_states
        self._show(end)
        return self.keys, self.values

    def _with_room(self, buffer: Tensor | None, new: Tensor, end: int) -> Tensor:
        if buffer is not None and end <= buffer.shape[-2]:
            return buffer
        batch, heads, _, dim = new.shape
        # Grows by an eighth, so that the copies of a long answer stay few.
        grown = new.new_zeros((batch, heads, end + max(_SPARE_COLUMNS, end // 8), dim))
        if buffer is not None:
            grown[:, :, : self.used] = buffer[:, :, : self.used]
        return grown

    def _show(self, used: int) -> None:
        assert self._key_buffer is not None
        assert self._value_buffer is not None
        self.used = used
        self.keys = self._key_buffer[:, :, :used]
        self.values = self._value_buffer[:, :, :used]
        self.is_initialized = True

    def replace(self, parts: "Sequence[tuple[_Layer, Sequence[int]]]", columns: int) -> None:
        """Become the chosen rows of some layers, aligned at their ends in `columns` columns."""
        shown = [(layer.keys, layer.values, list(rows)) for layer, rows in parts if rows]
        self._key_buffer = _gather([(keys, rows) for keys, _, rows in shown], columns)
        self._value_buffer = _gather([(values, rows) for _, values, rows in shown], columns)
        self._show(columns)


def _gather(parts: Sequence[tuple[Tensor, list[int]]], columns: int) -> Tensor:
    first = parts[0][0]
    total = sum(len(rows) for _, rows in parts)
    buffer = first.new_zeros((total, first.shape[1], columns + _SPARE_COLUMNS, first.shape[3]))
    row = 0
    for source, rows in parts:
        width = min(source.shape[-2], columns)
        chosen = source if rows == list(range(source.shape[0])) else source[rows]
        buffer[row : row + len(rows), :, columns - width : columns] = chosen[:, :, -width:]
        row += len(rows)
    return buffer


class RowCache:
    """The cache of one batch, in the form that Hugging Face models take.

    Args:
        layer_count: attention layers of the model.

    Attributes:
        lengths: tokens of each row; the longest fills all columns.
    """

    def __init__(self, layer_count: int) -> None:
        self._layers = [_Layer() for _ in range(layer_count)]
        self.past_key_values = Cache(layers=self._layers)
        self.lengths: list[int] = []

    @property
    def columns(self) -> int:
        """Columns in use: the length of the longest row."""
        return max(self.lengths, default=0)

    def attention_mask(self, new_columns: int, device: torch.device) -> Tensor | None:
        """Return which columns each row may see, as [B, T + new] booleans; None when no row is padded."""
        if len(set(self.lengths)) <= 1:
            return None
        columns = self.columns
        padding = torch.tensor([columns - length for length in self.lengths], device=device)
        return torch.arange(columns + new_columns, device=device)[None] >= padding[:, None]

    def grow(self, new_columns: int) -> None:
        """Note that a forward pass has appended so many tokens to every row."""
        self.lengths = [length + new_columns for length in self.lengths]

    def select(self, rows: Sequence[int]) -> None:
        """Keep these rows only, in this order, and drop columns that all of them leave unused."""
        self.join([], rows)

    def join(self, others: "Sequence[RowCache]", rows: Sequence[int]) -> None:
        """Keep these rows of this cache and add all rows of others after them."""
        kept = [self.lengths[row] for row in rows]
        lengths = [*kept, *(length for other in others for length in other.lengths)]
        self.lengths = lengths
        if not lengths:
            self._layers[:] = [_Layer() for _ in self._layers]
            self.past_key_values = Cache(layers=self._layers)
            return
        for index, layer in enumerate(self._layers):
            parts = [(layer, list(rows))]
            parts += [
                (other._layers[index], list(range(len(other.lengths))))  # noqa: SLF001  # own class
                for other in others
            ]
            layer.replace(parts, max(lengths))
