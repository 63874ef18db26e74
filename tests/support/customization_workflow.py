"""The workflow that customizes a model and keeps it if it is better, deployed as a template would deploy it.

Two machines, a function made of an image, buckets and three roles that may do what the workflow does and no more.
"""

import json
import random
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.mail_server import MailServer
from support.running_server import RunningServer
from support.service_role import REGION, customization_trust, policy

SOURCES = Path(__file__).parents[1] / "workflow_sample"
BASE_MODEL = "cohere.command-light-text-v14:7:4k"
IMAGE = "local/judge"
SENDER = "judge@example.com"
RECIPIENT = "team@example.com"
TRAINING_FILE = "training.jsonl"
LOG_GROUP = "/aws/vendedlogs/states/customization"
END_SECONDS = 300.0
ROOMS = 9

Statement = dict[str, Any]


def settings(mail: MailServer, **more: str) -> dict[str, str]:
    """Return the settings of a server for the workflow, which waits a second where it says a thousand."""
    return {
        "OUTCROP_MODEL_ALIASES": "cohere.command-light-text-v14=outcrop.nano-v1:0",
        "OUTCROP_FUNCTION_IMAGES": f"{IMAGE}={SOURCES / 'judge'}",
        "OUTCROP_SMTP_URL": mail.url,
        "OUTCROP_WAIT_SCALE": "0.001",
        **more,
    }


def allow(actions: list[str], *resources: str, **more: Any) -> Statement:
    """Return a statement that allows something."""
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources), **more}


def hyperparameters(learning_rate: float, epochs: int) -> dict[str, str]:
    """Return what Cohere's models are given, as strings."""
    return {
        "epochCount": str(epochs),
        "batchSize": "8",
        "learningRate": f"{learning_rate:f}",
        "evalPercentage": "20.0",
        "earlyStoppingPatience": "6",
        "earlyStoppingThreshold": "0.01",
    }


@dataclass
class CustomizationWorkflow:
    """What is deployed on one server, and the names it got.

    Attributes:
        records: of training data.
        questions: that both models are asked.
        grants: role → policy → statements; `set_grants` brings a change to the server.
    """

    server: RunningServer
    mail: MailServer
    records: int = 64
    questions: int = 4
    grants: dict[str, dict[str, list[Statement]]] = field(default_factory=dict)
    machines: dict[str, str] = field(default_factory=dict)
    buckets: dict[str, str] = field(default_factory=dict)

    @property
    def account_id(self) -> str:
        return self.server.root_key["account_id"]

    def deploy(self) -> "CustomizationWorkflow":
        self._store_data()
        self.grants = self._least_privilege()
        roles = {
            "tuning": self._make_role("tuning", customization_trust(self.account_id)),
            "machines": self._make_role("machines", trust(f"states.{REGION}.amazonaws.com")),
            "judge": self._make_role("judge", trust("lambda.amazonaws.com")),
        }
        self._verify_sender()
        names = {
            "TuningRole": roles["tuning"],
            "Judge": self._make_judge(roles["judge"]),
            **{f"{name}Bucket": bucket for name, bucket in self.buckets.items()},
        }
        self.server.client("logs").create_log_group(logGroupName=LOG_GROUP)
        for name in ("compare", "tune", "poll"):
            text = (SOURCES / "definitions" / f"{name}.asl.json").read_text()
            for key, value in names.items():
                text = text.replace(f"${{{key}}}", value)
            self.make_machine(name, text)
            names["ComparingMachine"] = self.machines["compare"]
        return self

    def set_grants(self, role: str) -> None:
        """Give a role the policies that `grants` names, and take others away."""
        iam = self.server.client("iam")
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            iam.delete_role_policy(RoleName=role, PolicyName=name)
        for name, statements in self.grants[role].items():
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy(*statements))

    def start(
        self, name: str, machine: str = "tune", learning_rate: float = 0.00001, epochs: int = 1
    ) -> str:
        """Start the customization of a model; return the execution's ARN."""
        return self.start_with(machine, name, self.input_of(name, learning_rate, epochs))

    def input_of(
        self, name: str, learning_rate: float = 0.00001, epochs: int = 1
    ) -> dict[str, Any]:
        """Return the input of an execution that customizes a model."""
        return {
            "BaseModelIdentifier": BASE_MODEL,
            "CustomModelName": f"{name}-model",
            "JobName": f"{name}-job",
            "TrainingDataFileName": TRAINING_FILE,
            "HyperParameters": hyperparameters(learning_rate, epochs),
        }

    def start_with(self, machine: str, name: str, value: Mapping[str, Any]) -> str:
        """Start a machine with an input of one's own."""
        started = self.server.client("stepfunctions").start_execution(
            stateMachineArn=self.machines[machine], name=name, input=json.dumps(value)
        )
        arn: str = started["executionArn"]
        return arn

    def describe(self, execution: str) -> dict[str, Any]:
        found: dict[str, Any] = self.server.client("stepfunctions").describe_execution(
            executionArn=execution
        )
        return found

    def wait(self, execution: str) -> dict[str, Any]:
        """Return the description of an execution that has ended."""
        deadline = time.monotonic() + END_SECONDS
        while (found := self.describe(execution))["status"] == "RUNNING":
            last = self.history(execution)[-1]
            assert time.monotonic() < deadline, (last, self.server.log[-3000:])
            time.sleep(0.1)
        return found

    def history(self, execution: str) -> list[dict[str, Any]]:
        pages = self.server.client("stepfunctions").get_paginator("get_execution_history")
        return [
            event for page in pages.paginate(executionArn=execution) for event in page["events"]
        ]

    def executions(self, machine: str) -> list[dict[str, Any]]:
        pages = self.server.client("stepfunctions").get_paginator("list_executions")
        return [
            found
            for page in pages.paginate(stateMachineArn=self.machines[machine])
            for found in page["executions"]
        ]

    def throughputs(self) -> dict[str, str]:
        """Return the status of every provisioned throughput by its name."""
        listed = self.server.client("bedrock").list_provisioned_model_throughputs()
        return {
            found["provisionedModelName"]: found["status"]
            for found in listed["provisionedModelSummaries"]
        }

    def answers(self, key: str) -> list[str]:
        """Return what a model answered last: "tuned.json" or "base.json"."""
        found = self.server.client("s3").get_object(Bucket=self.buckets["Answers"], Key=key)
        texts: list[str] = json.loads(found["Body"].read())
        return texts

    def _store_data(self) -> None:
        s3, chosen = self.server.client("s3"), random.Random(5)
        for name in ("Training", "Output", "Validation", "Answers"):
            self.buckets[name] = f"workflow-{self.account_id}-{name.lower()}"
            s3.create_bucket(Bucket=self.buckets[name])
        pairs = [
            (
                f"Where is parcel {chosen.randrange(1000)}?",
                f" It is in room {chosen.randrange(ROOMS)} on the top floor.",
            )
            for _ in range(self.records + self.questions)
        ]
        trained, asked = pairs[: self.records], pairs[self.records :]
        lines = [json.dumps({"prompt": prompt, "completion": text}) for prompt, text in trained]
        documents = {
            ("Training", TRAINING_FILE): "\n".join(lines),
            ("Validation", "questions.json"): json.dumps(
                [{"prompt": prompt} for prompt, _ in asked]
            ),
            ("Validation", "expected.json"): json.dumps([text for _, text in asked]),
        }
        for (bucket, key), text in documents.items():
            s3.put_object(Bucket=self.buckets[bucket], Key=key, Body=text.encode())

    def _least_privilege(self) -> dict[str, dict[str, list[Statement]]]:
        account, place = self.account_id, f"{REGION}:{self.account_id}"
        same_account = {"Condition": {"StringEquals": {"aws:PrincipalAccount": account}}}
        kinds = ("custom-model", "model-customization-job", "provisioned-model")
        rule = "StepFunctionsGetEventsForStepFunctionsExecutionRule"
        return {
            "tuning": {
                "data": [
                    allow(
                        ["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
                        *self._places("Training", "Output"),
                        **same_account,
                    )
                ]
            },
            "machines": {
                "models": [
                    allow(
                        [
                            "bedrock:CreateModelCustomizationJob",
                            "bedrock:GetModelCustomizationJob",
                            "bedrock:CreateProvisionedModelThroughput",
                            "bedrock:DeleteProvisionedModelThroughput",
                            "bedrock:InvokeModel",
                        ],
                        f"arn:aws:bedrock:{REGION}::*",
                        *(f"arn:aws:bedrock:{place}:{kind}/*" for kind in kinds),
                    )
                ],
                "role": [allow(["iam:PassRole"], f"arn:aws:iam::{account}:role/tuning")],
                "data": [
                    allow(
                        ["s3:GetObject", "s3:PutObject"],
                        *(f"arn:aws:s3:::{bucket}/*" for bucket in self.buckets.values()),
                    )
                ],
                "machines": [
                    allow(
                        [
                            "states:StartExecution",
                            "states:DescribeExecution",
                            "states:StopExecution",
                        ],
                        f"arn:aws:states:{place}:stateMachine:*",
                    )
                ],
                "ends": [
                    allow(
                        ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
                        f"arn:aws:events:{place}:rule/{rule}",
                    )
                ],
                "functions": [
                    allow(["lambda:InvokeFunction"], f"arn:aws:lambda:{place}:function:*")
                ],
                "logs": [
                    allow(
                        [
                            "logs:CreateLogDelivery",
                            "logs:GetLogDelivery",
                            "logs:UpdateLogDelivery",
                            "logs:DeleteLogDelivery",
                            "logs:ListLogDeliveries",
                            "logs:CreateLogStream",
                            "logs:PutLogEvents",
                            "logs:PutResourcePolicy",
                            "logs:DescribeResourcePolicies",
                            "logs:DescribeLogGroups",
                        ],
                        "*",
                    )
                ],
            },
            "judge": {
                "data": [
                    allow(
                        ["s3:GetObject", "s3:ListBucket"],
                        *self._places("Validation", "Answers"),
                        **same_account,
                    )
                ],
                "mail": [allow(["ses:SendEmail"], f"arn:aws:ses:{place}:identity/{SENDER}")],
                "logs": [
                    allow(
                        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                        f"arn:aws:logs:{place}:*",
                    )
                ],
            },
        }

    def _places(self, *names: str) -> list[str]:
        arns = [f"arn:aws:s3:::{self.buckets[name]}" for name in names]
        return [place for arn in arns for place in (arn, f"{arn}/*")]

    def _make_role(self, name: str, statement: Statement) -> str:
        made = self.server.client("iam").create_role(
            RoleName=name, AssumeRolePolicyDocument=policy(statement)
        )
        self.set_grants(name)
        arn: str = made["Role"]["Arn"]
        return arn

    def _verify_sender(self) -> None:
        self.server.client("sesv2").create_email_identity(EmailIdentity=SENDER)
        link = self.mail.mail_to(SENDER).links[0]
        with urllib.request.urlopen(link) as page:
            assert page.status == 200

    def let_judge_linger(self, seconds: float) -> None:
        """Have the function go on for a while after it has sent its mail."""
        functions = self.server.client("lambda")
        now = functions.get_function_configuration(FunctionName="judge")
        variables = {**now["Environment"]["Variables"], "LINGER_SECONDS": str(seconds)}
        functions.update_function_configuration(
            FunctionName="judge", Environment={"Variables": variables}
        )
        functions.get_waiter("function_updated_v2").wait(FunctionName="judge")

    def _make_judge(self, role: str) -> str:
        functions = self.server.client("lambda")
        made = functions.create_function(
            FunctionName="judge",
            PackageType="Image",
            Code={"ImageUri": IMAGE},
            Role=role,
            Timeout=900,
            MemorySize=10240,
            EphemeralStorage={"Size": 10240},
            Environment={
                "Variables": {
                    "VALIDATION_BUCKET": self.buckets["Validation"],
                    "ANSWERS_BUCKET": self.buckets["Answers"],
                    "SENDER": SENDER,
                    "RECIPIENT": RECIPIENT,
                }
            },
        )
        functions.get_waiter("function_active_v2").wait(FunctionName="judge")
        arn: str = made["FunctionArn"]
        return arn

    def make_machine(self, name: str, definition: str) -> None:
        """Make a machine that acts as the role of machines and logs as they all do."""
        group = f"arn:aws:logs:{REGION}:{self.account_id}:log-group:{LOG_GROUP}:*"
        made = self.server.client("stepfunctions").create_state_machine(
            name=name,
            definition=definition,
            roleArn=f"arn:aws:iam::{self.account_id}:role/machines",
            loggingConfiguration={
                "level": "ALL",
                "includeExecutionData": False,
                "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
            },
        )
        self.machines[name] = made["stateMachineArn"]


def trust(service: str) -> Statement:
    """Return the statement that lets a service assume a role."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": [service]},
        "Action": ["sts:AssumeRole"],
    }
