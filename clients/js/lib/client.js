// The client: a pool of gRPC channels, promises, and when to try again.
//
// A call is tried again only if it ended as UNAVAILABLE, always with the same event id, so that Stead tells a repeated
// request from a new one: whatever was accepted runs once and has one result. The delay is what the server asks for
// (RetryInfo), else 0.1 s doubled up to 2 s, the upper half of it random; a negative grpc-retry-pushback-ms forbids it.
// gRPC's own retries are not used because they hide whether an earlier attempt was lost on the way, and then
// PlatformError.notStarted could not be trusted.
'use strict';
const grpc = require('@grpc/grpc-js');
const { setTimeout: sleep } = require('node:timers/promises');
const { FunctionError, OutcomeError, platformError } = require('./errors.js');
const { Event, fromProtobuf, toProtobuf } = require('./event.js');
const { methods } = require('./wire.js');

const ADDRESS = '127.0.0.1:7600';
const DELAY = 100;
const DELAY_MAX = 2000;
const PROBE_MAX = 20000; // an answer to a probe may take as long as the silence before it, and no longer than this
const MESSAGE_BYTES_MAX = 64 << 20;

function channelOptions(keepalive, more) {
  const options = {
    'grpc.use_local_subchannel_pool': 1, // else all channels of the pool would share one connection
    'grpc.enable_http_proxy': 0,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
    'grpc.initial_reconnect_backoff_ms': DELAY,
    'grpc.max_reconnect_backoff_ms': DELAY_MAX,
  };
  if (keepalive > 0) {
    options['grpc.keepalive_time_ms'] = keepalive;
    options['grpc.keepalive_timeout_ms'] = Math.min(keepalive, PROBE_MAX);
  }
  return { ...options, ...more };
}

// A success. What only result() knows is absent from execute().
function resultOf(response) {
  const event = fromProtobuf(response.event, response.data);
  const { request_id: requestId, attempts = 0, function: name = '', version = '' } = response;
  return {
    event,
    requestId,
    attempts,
    function: name,
    version,
    raw: event.raw,
    get data() {
      return event.data;
    },
  };
}

class Client {
  #lanes;
  #timeout;
  #retries;

  constructor(settings = {}) {
    const given = typeof settings === 'string' ? { address: settings } : settings;
    const { connections = 2, timeout = 60000, retries = 7, keepalive = 30000, options = {} } = given;
    this.address = given.address || process.env.STEAD_ADDR || ADDRESS;
    this.#timeout = timeout;
    this.#retries = retries;
    const credentials = given.credentials ?? grpc.credentials.createInsecure();
    const channel = channelOptions(keepalive, options);
    this.#lanes = Array.from({ length: Math.max(1, connections) }, () => ({
      client: new grpc.Client(this.address, credentials, channel),
      busy: 0,
    }));
  }

  async execute(name, event, options) {
    const request = { name, event: toProtobuf(Event.of(event)) };
    const response = await this.#call(methods.ExecuteFunction, request, options);
    if (response.result === 'error') throw new FunctionError(response);
    return resultOf(response);
  }

  async submit(name, event, options) {
    const request = { name, event: toProtobuf(Event.of(event)) };
    const response = await this.#call(methods.SubmitFunction, request, options);
    return { requestId: response.request_id, duplicate: response.duplicate ?? false };
  }

  async result(requestId, { wait = true, ...options } = {}) {
    const response = await this.#call(methods.GetResult, { request_id: requestId, wait }, options);
    if (response.outcome === 'succeeded') return resultOf(response);
    if (response.reason === 'FUNCTION_ERROR' || response.error_detail) throw new FunctionError(response);
    throw new OutcomeError(response);
  }

  async cancel(requestId, options) {
    await this.#call(methods.Cancel, { request_id: requestId }, options);
  }

  close() {
    for (const lane of this.#lanes) lane.client.close();
  }

  async #call(method, request, { timeout = this.#timeout, signal } = {}) {
    const deadline = timeout === Infinity ? Infinity : Date.now() + timeout;
    let lost = false;
    let step = DELAY;
    for (let left = this.#retries; ; left--) {
      signal?.throwIfAborted();
      try {
        return await this.#attempt(method, request, deadline, signal);
      } catch (serviceError) {
        signal?.throwIfAborted();
        if (!(serviceError.metadata instanceof grpc.Metadata)) throw serviceError;
        const { error, ours, allowed } = platformError(serviceError);
        lost ||= !ours || error.status !== 'UNAVAILABLE'; // without Stead's word it may have been accepted
        error.notStarted = !lost;
        const delay = error.retryAfter || step * (0.5 + Math.random() / 2);
        step = Math.min(2 * step, DELAY_MAX);
        if (error.status !== 'UNAVAILABLE' || !allowed || left <= 0 || Date.now() + delay >= deadline) throw error;
        await sleep(delay, undefined, { signal }).catch(() => signal?.throwIfAborted());
      }
    }
  }

  #attempt(method, request, deadline, signal) {
    const lane = this.#lanes.reduce((best, one) => (one.busy < best.busy ? one : best));
    lane.busy++;
    let abort;
    return new Promise((resolve, reject) => {
      const call = lane.client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new grpc.Metadata(),
        { deadline },
        (error, response) => (error ? reject(error) : resolve(response)),
      );
      abort = () => call.cancel();
      signal?.addEventListener('abort', abort, { once: true });
    }).finally(() => {
      lane.busy--;
      signal?.removeEventListener('abort', abort);
    });
  }
}

module.exports = { Client };
