// nats.js against the NATS door: requests in every form, results live and stored, aliases, cancelling, and what the
// reference says of streams, consumers, buckets and status events.
import { connect, headers, millis, nanos } from '@nats-io/transport-node';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { ask, credentials, packages } from './grpc_client.mjs';
import { python } from './records.mjs';
import { assert, finish, limit, sleep, test, until } from './tap.mjs';

const { NATS_URL, STEAD_ADDR } = process.env;
const RESULT = 'function.result.';
const nc = await connect({ servers: NATS_URL });
const js = jetstream(nc);
const jsm = await jetstreamManager(nc);
const admin = new packages.function.v1.FunctionAdmin(STEAD_ADDR, credentials);
// Heard live, by request id: the first counts. A later one is not stored, and subscribers hear it all the same.
const results = new Map();
const heard = nc.subscribe(`${RESULT}*`, {
  callback: (_, message) => {
    const id = message.subject.slice(RESULT.length);
    if (!results.has(id)) results.set(id, message);
  },
});
await nc.flush();

const headersOf = (fields) => {
  const all = headers();
  for (const [name, value] of Object.entries(fields)) all.set(name, value);
  return all;
};
const stored = (id) => jsm.streams.getMessage('function-results', { last_by_subj: RESULT + id });

// Heard live, and the same from the stream.
async function resultOf(id) {
  const live = await until(() => results.get(id), `the result of ${id}`);
  const kept = await stored(id);
  assert.deepEqual(Buffer.from(kept.data), Buffer.from(live.data));
  for (const name of ['stead-outcome', 'stead-request-id', 'stead-function']) {
    assert.equal(kept.header.get(name), live.headers.get(name));
  }
  assert.equal(live.headers.get('stead-request-id'), id);
  return { outcome: live.headers.get('stead-outcome'), reason: live.headers.get('stead-reason'), text: live.string(),
    header: (name) => live.headers.get(name), seq: kept.seq };
}

async function call(id, body, fields = {}, subject = 'function.python.echo-python') {
  const ack = await js.publish(subject, body, { headers: headersOf({ 'stead-request-id': id, ...fields }) });
  assert.equal(ack.stream, 'functions');
  return resultOf(id);
}

const succeeded = (result, text) => {
  assert.equal(result.outcome, 'succeeded', result.text);
  assert.equal(result.text, text);
  assert.equal(result.header('ce-specversion'), '1.0');
};

await test('binary mode', async () => {
  const result = await call('js-binary', 'any bytes \u0000', { 'ce-id': 'b-1', 'ce-source': '/nats.js',
    'ce-specversion': '1.0', 'ce-type': 'test.v1', 'ce-test': '%C3%BC%20ber', 'ce-datacontenttype': 'text/plain' });
  succeeded(result, 'any bytes \u0000');
  assert.equal(decodeURIComponent(result.header('ce-echoed')), 'ü ber');
  assert.equal(result.header('stead-function'), 'python/echo-python');
  assert.match(result.header('stead-version'), /^[0-9a-f]{16}$/);
});

await test('structured mode, with its content type and without', async () => {
  const event = { specversion: '1.0', id: 's-1', source: '/nats.js', type: 'test.v1', test: 'kept', data: { a: [1] } };
  const type = { 'Content-Type': 'application/cloudevents+json; charset=utf-8' };
  const result = await call('js-structured', JSON.stringify(event), type);
  assert.deepEqual(JSON.parse(result.text), { a: [1] });
  assert.equal(result.header('ce-echoed'), 'kept');
  assert.deepEqual(JSON.parse((await call('js-structured-2', JSON.stringify(event))).text), { a: [1] });
  const broken = await call('js-broken', '{"specversion":', type);
  assert.deepEqual([broken.outcome, broken.reason], ['failed', 'INVALID_EVENT']);
  assert.equal(broken.header('Nats-Service-Error-Code'), '400');
});

await test('a bare body', async () => {
  succeeded(await call('js-bare', '{"bare":true}', {}, 'function.c.echo'), '{"bare":true}');
  succeeded(await call('js-empty', '', {}, 'function.c.echo'), '');
  succeeded(await call('js-text', 'grüße', { 'Content-Type': 'text/plain; charset=utf-8' }), 'grüße');
});

await test('the request id: a header of ours, the message id, or the place in the stream', async () => {
  const subject = 'function.c.echo';
  await js.publish(subject, 'by message id', { msgID: 'js-msg-1' });
  succeeded(await resultOf('js-msg-1'), 'by message id');
  await js.publish(subject, 'both', { msgID: 'js-msg-2', headers: headersOf({ 'stead-request-id': 'js-both' }) });
  succeeded(await resultOf('js-both'), 'both');
  const { seq } = await js.publish(subject, 'nameless');
  const { created } = await jsm.streams.info('functions');
  succeeded(await resultOf(`functions-${Date.parse(created)}-${seq}`), 'nameless');
});

await test('published twice', async () => {
  const publish = () => js.publish('function.c.echo', 'twice', { msgID: 'js-twice' });
  const [first, second] = [await publish(), await publish()];
  assert.ok(!first.duplicate && second.duplicate);
  assert.equal(second.seq, first.seq);
  const { seq } = await resultOf('js-twice');
  const again = headersOf({ 'stead-request-id': 'js-twice' }); // past the broker's own deduplication
  await js.publish('function.c.echo', 'twice', { headers: again });
  await until(async () => (await jsm.consumers.info('functions', 'c-echo')).num_ack_pending === 0 &&
    (await jsm.streams.info('functions')).state.messages === 0, 'an empty queue');
  assert.equal((await stored('js-twice')).seq, seq, 'one result, and it stays the first one');
});

await test('a function that says no, a function that crashes', async () => {
  const no = await call('js-no', '"reject"', {}, 'function.python.rejects');
  assert.equal(no.outcome, 'failed');
  assert.match(no.text, /not with me/);
  assert.equal(no.header('stead-error-class'), 'permanent');
  assert.ok(no.header('Nats-Service-Error'));
});

await test('an alias by header', async () => {
  const ask = async (id, fields) => (await call(id, '{}', fields, 'function.python.two')).text;
  assert.equal(JSON.parse(await ask('js-live', {})).version, 2);
  assert.equal(JSON.parse(await ask('js-live-2', { 'stead-alias': 'live' })).version, 2);
  assert.equal(JSON.parse(await ask('js-beta', { 'stead-alias': 'beta' })).version, 1);
  const none = await call('js-gamma', '{}', { 'stead-alias': 'gamma' }, 'function.python.two');
  assert.deepEqual([none.outcome, none.reason], ['failed', 'ALIAS_NOT_FOUND']);
});

await test('a request that is too late', async () => {
  const late = await call('js-late', '{}', { 'stead-budget-ms': '300' }, 'function.python.hangs');
  assert.equal(late.outcome, 'expired', late.text);
});

await test('a hundred requests at once', async () => {
  const ids = Array.from({ length: 100 }, (_, number) => `js-many-${number}`);
  await Promise.all(ids.map((id) => js.publish('function.python.echo-python', id, { msgID: id })));
  for (const id of ids) succeeded(await resultOf(id), id);
});

await test('a request for a function that comes later', async () => {
  await js.publish('function.python.later', '"early"', { msgID: 'js-early' });
  await sleep(300);
  assert.equal(results.get('js-early'), undefined);
  const content = Buffer.from(python('event.data + ", late"'));
  const { error } = await ask(admin, 'Deploy', { name: 'later', files: [{ path: 'main.py', content }] });
  assert.equal(error, null, error?.message);
  succeeded(await resultOf('js-early'), '"early, late"');
});

await test('cancelling by hand: the result, the message, the hint', async () => {
  const id = 'js-cancelled';
  const { seq } = await js.publish('function.python.hangs', '{}', { msgID: id });
  await sleep(500);
  const cancelled = headersOf({ 'stead-outcome': 'cancelled', 'stead-reason': 'CANCELLED', 'stead-request-id': id,
    'stead-function': 'python/hangs', 'stead-attempts': '1' });
  const options = { headers: cancelled, expect: { lastSubjectSequence: 0 } };
  await js.publish(RESULT + id, 'cancelled by hand', options);
  await assert.rejects(js.publish(RESULT + id, 'again', options), /wrong last sequence/);
  await jsm.streams.deleteMessage('functions', seq, false);
  nc.publish(`function.cancel.${id}`);
  assert.equal((await resultOf(id)).outcome, 'cancelled');
  await until(async () => (await jsm.consumers.info('functions', 'python-hangs')).num_ack_pending === 0, 'its end');
  await sleep(300);
  assert.equal((await resultOf(id)).text, 'cancelled by hand');
});

await test('status events: an instance and the processes of a function', async () => {
  const events = [];
  const status = nc.subscribe('function.status.*', { callback: (_, message) => events.push(message) });
  await nc.flush();
  const content = Buffer.from(python('{}'));
  const { error } = await ask(admin, 'Deploy', { name: 'watched', files: [{ path: 'main.py', content }] });
  assert.equal(error, null, error?.message);
  await call('js-watched', '{}', {}, 'function.python.watched');
  const phases = () => events.filter((event) => event.headers.get('ce-subject') === 'python/watched')
    .map((event) => event.headers.get('ce-type'));
  const wanted = ['registered', 'initialising', 'ready', 'active'].map((phase) => `dev.stead.plugin.${phase}.v1`);
  await until(() => wanted.every((type) => phases().includes(type)), 'the phases');
  assert.deepEqual(phases().slice(0, 3), wanted.slice(0, 3));
  assert.ok(events.every((event) => event.headers.get('ce-specversion') === '1.0' && event.headers.get('ce-id')));
  await call('js-busy', '{}', { 'stead-budget-ms': '2500' }, 'function.python.hangs');
  for (const event of events.filter((one) => one.headers.get('ce-type') === 'dev.stead.instance.state.v1')) {
    assert.ok(['AVAILABLE', 'BUSY', 'SHUTTING_DOWN'].includes(event.json().state), event.string());
    assert.equal(event.subject, `function.status.${event.json().instance}`);
  }
  status.unsubscribe();
});

await test('streams are what the reference says', async () => {
  const found = new Map();
  for await (const { config } of jsm.streams.list()) found.set(config.name, config);
  const functions = found.get('functions');
  assert.equal(functions.retention, 'workqueue');
  assert.equal(functions.discard, 'new');
  assert.deepEqual([...functions.subjects].sort(),
    ['bin', 'c', 'go', 'js', 'python'].map((language) => `function.${language}.*`));
  assert.deepEqual(found.get('function-results').subjects, ['function.result.*']);
  assert.equal(found.get('function-results').discard, 'new');
  assert.equal(millis(found.get('function-results').max_age), 120_000);
  assert.deepEqual(found.get('function-dead').subjects, ['function.dead.>']);
  for (const name of ['functions', 'function-results', 'function-dead']) {
    assert.equal(found.get(name).description, 'stead schema=1');
    assert.equal(found.get(name).storage, 'file');
  }
  for (const name of ['config', 'versions', 'attempts', 'instances', 'lease', 'state']) {
    assert.ok(found.has(`KV_function-${name}`), name);
  }
  assert.ok(found.has('OBJ_function-code'));
});

await test('each function has one consumer', async () => {
  const found = new Map();
  for await (const { name, config } of jsm.consumers.list('functions')) found.set(name, config);
  assert.deepEqual([...found.keys()].sort(), ['c-echo', 'python-echo-python', 'python-hangs', 'python-later',
    'python-rejects', 'python-two', 'python-watched']);
  const echo = found.get('c-echo');
  assert.equal(echo.filter_subject, 'function.c.echo');
  assert.equal(echo.ack_policy, AckPolicy.Explicit);
  assert.equal(echo.max_deliver, -1);
  assert.equal(echo.max_ack_pending, 20_000);
  assert.equal(echo.ack_wait, nanos(10_000));
});

await test('buckets: what functions are to be, who is there', async () => {
  const kvm = new Kvm(nc);
  const config = await kvm.open('function-config');
  const keys = [];
  for await (const key of await config.keys()) keys.push(key);
  assert.ok(keys.includes('c.echo') && keys.includes('python.two'), keys);
  const two = (await config.get('python.two')).json();
  assert.equal(two.schema, 1);
  assert.deepEqual(two.aliases.map(({ name }) => name).sort(), ['beta', 'live']);
  const watched = [];
  const changes = await config.watch({ key: 'python.*', include: 'updates' });
  (async () => { for await (const change of changes) watched.push(change); })();
  const content = Buffer.from(python('2'));
  const { error } = await ask(admin, 'Deploy', { name: 'watched', files: [{ path: 'main.py', content }] });
  assert.equal(error, null, error?.message);
  const change = await until(() => watched.find(({ key }) => key === 'python.watched'), 'the change');
  assert.match(change.json().version, /^[0-9a-f]{16}$/);
  changes.stop();
  const instances = await kvm.open('function-instances');
  const states = [];
  const beats = await limit(instances.watch({ key: 'state.*' }), 10_000, 'a watch');
  (async () => { for await (const beat of beats) states.push(beat); })();
  await until(() => states.length >= 2, 'an instance that writes again');
  const state = states.at(-1).json();
  assert.equal(states[0].key, `state.${state.instance}`);
  assert.equal(state.functions.echo.state, 'READY');
  assert.ok(state.languages.includes('python'));
  beats.stop();
});

heard.unsubscribe();
admin.close();
await nc.drain();
finish();
