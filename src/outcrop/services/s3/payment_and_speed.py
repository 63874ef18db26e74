"""Who pays for requests, and transfer acceleration."""

from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3.errors import InvalidRequest, MalformedXML
from outcrop.services.s3.stored_configuration import BucketRequest, configuration_of, keep_document


@operation("s3:GetBucketRequestPayment")
def get_bucket_request_payment(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Say who pays: BucketOwner unless configured otherwise.

    Raises:
        NoSuchBucket: no such bucket.
    """
    payer = configuration_of(request, context).document("request_payment") or "BucketOwner"
    return {"Payer": payer}


@operation("s3:PutBucketRequestPayment")
def put_bucket_request_payment(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Say who pays. Nothing is charged here, but where the requester pays nobody is served anonymously.

    Raises:
        NoSuchBucket: no such bucket.
    """
    payer = request["RequestPaymentConfiguration"]["Payer"]
    return keep_document(request, context, "request_payment", payer)


@operation("s3:GetBucketAccelerateConfiguration")
def get_bucket_accelerate_configuration(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Return whether acceleration is Enabled or Suspended, or nothing where it was never set.

    Raises:
        NoSuchBucket: no such bucket.
    """
    status = configuration_of(request, context).document("accelerate")
    return {} if status is None else {"Status": status}


@operation("s3:PutBucketAccelerateConfiguration")
def put_bucket_accelerate_configuration(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Set the status of acceleration; there is one endpoint here, and it is as fast as it can be.

    Raises:
        NoSuchBucket: no such bucket.
        InvalidRequest: the bucket's name has a period, for which AWS has no accelerated endpoint.
        MalformedXML: no status.
    """
    if "." in request["Bucket"]:
        raise InvalidRequest(
            "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names"
        )
    status = request["AccelerateConfiguration"].get("Status")
    if status is None:
        raise MalformedXML
    return keep_document(request, context, "accelerate", status)
