'use strict';
// Tests of functions without a server: run(f, data) calls f as Stead would and gives its answer as an event.
const { Event, canonical, encodeData, resultOf } = require('./event.cjs');
const { Context } = require('./context.cjs');

/** An event with sensible attributes; `options` may hold contentType and any attributes. */
function event(data, options = {}) {
  const { contentType, ...attributes } = options;
  const [raw, mediaType] = encodeData(data, contentType);
  const all = new Map([['specversion', '1.0'], ['id', 'test-1'], ['source', '/test'], ['type', 'test.event.v1']]);
  if (mediaType !== undefined) all.set('datacontenttype', mediaType);
  for (const [name, value] of Object.entries(attributes)) all.set(name, canonical(name, value));
  return new Event(all, raw, 'js/function');
}

/** What the function answers. `data` may be an event. What the function throws comes through. */
async function run(handler, data, options = {}) {
  const { attempt = 1, remainingMs, function: name = 'js/function', requestId = 'test-request', signal, log } = options;
  const given = data instanceof Event ? data : event(data);
  const entries = new Map(Object.entries(given.attributes));
  entries.set(':request-id', requestId).set(':attempt', String(attempt));
  if (remainingMs !== undefined) entries.set(':budget-ms', String(Math.trunc(remainingMs)));
  const called = new Event(entries, given.raw, name);
  const context = new Context(entries, { function: name, version: 'test' }, (level, text, fields) => {
    log?.push({ level, text, fields });
  });
  if (signal?.aborted) context.cancel(signal.reason);
  signal?.addEventListener('abort', () => context.cancel(signal.reason), { once: true });
  try {
    const execute = typeof handler === 'function' ? handler : handler.execute.bind(handler);
    return resultOf(await execute(called, context), called, handler.name || 'function');
  } finally {
    context.end();
  }
}

module.exports = { event, run };
