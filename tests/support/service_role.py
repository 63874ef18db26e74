"""The service role that customization jobs of tests act as, as AWS's guide describes it."""

import json
from collections.abc import Mapping
from typing import Any

ROLE_PATH = "/service-role/"
REGION = "us-east-1"


def policy(*statements: Mapping[str, Any]) -> str:
    """Return a policy document of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def customization_trust(account_id: str) -> dict[str, Any]:
    """Return the statement that lets Bedrock's customization jobs of this account assume a role."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": "bedrock.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account_id},
            "ArnEquals": {
                "aws:SourceArn": f"arn:aws:bedrock:{REGION}:{account_id}:model-customization-job/*"
            },
        },
    }


def make_service_role(iam: Any, account_id: str, name: str = "customization") -> str:
    """Return the ARN of a role that may read and write every bucket, made where it is not there yet."""
    try:
        role = iam.create_role(
            Path=ROLE_PATH,
            RoleName=name,
            AssumeRolePolicyDocument=policy(customization_trust(account_id)),
        )
    except iam.exceptions.EntityAlreadyExistsException:
        found: str = iam.get_role(RoleName=name)["Role"]["Arn"]
        return found
    allowed = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"]
    statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    iam.put_role_policy(RoleName=name, PolicyName="data", PolicyDocument=policy(statement))
    made: str = role["Role"]["Arn"]
    return made
