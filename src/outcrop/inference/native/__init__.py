"""The engine process: one model in memory, one batch that requests join and leave at every token.

python -m outcrop.inference.native FOLDER --socket PATH

  __main__.py   arguments, life and death of the process
  server.py     connections: frames in, frames out (main thread)
  scheduler.py  who runs when: admission, one token a step, scores (decode thread)
  model.py      the Hugging Face model: prefill, decode, log-probabilities
  cache.py      keys and values of the running batch
  adapters.py   LoRA adapters, chosen by row
  sampling.py   logits to tokens
  answer.py     tokens to text: stop sequences, incremental detokenization

A request's life: frame → `Scheduler.submit` → tokens by layout.py → prefill → its row joins the batch → one token a
step, text sent as soon as it is certain → its row leaves. Only this package imports torch.
"""
