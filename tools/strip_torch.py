"""Remove torch from lock files: `make setup` installs it first, in the build that suits the machine.

pip-compile writes the build it found here, whose hash another machine's build does not have.
Usage: python tools/strip_torch.py requirements/*.lock
"""

import re
import sys
from pathlib import Path

_TORCH = re.compile(r"^torch==[^\n]*\n(?:    --hash[^\n]*\n?)*", re.MULTILINE)
_NOTICE = re.compile(r"^# The following packages are considered.*\n", re.MULTILINE)


def main() -> None:
    """Rewrite each file named on the command line."""
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(_NOTICE.sub("", _TORCH.sub("", path.read_text())).rstrip() + "\n")


if __name__ == "__main__":
    main()
