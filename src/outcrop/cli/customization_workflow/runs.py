"""Starting a run of a deployed workflow, following it, and reading what it found."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outcrop.cli.customization_workflow.layout import Layout
from outcrop.cli.terminal import CommandFailed
from outcrop.evaluation.comparison import (
    Comparison,
    ExampleScore,
    Likelihood,
    Measure,
    Response,
    Verdict,
)
from outcrop.evaluation.significance import Interval

POLL_SECONDS = 0.3
_RUNNING = frozenset({"RUNNING", "PENDING_REDRIVE"})
_START_EVALUATION, _CREATE_THROUGHPUT = "startExecution.sync:2", "createProvisionedModelThroughput"


@dataclass(frozen=True, slots=True)
class Findings:
    """What a run that ended well has found.

    Attributes:
        output: the execution's, see docs/guides/workflow.md.
        comparison: its figures, rebuilt.
        base: the base model's responses, in the order of the examples.
        custom: the custom model's.
    """

    output: Mapping[str, Any]
    comparison: Comparison
    base: Sequence[Response]
    custom: Sequence[Response]


def upload(layout: Layout, run: str, files: Mapping[str, bytes]) -> dict[str, str]:
    """Put a run's data into the data bucket, and return the files' URIs by their names."""
    s3 = layout.caller.client("s3")
    uris = {}
    for name, content in files.items():
        key = f"{run}/{name}"
        s3.put_object(Bucket=layout.data_bucket, Key=key, Body=content)
        uris[name] = f"s3://{layout.data_bucket}/{key}"
    return uris


def start(layout: Layout, run: str, request: Mapping[str, Any]) -> "Execution":
    """Start a run.

    Args:
        run: its name; job, custom model and throughput carry it.
        request: the execution's input without the name.

    Raises:
        CommandFailed: the workflow is not deployed.
    """
    states = layout.caller.client("stepfunctions")
    try:
        answer = states.start_execution(
            stateMachineArn=layout.machine_arn(layout.name),
            name=run,
            input=json.dumps({"Name": run, **request}),
        )
    except states.exceptions.StateMachineDoesNotExist:
        raise CommandFailed(
            f"the workflow {layout.name} is not deployed",
            "deploy it with `outcrop workflow deploy`",
        ) from None
    return Execution(layout, answer["executionArn"])


class Execution:
    """One run, seen from outside.

    Args:
        layout: of the deployment.
        arn: of the execution.
    """

    def __init__(self, layout: Layout, arn: str) -> None:
        self.layout = layout
        self.arn = arn
        self._states = layout.caller.client("stepfunctions")
        self._evaluation_arn: str | None = None

    def describe(self) -> dict[str, Any]:
        """Return the execution as DescribeExecution does."""
        described: dict[str, Any] = self._states.describe_execution(executionArn=self.arn)
        return described

    def has_ended(self) -> bool:
        """Return whether nothing more will happen."""
        return self.describe()["status"] not in _RUNNING

    def states_entered(self) -> list[str]:
        """Return the names of the states entered so far, in order."""
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in self._events(self.arn)
            if "stateEnteredEventDetails" in event
        ]

    def wait_for(self, state: str) -> Iterator[None]:
        """Yield now and then until a state has been entered, or the execution has ended."""
        while True:
            ended = self.has_ended()
            if ended or state in self.states_entered():
                return
            yield
            time.sleep(POLL_SECONDS)

    def questions_answered(self) -> tuple[int, int]:
        """Return how many questions to both models are answered, and of how many; 0 of 0 before they are known."""
        if self._evaluation_arn is None:
            self._evaluation_arn = self._find_evaluation()
        if self._evaluation_arn is None:
            return 0, 0
        runs = self._states.list_map_runs(executionArn=self._evaluation_arn)["mapRuns"]
        counts = [
            self._states.describe_map_run(mapRunArn=item["mapRunArn"])["itemCounts"]
            for item in runs
        ]
        return sum(item["succeeded"] for item in counts), sum(item["total"] for item in counts)

    def output(self) -> dict[str, Any]:
        """Return what the run ended with.

        Raises:
            CommandFailed: it did not end well; says why.
        """
        described = self.describe()
        if described["status"] != "SUCCEEDED":
            reason = described.get("cause") or f"the execution is {described['status'].lower()}"
            raise CommandFailed(f"{described.get('error', 'the run ended early')}: {reason}")
        output: dict[str, Any] = json.loads(described["output"])
        return output

    def findings(self) -> Findings:
        """Return the outcome with every answer.

        Raises:
            CommandFailed: the run did not end well.
        """
        output = self.output()
        bucket, _, key = output["Comparison"].removeprefix("s3://").partition("/")
        content = self.layout.caller.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        found = json.loads(content)
        rows = found["Answers"]
        return Findings(
            output,
            _comparison(found),
            [_response(row["Base"]) for row in rows],
            [_response(row["Custom"]) for row in rows],
        )

    def throughput_arn(self) -> str | None:
        """Return the throughput that the run has created, or None before it has."""
        return self._answer_of("taskSucceeded", _CREATE_THROUGHPUT, "ProvisionedModelArn")

    def _find_evaluation(self) -> str | None:
        return self._answer_of("taskSubmitted", _START_EVALUATION, "ExecutionArn")

    def _answer_of(self, kind: str, resource: str, member: str) -> str | None:
        """Return a member of what a call of the run answered, or None where it was not made yet."""
        for event in self._events(self.arn, with_data=True):
            details = event.get(f"{kind}EventDetails", {})
            if details.get("resource") == resource:
                value: str = json.loads(details["output"])[member]
                return value
        return None

    def _events(self, arn: str, *, with_data: bool = False) -> Iterator[dict[str, Any]]:
        pages = self._states.get_paginator("get_execution_history").paginate(
            executionArn=arn, includeExecutionData=with_data, PaginationConfig={"PageSize": 1000}
        )
        for page in pages:
            yield from page["events"]


def _comparison(found: Mapping[str, Any]) -> Comparison:
    measures = {name: _measure(value) for name, value in found["Measures"].items()}
    return Comparison(
        Verdict(found["Verdict"]),
        found["Reason"],
        measures["RougeL"],
        measures["RougeLAboveStyle"],
        measures.get("LossPerToken"),
        tuple(
            ExampleScore(row["Base"]["RougeL"], row["Custom"]["RougeL"]) for row in found["Answers"]
        ),
    )


def _measure(value: Mapping[str, Any]) -> Measure:
    difference = value["Difference"]
    return Measure(
        value["Base"],
        value["Custom"],
        Interval(difference["Mean"], difference["Low"], difference["High"]),
    )


def _response(answer: Mapping[str, Any]) -> Response:
    if answer.get("Tokens") is None:
        return Response(answer["Text"])
    return Response(answer["Text"], Likelihood(answer["Logprob"], int(answer["Tokens"])))
