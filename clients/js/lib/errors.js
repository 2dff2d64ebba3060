// How a call can fail: the function said no, the request ended otherwise, or the platform could not run it.
'use strict';
const { status: codes } = require('@grpc/grpc-js');
const { details } = require('./wire.js');

const STEAD = 'stead'; // ErrorInfo.domain of every status that Stead itself gave

class SteadError extends Error {
  constructor(message, requestId) {
    super(message);
    this.name = this.constructor.name;
    this.requestId = requestId ?? '';
  }
}

class FunctionError extends SteadError {
  constructor(response) {
    super(response.error, response.request_id);
    const detail = response.error_detail ?? {};
    this.type = detail.type ?? '';
    this.errorClass = detail.error_class ?? '';
    this.retryable = detail.retryable ?? false;
    this.attempts = response.attempts || detail.attempts || 0;
    this.outcome = response.outcome ?? '';
  }
}

class OutcomeError extends SteadError {
  constructor(response) {
    super(response.error || response.outcome, response.request_id);
    this.outcome = response.outcome;
    this.reason = response.reason ?? '';
    this.attempts = response.attempts ?? 0;
  }
}

class PlatformError extends SteadError {
  constructor(status, message, found = {}) {
    super(message, found.metadata?.['request-id']);
    this.status = status;
    this.reason = found.reason ?? '';
    this.retryAfter = found.retryAfter ?? null;
    this.violations = found.violations ?? [];
    this.metadata = found.metadata ?? {};
    this.notStarted = false;
  }

  toString() {
    return `${this.name}: ${this.reason || this.status}: ${this.message}`;
  }
}

function readDetails(packed) {
  const found = {};
  for (const { type_url: url, value } of details.Status(packed).details ?? []) {
    const kind = url.slice(url.lastIndexOf('/') + 1);
    if (kind === 'google.rpc.ErrorInfo') {
      const info = details.ErrorInfo(value);
      Object.assign(found, { reason: info.reason, domain: info.domain, metadata: info.metadata });
    } else if (kind === 'google.rpc.RetryInfo') {
      const delay = details.RetryInfo(value).retry_delay ?? {};
      found.retryAfter = Number(delay.seconds ?? 0) * 1000 + (delay.nanos ?? 0) / 1e6;
    } else if (kind === 'google.rpc.BadRequest') {
      found.violations = details.BadRequest(value).field_violations;
    }
  }
  return found;
}

// { error, ours: Stead itself gave the status, allowed: it may be tried again } of a ServiceError of gRPC.
function platformError(serviceError) {
  let found = {};
  const packed = serviceError.metadata?.get('grpc-status-details-bin')[0];
  try {
    if (packed) found = readDetails(packed);
  } catch {
    // A proxy's own idea of details must not hide the status.
  }
  const pushback = String(serviceError.metadata?.get('grpc-retry-pushback-ms')[0] ?? '0');
  const error = new PlatformError(codes[serviceError.code] ?? 'UNKNOWN', serviceError.details, found);
  error.cause = serviceError;
  return { error, ours: found.domain === STEAD, allowed: !pushback.startsWith('-') };
}

module.exports = { SteadError, FunctionError, OutcomeError, PlatformError, platformError };
