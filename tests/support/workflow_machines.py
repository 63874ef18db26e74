"""State machines that tests of executions share: each waits, fails, repeats or branches in its own way."""

from collections.abc import Mapping
from typing import Any

Definition = Mapping[str, Any]


def one_state(**state: Any) -> Definition:
    """Return a machine of one state."""
    return {"StartAt": "Only", "States": {"Only": {"End": True, **state}}}


def task(resource: str = "arn:aws:states:::played:act", **fields: Any) -> Definition:
    """Return a machine of one Task."""
    return one_state(
        **{"Type": "Task", "Resource": resource, "Parameters": {"given.$": "$"}, **fields}
    )


LOOP: Definition = {
    "StartAt": "Init",
    "States": {
        "Init": {"Type": "Pass", "Result": {"n": 0}, "Next": "Add"},
        "Add": {
            "Type": "Pass",
            "Parameters": {"n.$": "States.MathAdd($.n, 1)"},
            "Next": "Enough",
        },
        "Enough": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericLessThan": 20, "Next": "Add"}],
            "Default": "Done",
        },
        "Done": {"Type": "Succeed"},
    },
}
VARIABLES: Definition = {
    "StartAt": "Set",
    "States": {
        "Set": {"Type": "Pass", "Assign": {"x": 1, "y.$": "$.given"}, "Next": "Pause"},
        "Pause": {"Type": "Wait", "Seconds": 0, "Next": "Use"},
        "Use": {"Type": "Pass", "Parameters": {"x.$": "$x", "y.$": "$y"}, "End": True},
    },
}
CALL_AFTER_CALL: Definition = {
    "StartAt": "First",
    "States": {
        "First": {
            "Type": "Task",
            "Resource": "arn:aws:states:::played:act",
            "Parameters": {"step": 1},
            "ResultPath": "$.first",
            "Next": "Second",
        },
        "Second": {
            "Type": "Task",
            "Resource": "arn:aws:states:::played:job.sync",
            "Parameters": {"step": 2},
            "ResultPath": "$.second",
            "End": True,
        },
    },
}
RETRIED: Definition = {
    "StartAt": "Try",
    "States": {
        "Try": {
            "Type": "Task",
            "Resource": "arn:aws:states:::played:broken",
            "Parameters": {"try": "it"},
            "Retry": [{"ErrorEquals": ["Broken"], "IntervalSeconds": 1, "MaxAttempts": 2}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"}],
            "End": True,
        },
        "Caught": {"Type": "Pass", "End": True},
    },
}
MAPPED: Definition = one_state(
    Type="Map",
    ItemsPath="$.items",
    MaxConcurrency=1,
    ItemProcessor={
        "StartAt": "Work",
        "States": {
            "Work": {
                "Type": "Task",
                "Resource": "arn:aws:states:::played:act",
                "Parameters": {"item.$": "$"},
                "Next": "Rest",
            },
            "Rest": {"Type": "Pass", "End": True},
        },
    },
)
BRANCHED: Definition = {
    "StartAt": "Split",
    "States": {
        "Split": {
            "Type": "Parallel",
            "Branches": [
                {
                    "StartAt": "A",
                    "States": {
                        "A": {
                            "Type": "Task",
                            "Resource": "arn:aws:states:::played:act",
                            "Parameters": {"branch": "a"},
                            "End": True,
                        }
                    },
                },
                {
                    "StartAt": "B",
                    "States": {
                        "B": {"Type": "Pass", "Result": "b", "Next": "C"},
                        "C": {
                            "Type": "Map",
                            "ItemsPath": "$$.Execution.Input.items",
                            "ItemProcessor": {
                                "StartAt": "D",
                                "States": {
                                    "D": {
                                        "Type": "Task",
                                        "Resource": "arn:aws:states:::played:act",
                                        "Parameters": {"item.$": "$"},
                                        "End": True,
                                    }
                                },
                            },
                            "End": True,
                        },
                    },
                },
            ],
            "Next": "Join",
        },
        "Join": {"Type": "Pass", "End": True},
    },
}
BRANCH_FAILS: Definition = {
    "StartAt": "Split",
    "States": {
        "Split": {
            "Type": "Parallel",
            "Branches": [
                {
                    "StartAt": "Bad",
                    "States": {
                        "Bad": {
                            "Type": "Task",
                            "Resource": "arn:aws:states:::played:broken",
                            "Parameters": {"try": "it"},
                            "End": True,
                        }
                    },
                }
            ],
            "Retry": [{"ErrorEquals": ["Broken"], "IntervalSeconds": 1, "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["Broken"], "Next": "Caught"}],
            "End": True,
        },
        "Caught": {"Type": "Succeed"},
    },
}


def distributed(processor: Definition | None = None, **fields: Any) -> Definition:
    """Return a machine with a distributed Map."""
    processor = processor or {
        "StartAt": "Work",
        "States": {
            "Work": {
                "Type": "Task",
                "Resource": "arn:aws:states:::played:act",
                "Parameters": {"item.$": "$"},
                "End": True,
            }
        },
    }
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    return one_state(
        Type="Map",
        Label="runs",
        ItemProcessor={"ProcessorConfig": config, **processor},
        **fields,
    )
