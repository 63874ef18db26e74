"""The environment variables of a function's process, as Lambda sets them."""

from collections.abc import Mapping

from outcrop.functions.code import FunctionCode
from outcrop.functions.sandbox.specification import CERTIFICATES, RUNTIME_ROOT, TASK_ROOT

_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def environment(  # noqa: PLR0913  # each is one thing the variables tell
    code: FunctionCode,
    credentials: Mapping[str, str],
    *,
    handler: str,
    log_stream: str,
    api_address: str,
    endpoint: str,
    task_root: str,
    temporary: str,
    certificates: str,
) -> dict[str, str]:
    """Return all variables of one process.

    Those of the configuration come first and cannot displace what the platform sets, as the reserved names of
    Lambda's documentation are refused there; a function may choose its own endpoint and certificates.

    Args:
        task_root: where the package lies, as the function sees it.
        temporary: its folder for temporary files, as it sees it.
        certificates: file of CA certificates, as it sees it; empty for the system's.
    """
    is_walled = task_root == TASK_ROOT
    defaults = {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "LD_LIBRARY_PATH": f"/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:{task_root}:"
        f"{task_root}/lib:/opt/lib",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    }
    if endpoint:
        defaults["AWS_ENDPOINT_URL"] = endpoint
    if certificates:
        defaults["AWS_CA_BUNDLE"] = CERTIFICATES if is_walled else certificates
    if is_walled:
        defaults["PYTHONPATH"] = RUNTIME_ROOT
    else:
        defaults["TMPDIR"] = temporary
    platform = {
        "AWS_REGION": code.region,
        "AWS_DEFAULT_REGION": code.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{code.runtime}" if code.runtime else "AWS_Lambda_Image",
        "AWS_LAMBDA_FUNCTION_NAME": code.name,
        "AWS_LAMBDA_FUNCTION_VERSION": code.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(code.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": code.log_group or f"/aws/lambda/{code.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": api_address,
        "LAMBDA_TASK_ROOT": task_root,
        "LAMBDA_RUNTIME_DIR": RUNTIME_ROOT,
        "_HANDLER": handler,
        **{name: credentials[name] for name in _CREDENTIALS if name in credentials},
    }
    if code.log_format == "JSON":
        platform["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        platform["AWS_LAMBDA_LOG_LEVEL"] = code.application_log_level or "INFO"
    elif code.application_log_level:
        platform["AWS_LAMBDA_LOG_LEVEL"] = code.application_log_level
    return {**defaults, **code.environment, **platform}
