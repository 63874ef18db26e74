"""Layers: publish, describe, list, delete, and use."""

import json
import urllib.request
from typing import Any

from services.lambda_.conftest import Make, archive

REGION, ACCOUNT = "eu-west-1", "123456789012"


def publish(client: Any, name: str, files: dict[str, str], **request: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.publish_layer_version(
        LayerName=name, Content={"ZipFile": archive(files)}, **request
    )
    return answer


def test_layers_lie_under_opt_later_ones_over_earlier(lambda_client: Any, make: Make) -> None:
    arns = [
        publish(
            lambda_client,
            f"stacked-{number}",
            {
                f"python/stacked_{number}.py": f"VALUE = {number}\n",
                "python/stacked_shared.py": f"VALUE = 'from {number}'\n",
            },
        )["LayerVersionArn"]
        for number in (1, 2)
    ]
    source = (
        "import stacked_1, stacked_2, stacked_shared\n"
        "def handler(event, context):\n"
        "    return [stacked_1.VALUE, stacked_2.VALUE, stacked_shared.VALUE]\n"
    )
    name = make(source, Layers=arns)
    listed = lambda_client.get_function_configuration(FunctionName=name)["Layers"]
    assert [item["Arn"] for item in listed] == arns
    answer = lambda_client.invoke(FunctionName=name)
    assert json.load(answer["Payload"]) == [1, 2, "from 2"]
    # What was deleted stays with the functions that have it.
    lambda_client.delete_layer_version(LayerName="stacked-1", VersionNumber=1)
    lambda_client.update_function_configuration(FunctionName=name, Description="again")
    lambda_client.get_waiter("function_updated_v2").wait(FunctionName=name)
    answer = lambda_client.invoke(FunctionName=name)
    assert json.load(answer["Payload"]) == [1, 2, "from 2"]


def test_versions_of_a_layer_are_described_and_listed(lambda_client: Any, refused: Any) -> None:
    code = archive({"python/a.py": "A = 1\n"})
    first = publish(
        lambda_client,
        "described",
        {"python/a.py": "A = 1\n"},
        Description="first",
        CompatibleRuntimes=["python3.11"],
        LicenseInfo="MIT",
    )
    layer = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:described"
    assert (first["LayerArn"], first["LayerVersionArn"]) == (layer, f"{layer}:1")
    assert (first["Version"], first["Content"]["CodeSize"]) == (1, len(code))
    assert publish(lambda_client, "described", {"python/a.py": "A = 2\n"})["Version"] == 2
    got = lambda_client.get_layer_version(LayerName="described", VersionNumber=1)
    assert (got["Description"], got["LicenseInfo"]) == ("first", "MIT")
    with urllib.request.urlopen(got["Content"]["Location"]) as response:
        assert len(response.read()) == len(code)
    by_arn = lambda_client.get_layer_version_by_arn(Arn=f"{layer}:1")
    assert by_arn["Content"]["CodeSha256"] == got["Content"]["CodeSha256"]
    listed = lambda_client.list_layer_versions(LayerName="described")["LayerVersions"]
    assert [item["Version"] for item in listed] == [2, 1]
    of_runtime = lambda_client.list_layers(CompatibleRuntime="python3.11")["Layers"]
    newest = {item["LayerName"]: item["LatestMatchingVersion"]["Version"] for item in of_runtime}
    assert newest["described"] == 1
    lambda_client.delete_layer_version(LayerName="described", VersionNumber=2)
    assert refused(lambda_client.get_layer_version, LayerName="described", VersionNumber=2) == (
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
    )
    assert refused(lambda_client.get_layer_version, LayerName="described", VersionNumber=0) == (
        "InvalidParameterValueException",
        "Layer Version Cannot be less than 1",
    )
    assert publish(lambda_client, "described", {"python/a.py": "A = 3\n"})["Version"] == 3
