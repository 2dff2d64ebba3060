"""How a call can fail: the function said no, the request ended otherwise, or the platform could not run it."""
from . import _wire

STEAD = "stead"  # ErrorInfo.domain of every status that Stead itself gave
_STATUSES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
    "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS "
    "UNAUTHENTICATED"
).split()


class SteadError(Exception):
    """Any of the three below. `message` is for people, `request_id` names the stored result ("" if there is none)."""

    def __init__(self, message, request_id=""):
        super().__init__(message)
        self.message, self.request_id = message, request_id


class FunctionError(SteadError):
    """The function ran and said no.

    type         the function's own name for the error, e.g. an exception's class
    error_class  "retry", "permanent" or "throttle"
    retryable    the same event may succeed later (under a new id: this one has its result)
    attempts     how often it ran
    outcome      how the request ended, "failed" or "dead-lettered"; "" from execute()
    """

    def __init__(self, message, detail, request_id, outcome="", attempts=0):
        super().__init__(message, request_id)
        self.type, self.error_class, self.retryable = detail.type, detail.error_class, detail.retryable
        self.attempts, self.outcome = attempts or detail.attempts, outcome


class OutcomeError(SteadError):
    """A stored result says that the request ended without success, and not by the function's own word.

    outcome   "failed", "expired", "dead-lettered" or "cancelled"
    reason    a word of the error table, e.g. EXECUTION_TIMEOUT; may be ""
    attempts  how often the function ran
    """

    def __init__(self, message, request_id, outcome, reason, attempts):
        super().__init__(message or outcome, request_id)
        self.outcome, self.reason, self.attempts = outcome, reason, attempts


class PlatformError(SteadError):
    """The call ended with a gRPC status that is not OK.

    status       its name, e.g. "NOT_FOUND"
    reason       a word of the error table, e.g. "FUNCTION_NOT_FOUND"; "" if Stead did not give this status
    retry_after  seconds after which trying again may help; None if Stead did not say
    not_started  True: Stead itself answered each attempt with UNAVAILABLE, so the function certainly did not start and
                 will not. False: no such promise
    violations   (field, description) of what is wrong in the request
    metadata     what else ErrorInfo says
    """

    def __init__(self, status, message, reason="", retry_after=None, violations=(), metadata=None):
        self.status, self.reason, self.retry_after = status, reason, retry_after
        self.violations, self.metadata, self.not_started = list(violations), dict(metadata or {}), False
        super().__init__(message, self.metadata.get("request-id", ""))

    def __str__(self):
        return "%s: %s" % (self.reason or self.status, self.message)


def platform_error(rpc_error):
    """(PlatformError, by Stead itself?, may be tried again?) of a grpc.RpcError."""
    trailers = {key: value for key, value in rpc_error.trailing_metadata() or ()}
    reason, domain, retry_after, violations, metadata = "", "", None, [], {}
    for any_detail in _details(trailers.get("grpc-status-details-bin")):
        kind = any_detail.type_url.rpartition("/")[2]
        if kind == "google.rpc.ErrorInfo":
            info = _wire.ErrorInfo.FromString(any_detail.value)
            reason, domain, metadata = info.reason, info.domain, info.metadata
        elif kind == "google.rpc.RetryInfo":
            delay = _wire.RetryInfo.FromString(any_detail.value).retry_delay
            retry_after = delay.seconds + delay.nanos / 1e9
        elif kind == "google.rpc.BadRequest":
            request = _wire.BadRequest.FromString(any_detail.value)
            violations = [(one.field, one.description) for one in request.field_violations]
    number = rpc_error.code().value[0]
    status = _STATUSES[number] if 0 <= number < len(_STATUSES) else "UNKNOWN"
    error = PlatformError(status, rpc_error.details() or "", reason, retry_after, violations, metadata)
    return error, domain == STEAD, not trailers.get("grpc-retry-pushback-ms", "0").startswith("-")


def _details(packed):
    try:
        return _wire.Status.FromString(packed).details if packed else ()
    except Exception:  # a proxy's own idea of details must not hide the status
        return ()
