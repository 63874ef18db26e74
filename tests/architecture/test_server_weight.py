"""The server starts on a laptop: it never imports what only workers and engines need."""

import subprocess
import sys

HEAVY = ("torch", "transformers", "peft", "tokenizers", "safetensors", "numpy", "pandas", "boto3")


def test_the_server_is_composed_without_importing_model_libraries() -> None:
    script = (
        "import sys\n"
        "import outcrop.app\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert answer.stdout.strip() == "[]"
