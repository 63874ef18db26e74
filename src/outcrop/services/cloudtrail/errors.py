"""CloudTrail's own errors."""

from outcrop.aws.errors import ServiceError


class InvalidLookupAttributesException(ServiceError):
    """The attributes of a lookup are not ones that can be looked up."""

    code = "InvalidLookupAttributesException"
    status = 400


class InvalidTimeRangeException(ServiceError):
    """A range of time ends before it begins."""

    code = "InvalidTimeRangeException"
    status = 400


class InvalidNextTokenException(ServiceError):
    """The token is not one that an earlier page of the same lookup returned."""

    code = "InvalidNextTokenException"
    status = 400


class InvalidEventCategoryException(ServiceError):
    """Events of the category cannot be looked up."""

    code = "InvalidEventCategoryException"
    status = 400


class TrailNotFoundException(ServiceError):
    """There is no such trail."""

    code = "TrailNotFoundException"
    status = 404


class InvalidTrailNameException(ServiceError):
    """What is given cannot be a trail's name."""

    code = "InvalidTrailNameException"
    status = 400


class CloudTrailARNInvalidException(ServiceError):
    """What is given looks like an ARN but is not a trail's."""

    code = "CloudTrailARNInvalidException"
    status = 400
