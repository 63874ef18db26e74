"""What a deployment consists of: the names of its parts, and what each of its four roles may do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outcrop.cli.customization_workflow.caller import Caller

Statement = Mapping[str, Any]

# The longest name of a part is that of a bucket (63 characters): NAME-results-ACCOUNT-REGION.
LONGEST_NAME = 28


@dataclass(frozen=True, slots=True)
class Role:
    """A role with one inline policy.

    Attributes:
        trust: the statement that says who may assume it.
        statements: what it may do.
    """

    name: str
    trust: Statement
    statements: Sequence[Statement]


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a deployment.

    Attributes:
        name: of the deployment; every part's name begins with it.
        sender: address that mail comes from; "" for none.
    """

    caller: Caller
    name: str
    sender: str = ""

    @property
    def data_bucket(self) -> str:
        """What a run is given: training, validation and held-out data."""
        return f"{self.name}-data-{self.caller.account_id}-{self.caller.region}"

    @property
    def results_bucket(self) -> str:
        """What a run leaves: metrics of jobs under jobs/, questions, answers, comparison and report under runs/."""
        return f"{self.name}-results-{self.caller.account_id}-{self.caller.region}"

    @property
    def function(self) -> str:
        """Name of the evaluation function."""
        return f"{self.name}-function"

    @property
    def function_arn(self) -> str:
        """The function, without a qualifier."""
        return self.caller.arn("lambda", f"function:{self.function}")

    @property
    def function_logs(self) -> str:
        """Log group of the function."""
        return f"/aws/lambda/{self.function}"

    @property
    def machine_logs(self) -> str:
        """Log group of both machines."""
        return f"/aws/vendedlogs/states/{self.name}"

    @property
    def evaluation(self) -> str:
        """Name of the machine that evaluates."""
        return f"{self.name}-evaluation"

    def machine_arn(self, name: str) -> str:
        """Return the ARN of one of the two machines."""
        return self.caller.arn("states", f"stateMachine:{name}")

    @property
    def job_role(self) -> Role:
        """What customization jobs act as: reads data, writes metrics."""
        data, results = _bucket(self.data_bucket), _bucket(self.results_bucket)
        return Role(
            f"{self.name}-job",
            self._trust("bedrock", self.caller.arn("bedrock", "model-customization-job/*")),
            [
                _allow("s3:ListBucket", [data, results]),
                _allow("s3:GetObject", f"{data}/*"),
                _allow(["s3:PutObject", "s3:DeleteObject"], f"{results}/jobs/*"),
            ],
        )

    @property
    def function_role(self) -> Role:
        """What the function acts as: reads data and results, writes results, counts tokens, logs."""
        data, results = _bucket(self.data_bucket), _bucket(self.results_bucket)
        models = f"arn:aws:bedrock:{self.caller.region}::foundation-model/*"
        group = self.caller.arn("logs", f"log-group:{self.function_logs}")
        return Role(
            f"{self.name}-function",
            self._trust("lambda", self.function_arn),
            [
                # S3 says that an object is missing only to whoever may list the bucket.
                _allow("s3:ListBucket", results),
                _allow("s3:GetObject", [f"{data}/*", f"{results}/*"]),
                _allow("s3:PutObject", f"{results}/runs/*"),
                _allow("bedrock:CountTokens", models),
                _allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"{group}:*"),
            ],
        )

    @property
    def evaluation_role(self) -> Role:
        """What the evaluation acts as: asks models, invokes the function, reads questions, writes answers."""
        results, caller = _bucket(self.results_bucket), self.caller
        machine = self.machine_arn(self.evaluation)
        runs = caller.arn("states", f"execution:{self.evaluation}")
        return Role(
            f"{self.name}-evaluation",
            # Executions of a distributed Map act on behalf of MACHINE/LABEL.
            self._trust("states", [machine, f"{machine}/*"]),
            [
                _allow(
                    "bedrock:InvokeModel",
                    [
                        f"arn:aws:bedrock:{caller.region}::foundation-model/*",
                        caller.arn("bedrock", "provisioned-model/*"),
                    ],
                ),
                _allow("lambda:InvokeFunction", [self.function_arn, f"{self.function_arn}:*"]),
                _allow(["s3:GetObject", "s3:PutObject"], f"{results}/runs/*"),
                # A distributed Map starts executions of its own machine.
                _allow("states:StartExecution", machine),
                _allow(["states:DescribeExecution", "states:StopExecution"], f"{runs}*"),
                *self._logging,
            ],
        )

    @property
    def run_role(self) -> Role:
        """What a run acts as: creates job and throughput, removes a loser, starts the evaluation, mails."""
        caller = self.caller
        foundation = f"arn:aws:bedrock:{caller.region}::foundation-model/*"
        models, jobs, throughputs = (
            caller.arn("bedrock", f"{kind}/*")
            for kind in ("custom-model", "model-customization-job", "provisioned-model")
        )
        statements = [
            _allow("bedrock:CreateModelCustomizationJob", [foundation, models]),
            _allow(["bedrock:GetModelCustomizationJob", "bedrock:StopModelCustomizationJob"], jobs),
            _allow(
                ["bedrock:CreateProvisionedModelThroughput", "bedrock:DeleteCustomModel"], models
            ),
            _allow(
                [
                    "bedrock:GetProvisionedModelThroughput",
                    "bedrock:DeleteProvisionedModelThroughput",
                ],
                throughputs,
            ),
            {
                **_allow("iam:PassRole", caller.role_arn(self.job_role.name)),
                "Condition": {"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}},
            },
            _allow("lambda:InvokeFunction", [self.function_arn, f"{self.function_arn}:*"]),
            _allow("states:StartExecution", self.machine_arn(self.evaluation)),
            _allow(
                ["states:DescribeExecution", "states:StopExecution"],
                caller.arn("states", f"execution:{self.evaluation}:*"),
            ),
            *self._logging,
        ]
        if self.sender:
            identities = [self.sender, self.sender.partition("@")[2]]
            statements.append(
                _allow(
                    "ses:SendEmail",
                    [caller.arn("ses", f"identity/{name}") for name in identities],
                )
            )
        return Role(
            f"{self.name}-run", self._trust("states", self.machine_arn(self.name)), statements
        )

    @property
    def roles(self) -> tuple[Role, ...]:
        """All four."""
        return (self.job_role, self.function_role, self.evaluation_role, self.run_role)

    @property
    def _logging(self) -> list[Statement]:
        # Developer guide, "Logging to CloudWatch Logs": these actions know no resources.
        verbs = ("Create", "Get", "Update", "Delete", "List")
        deliveries = [f"logs:{verb}LogDeliver{'ies' if verb == 'List' else 'y'}" for verb in verbs]
        others = ["logs:PutResourcePolicy", "logs:DescribeResourcePolicies"]
        return [_allow([*deliveries, *others, "logs:DescribeLogGroups"], "*")]

    def _trust(self, service: str, sources: str | Sequence[str]) -> Statement:
        """Return who may assume a role: one service, on behalf of sources of this account alone."""
        return {
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": self.caller.account_id},
                "ArnLike": {"aws:SourceArn": sources},
            },
        }


def _allow(actions: str | Sequence[str], resources: str | Sequence[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def _bucket(name: str) -> str:
    return f"arn:aws:s3:::{name}"
