"""A Hugging Face folder small enough to train in a test: a random Llama with a tokenizer and a chat template."""

import json
from pathlib import Path

_TEXT = [
    "The printer is on fire. severity=high. What is the order number? It is LD-8367.",
    "Please summarise the dialogue between Anna and Mark about the broken mirror.",
    "user assistant system 0123456789 abcdefghijklmnopqrstuvwxyz",
]
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def make_tiny_llama(folder: Path, *, chat_template: bool = True, seed: int = 0) -> Path:
    """Write the model into a folder and return it."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|pad|>", "<|bos|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_TEXT, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|bos|>",
        "eos_token": "<|end|>",
        "pad_token": "<|pad|>",
        "model_max_length": 256,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    if chat_template:
        (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def write_pairs(path: Path, count: int) -> Path:
    """Write prompt/completion records of uneven lengths."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        for index in range(count):
            prompt = f"What is the order number {index}? " + "It is on fire. " * (index % 5)
            record = {
                "prompt": prompt,
                "completion": f"severity={index % 3} LD-{index * 37 % 1000}",
            }
            stream.write(json.dumps(record) + "\n")
    return path
