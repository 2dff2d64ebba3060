// Events, data, replies and failures, without a process: @stead/sdk/testing as a function's author uses it.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { Event, reject, retry, throttle } from '../../../../sdk/js/index.mjs';
import { event, run } from '../../../../sdk/js/testing.mjs';

const bytes = (text) => Buffer.from(text, 'latin1');
const given = (raw, contentType) => new Event(contentType === undefined ? {} : { datacontenttype: contentType }, raw);
const rejection = (text) => (error) => error.name === 'Reject' && text.test(error.message);

test('data is read by its content type', () => {
  const rows = [
    [bytes('{"a":1}'), 'application/json', { a: 1 }],
    [bytes(' [1] '), 'application/json; charset=utf-8', [1]],
    [bytes('"x"'), 'application/vnd.test+json', 'x'],
    [Buffer.from('{"a":"\u00fc\u4e16"}'), 'application/json', { a: '\u00fc\u4e16' }],
    [bytes('\xef\xbb\xbf{"a":1}'), 'application/json', { a: 1 }],
    [bytes('{"a":1}'), undefined, { a: 1 }],
    [bytes('gr\xc3\xbcn'), 'text/plain', 'gr\u00fcn'],
    [bytes('gr\xfcn'), 'text/plain; charset="ISO-8859-1"', 'gr\u00fcn'],
    [bytes(''), 'application/json', null],
  ];
  for (const [raw, contentType, expected] of rows) {
    assert.deepEqual(given(raw, contentType).data, expected, `${contentType}`);
  }
  assert.deepEqual(given(bytes('plain'), undefined).data, bytes('plain'));
  assert.deepEqual(given(bytes('{}'), 'application/octet-stream').data, bytes('{}'));
});

test('data that is not what it says is rejected', () => {
  for (const [raw, contentType] of [['{', 'application/json'], ['"\xff"', 'application/json'], ['\xff', 'text/plain'],
    ['x', 'text/a; charset=none']]) {
    assert.throws(() => given(bytes(raw), contentType).data, rejection(/^the event's data is not/));
  }
});

test('attributes', () => {
  const options = { subject: 'order/7', partitionkey: 7, flag: true, at: new Date(0), bin: bytes('\x00\xff') };
  const made = event({ a: 1 }, options);
  assert.equal(made.subject, 'order/7');
  assert.equal(made.get('partitionkey'), '7');
  assert.equal(made.get('flag'), 'true');
  assert.equal(made.get('at'), '1970-01-01T00:00:00.000Z');
  assert.equal(made.get('bin'), 'AP8=');
  assert.equal(made.get('absent'), undefined);
  assert.equal(made.get(':request-id'), undefined);
  assert.equal(made.attributes.specversion, '1.0');
  assert.deepEqual(made.toJSON().data, { a: 1 });
});

test('a reply keeps what it should', async () => {
  const asked = event({ a: 1 }, { correlationid: 'c-1', traceparent: '00-1', other: 'gone' });
  const options = { requestId: 'r-1', function: 'js/f' };
  const answer = await run((e) => e.reply('t.v1', [1], { partitionkey: 7 }), asked, options);
  assert.deepEqual(answer.data, [1]);
  assert.equal(answer.type, 't.v1');
  assert.equal(answer.id, 'r-1.result');
  assert.equal(answer.source, 'stead:function/js/f');
  assert.equal(answer.get('causationid'), 'test-1');
  assert.equal(answer.get('correlationid'), 'c-1');
  assert.equal(answer.get('traceparent'), '00-1');
  assert.equal(answer.get('partitionkey'), '7');
  assert.equal(answer.get('other'), undefined);
  assert.equal(answer.datacontenttype, 'application/json');
  assert.ok(!Object.keys(answer.attributes).some((name) => name.startsWith(':')));
  assert.equal((await run((e) => e.reply('t', 1))).get('correlationid'), 'test-1');
});

test('return values become data', async () => {
  const rows = [
    [undefined, undefined, ''], [null, undefined, ''], [{ a: '\u00e9' }, 'application/json', '{"a":"\xc3\xa9"}'],
    ['text', 'application/json', '"text"'], [0, 'application/json', '0'],
    [new Uint8Array([0, 255]), 'application/octet-stream', '\x00\xff'],
    [new Uint8Array([1, 2]).buffer, 'application/octet-stream', '\x01\x02'],
    [new Uint8Array([1, 2, 3]).subarray(1), 'application/octet-stream', '\x02\x03'],
  ];
  for (const [value, contentType, raw] of rows) {
    const answer = await run(() => value);
    assert.equal(answer.datacontenttype, contentType);
    assert.deepEqual(Buffer.from(answer.raw), bytes(raw));
  }
  assert.equal((await run(function greet() { return 1; })).type, 'greet.result.v1');
  const text = await run((e) => e.reply('t', 'gr\u00fcn', { contentType: 'text/plain; charset=latin1' }));
  assert.deepEqual(Buffer.from(text.raw), bytes('gr\xfcn'));
});

test('what is not JSON, text or an attribute is rejected', async () => {
  const circular = {};
  circular.self = circular;
  for (const value of [1n, circular, () => 1, Symbol('x')]) {
    await assert.rejects(run(() => value), rejection(/^the result is not JSON/));
  }
  await assert.rejects(run((e) => e.reply('t', '\u4e16', { contentType: 'text/plain; charset=latin1' })),
    rejection(/can't be written as latin1/));
  for (const name of ['Bad', 'a-b', '', 'a'.repeat(65)]) {
    await assert.rejects(run((e) => e.reply('t', null, { [name]: 1 })), rejection(/only a-z and 0-9/));
  }
  await assert.rejects(run((e) => e.reply('t', null, { big: 'x'.repeat(8193) })), rejection(/8192/));
});

test('the context', async () => {
  const log = [];
  await run((e, ctx) => {
    ctx.log.info('hello', { count: 1 });
    assert.deepEqual([ctx.requestId, ctx.attempt, ctx.cancelled], ['test-request', 3, false]);
    assert.ok(ctx.remainingMs > 4000 && ctx.remainingMs <= 5000);
    assert.ok(ctx.deadline.getTime() - Date.now() <= 5001);
    assert.equal(ctx.signal.aborted, false);
  }, null, { attempt: 3, remainingMs: 5000, log });
  assert.deepEqual(log, [{ level: 'info', text: 'hello', fields: { count: 1 } }]);
  await run((e, ctx) => {
    assert.equal(ctx.remainingMs, Infinity);
    assert.equal(ctx.deadline, null);
  });
});

test('the signal says that time is over, or that nobody waits', async () => {
  const waits = (e, ctx) => new Promise((resolve, fail) => {
    const alive = setTimeout(resolve, 5000);
    ctx.signal.addEventListener('abort', () => {
      clearTimeout(alive);
      fail(ctx.signal.reason);
    });
  });
  await assert.rejects(run(waits, null, { remainingMs: 20 }), { name: 'TimeoutError' });
  const over = run((e, ctx) => ctx.signal.throwIfAborted(), null, { remainingMs: 0 });
  await assert.rejects(over, { name: 'TimeoutError' });
  const controller = new AbortController();
  const waiting = run(waits, null, { signal: controller.signal });
  controller.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
});

test('failures come through', async () => {
  await assert.rejects(run(() => { throw reject('no'); }), { name: 'Reject', message: 'no' });
  await assert.rejects(run(async () => { throw retry('later', 2000); }), { name: 'Retry', afterMs: 2000 });
  await assert.rejects(run(() => { throw throttle('busy'); }), { name: 'Throttle', afterMs: undefined });
});

test('objects are functions too, and CommonJS has the same package', async () => {
  const counter = { count: 0, execute() { return ++this.count; } };
  await run(counter);
  assert.equal((await run(counter)).data, 2);
  const required = createRequire(import.meta.url)('../../../../sdk/js/index.cjs');
  assert.equal(required.Event, Event);
});
