"""Forms that browsers post to buckets: taken in as the PutObject that they stand for, answered as forms are."""

from dataclasses import replace
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit
from xml.sax.saxutils import escape

from outcrop.aws.http import HttpResponse
from outcrop.aws.posted_forms import PostedForm, read_form
from outcrop.gateway.call import Call
from outcrop.gateway.connection import Connection
from outcrop.gateway.parts import Parts

_ANSWERS = {"200": 200, "201": 201}


async def take_in(call: Call, gateway: Parts, connection: Connection) -> None:
    """Read the form and turn the call into the PutObject of its file, the body still to come.

    Raises:
        ServiceError: it is no form, or posted to something other than a bucket.
    """
    address = replace(
        call.request, method="GET", headers={"host": call.request.headers.get("host", "")}
    )
    named = gateway.router.match(address, "s3").path_parameters
    if "Key" in named or "Bucket" not in named:
        call.route = gateway.router.match(call.request, "s3")
        return
    call.form = await read_form(call.request, connection.pieces())
    names_bucket = call.request.raw_path.strip("/") != ""
    call.request = call.form.as_put(call.request, names_bucket=names_bucket)
    call.route = gateway.router.match(call.request, "s3")


def answer(call: Call, form: PostedForm, stored: HttpResponse) -> HttpResponse:
    """Return what a browser gets for a form whose file has been stored.

    Args:
        call: the form's.
        form: says where to go on, or which status to answer.
        stored: PutObject's answer.
    """
    bucket, key = call.routed().path_parameters["Bucket"], form.key
    etag = next((value for name, value in stored.headers if name.lower() == "etag"), "")
    target = form.fields.get("success_action_redirect") or form.fields.get("redirect", "")
    place = urlsplit(target)
    kept = [item for item in stored.headers if item[0].lower() not in {"content-type", "location"}]
    if place.scheme in {"http", "https"} and place.netloc:
        told = [*parse_qsl(place.query, keep_blank_values=True)]
        told += [("bucket", bucket), ("key", key), ("etag", etag)]
        location = urlunsplit(place._replace(query=urlencode(told)))
        return HttpResponse(303, [*kept, ("Location", location)])
    host = call.request.headers.get("host", "")
    location = f"{call.request.scheme}://{host}/{bucket}/{quote(key)}"
    status = _ANSWERS.get(form.fields.get("success_action_status", ""), 204)
    response = HttpResponse(status, [*kept, ("Location", location)])
    if status == 201:
        response.headers.append(("Content-Type", "application/xml"))
        response.body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>'
            f"<Location>{escape(location)}</Location><Bucket>{escape(bucket)}</Bucket>"
            f"<Key>{escape(key)}</Key><ETag>{escape(etag)}</ETag></PostResponse>"
        ).encode()
    return response
