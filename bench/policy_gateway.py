"""What policies cost: requests per second of server CPU as a user with 20 statements, against those as the root.

Claim: GetModelCustomizationJob and S3 GetObject of 4 KiB as the user reach at least 85 % of the root's figure. The
root's calls to Bedrock pass without any decision; the user's pass by the last of 20 statements, each with conditions
or resources of its own. The two take turns on one server.
Run: python bench/policy_gateway.py
"""

import json
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from botocore.credentials import Credentials

from requests_per_cpu import (
    OUR_REQUESTS,
    PATHS,
    ROUNDS,
    Server,
    measure,
    prepare,
    start_ours,
)
from support.machine import describe_machine

BAR = 0.85
USER = "bench"
MEASURED = ("GetModelCustomizationJob by name", "S3 GetObject, 4 KiB")


def statements() -> list[dict[str, Any]]:
    """Return 20 statements of the kinds that people write; the last two allow what is measured."""
    office = {
        "IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.0/8"]},
        "StringEquals": {"aws:RequestedRegion": ["us-east-1", "eu-west-1"]},
    }
    others: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": f"arn:aws:s3:::team-{index}/*",
            "Condition": office,
        }
        for index in range(8)
    ]
    others += [
        {
            "Effect": "Allow",
            "Action": ["bedrock:GetCustomModel", "bedrock:InvokeModel*", "bedrock:Get*Throughput"],
            "Resource": f"arn:aws:bedrock:*:*:custom-model/vendor-{index}.*",
            "Condition": {"StringLike": {"aws:ResourceTag/team": "a*"}},
        }
        for index in range(8)
    ]
    others += [
        {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::secret*"},
        {
            "Effect": "Deny",
            "NotAction": ["bedrock:*", "s3:*"],
            "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:PrincipalTag/team": "platform"}},
        },
    ]
    return [
        *others,
        {
            "Effect": "Allow",
            "Action": "bedrock:Get*",
            "Resource": "arn:aws:bedrock:*:*:model-customization-job/*",
            "Condition": office,
        },
        {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::bench-data/*",
            "Condition": office,
        },
    ]


def make_user(server: Server) -> Server:
    """Return the same server as a user who has nothing but the 20 statements."""
    written = statements()
    assert len(written) == 20
    iam = server.client("iam")
    iam.create_user(UserName=USER, Tags=[{"Key": "team", "Value": "research"}])
    document = json.dumps({"Version": "2012-10-17", "Statement": written})
    policy = iam.create_policy(PolicyName="twenty", PolicyDocument=document)["Policy"]
    iam.attach_user_policy(UserName=USER, PolicyArn=policy["Arn"])
    key = iam.create_access_key(UserName=USER)["AccessKey"]
    credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    return replace(server, name="user", credentials=credentials)


def main() -> None:
    """Start a server, let root and user take turns, and print the ratios."""
    print(describe_machine())
    all_hold = True
    with tempfile.TemporaryDirectory() as name:
        running, root = start_ours(Path(name))
        try:
            prepare(root, running.home)
            user = make_user(root)
            for title in MEASURED:
                path, service, _ = PATHS[title]
                all_hold = compare(title, path, service, root, user) and all_hold
        finally:
            running.stop()
    print(f"{ROUNDS} rounds of {OUR_REQUESTS} requests, taking turns, medians of paired rounds")
    sys.exit(0 if all_hold else 1)


def compare(title: str, path: str, service: str, root: Server, user: Server) -> bool:
    """Measure one request as both and say whether the claim holds."""
    rates: dict[str, list[float]] = {"root": [], "user": []}
    for server in (root, user):
        measure(server, path, service, OUR_REQUESTS // 10)
    for _ in range(ROUNDS):
        rates["root"].append(measure(root, path, service, OUR_REQUESTS))
        rates["user"].append(measure(user, path, service, OUR_REQUESTS))
    ratios = [mine / roots for roots, mine in zip(*rates.values(), strict=True)]
    ratio = statistics.median(ratios)
    micros = {who: 1e6 / statistics.median(found) for who, found in rates.items()}
    print(
        f"{title}: {ratio:.2f} of the root's (rounds {min(ratios):.2f} to {max(ratios):.2f}; bar {BAR}: "
        f"{'met' if ratio >= BAR else 'MISSED'}); CPU a request: "
        + ", ".join(f"{who} {cost:.0f} µs" for who, cost in micros.items())
    )
    return ratio >= BAR


if __name__ == "__main__":
    main()
