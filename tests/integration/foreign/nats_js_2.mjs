// The NATS client for JavaScript as it was before its third version: one package, much in use.
import { connect, headers } from 'nats';
import { assert, finish, limit, test } from './tap.mjs';

const nc = await connect({ servers: process.env.NATS_URL });
const js = nc.jetstream();

await test('a request and its result', async () => {
  const answers = nc.subscribe('function.result.js2-1', { max: 1 });
  const fields = headers();
  fields.set('stead-request-id', 'js2-1');
  const { duplicate } = await js.publish('function.c.echo', 'hello', { headers: fields, msgID: 'js2-1' });
  assert.ok(!duplicate);
  const next = (async () => { for await (const message of answers) return message; })();
  const message = await limit(next, 20_000, 'the result');
  assert.equal(message.string(), 'hello');
  assert.equal(message.headers.get('stead-outcome'), 'succeeded');
  const jsm = await js.jetstreamManager();
  const stored = await jsm.streams.getMessage('function-results', { last_by_subj: 'function.result.js2-1' });
  assert.equal(stored.string(), 'hello');
});

await test('buckets and objects', async () => {
  const config = await js.views.kv('function-config', { bindOnly: true });
  const record = (await config.get('c.echo')).json();
  const code = await js.views.os('function-code');
  const name = `c/echo/${record.version}.tar`;
  assert.ok((await code.list()).some((info) => info.name === name));
  assert.ok((await code.getBlob(name)).length > 512);
});

await nc.drain();
finish();
