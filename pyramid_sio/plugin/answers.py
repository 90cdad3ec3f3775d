"""What a client is told about an error: what the application's exception views make of it.

Upstream: ``plugin.context``, when a handler has raised something; ``plugin.surroundings``.
Downstream: ``sockets.client`` sends it as acknowledgement, or as CONNECT_ERROR.

A view answers with a response, a client wants a value. JSON is taken as it is, plain text as
``{"error": text}``; of anything else, such as a page of HTML, only the title of the status,
and of a redirect where it leads to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyramid.httpexceptions import HTTPException, HTTPNotFound, status_map

from pyramid_sio.errors import ShapedError, SioError

if TYPE_CHECKING:
    from pyramid.request import Request

#: From this status on, an answer tells of a fault of the application's own.
FAULT = 500


def invoke_exception_view(request: Request, error: Exception) -> Any:
    """The response of the application's view for an error; what this package raises has none.

    :raises Exception: the error, if there is no view for it
    """
    if isinstance(error, SioError):
        raise error
    try:
        return request.invoke_exception_view((type(error), error, error.__traceback__))
    except HTTPNotFound as missing:
        if missing is error or missing.__traceback__ is None:
            raise
        raise error from None


def shape(request: Request, error: Exception) -> Exception:
    """What the application wants told about an error; the error itself if nothing.

    An exception view that fails is as good as none; it is what is reported then.
    """
    traceback = error.__traceback__
    try:
        response = invoke_exception_view(request, error)
    except Exception as exc:  # noqa: BLE001 - of the application's view
        # Where it came from is what a log should show, not that there was no view.
        return exc.with_traceback(traceback) if exc is error else exc
    return shaped(response, error)


def shaped(response: Any, error: BaseException) -> ShapedError:
    """The same, if the view has answered already."""
    failed = response.status_int >= FAULT
    return ShapedError(_value_of(response, error), error, failed=failed)


def _value_of(response: Any, error: BaseException) -> Any:
    if isinstance(response, HTTPException):
        return {"error": response.detail or response.title}
    if response.content_type == "application/json":
        try:
            return response.json_body
        except ValueError:
            pass
    if response.content_type == "text/plain" and response.text:
        return {"error": response.text}
    title = getattr(error, "title", None)
    if title is None:
        known = status_map.get(response.status_int)
        title = known.title if known is not None else response.status
    value = {"error": title}
    if response.location is not None:
        value["location"] = response.location
    return value
