"""The page of built operations says what the code says."""

import importlib.util
from pathlib import Path
from types import ModuleType

TOOL = Path(__file__).parents[2] / "tools" / "operations_table.py"


def table_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("operations_table", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_marked_operation_exists_in_aws() -> None:
    tool = table_tool()
    assert tool.unknown_operations(tool.built_operations()) == []


def test_the_page_of_operations_is_up_to_date() -> None:
    tool = table_tool()
    page = tool.TABLE.read_text(encoding="utf-8")
    assert page == tool.render(tool.built_operations()), "run tools/operations_table.py"
