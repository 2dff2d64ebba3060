// The object store and the buckets by nats.js: what `deploy` wrote is read, functions that nats.js wrote are run, and
// what is wrong there is told and does no harm.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { connect, headers } from '@nats-io/transport-node';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { Objm } from '@nats-io/obj';
import { ask, connect as connectGrpc, credentials, detailsOf, eventOf, grpc, packages } from './grpc_client.mjs';
import { functionKey, objectOf, pack, python, recordOf, sha256, unpack, versionKey } from './records.mjs';
import { assert, finish, sleep, test, until } from './tap.mjs';

const { NATS_URL, STEAD_ADDR, STEAD_PLUGINS } = process.env;
const nc = await connect({ servers: NATS_URL });
const js = jetstream(nc);
const jsm = await jetstreamManager(nc);
const kvm = new Kvm(nc);
const code = await new Objm(nc).open('function-code');
const config = await kvm.open('function-config');
const versions = await kvm.open('function-versions');
const admin = new packages.function.v1.FunctionAdmin(STEAD_ADDR, credentials);
const client = connectGrpc(STEAD_ADDR);

const saying = (word) => pack({ 'main.py': python(`"${word}"`) });
const text = JSON.stringify;
const get = async (name) => (await ask(admin, 'Get', { name })).response?.function;
const inState = (name, state) => until(async () => {
  const found = await get(name);
  return found?.state === state && found;
}, `${name} to be ${state}`);

async function answerOf(name, data = { x: 1 }) {
  const { error, response } = await ask(client, 'ExecuteFunction', { name, event: eventOf(data) });
  assert.equal(error, null, error?.message);
  assert.equal(response.error ?? '', '');
  return String(response.data);
}

async function putVersion(record, archive) {
  await code.putBlob({ name: objectOf(record) }, archive);
  await versions.create(versionKey(record), text(record));
}

async function deploy(record, archive) {
  await putVersion(record, archive);
  await config.put(functionKey(record), text(record));
}

// Whatever was written, those who did nothing wrong go on.
async function unharmed() {
  assert.equal(await answerOf('echo', 'still here'), 'still here');
  const { error } = await ask(admin, 'List', {});
  assert.equal(error, null);
}

await test('what deploy wrote: listed, fetched, its digest, its files', async () => {
  for (const [language, name] of [['c', 'echo'], ['python', 'echo-python']]) {
    const record = (await config.get(`${language}.${name}`)).json();
    const version = (await versions.get(versionKey(record))).json();
    assert.equal(version.digest, record.digest);
    const listed = (await code.list()).find((info) => info.name === objectOf(record));
    assert.ok(listed, objectOf(record));
    const archive = Buffer.from(await code.getBlob(listed.name));
    assert.equal(archive.length, listed.size);
    assert.equal(sha256(archive), record.digest);
    assert.equal(listed.digest, `SHA-256=${Buffer.from(record.digest, 'hex').toString('base64url')}=`);
    const folder = path.join(STEAD_PLUGINS, name);
    const files = unpack(archive);
    const wanted = readdirSync(folder).filter((file) => !file.startsWith('__')).sort();
    assert.deepEqual(Object.keys(files), wanted);
    for (const file of wanted) assert.deepEqual(files[file], readFileSync(path.join(folder, file)));
    const status = await code.status();
    assert.equal(status.bucket, 'function-code');
  }
});

await test('a function in Python that nats.js put there', async () => {
  const archive = pack({
    'main.py': 'import helper\nimport os\nimport stead\n\n@stead.function\ndef f(event, ctx):\n' +
      '    return helper.greet(event.data["name"]) + os.environ["MARK"]\n',
    'helper.py': 'def greet(name):\n    return "Hello, " + name\n',
  });
  const record = recordOf('python', 'put', archive, { env: 'MARK=!\n' });
  await deploy(record, archive);
  const { version, digest } = await inState('put', 'READY');
  assert.equal(version, record.version);
  assert.equal(digest, record.digest);
  assert.equal(await answerOf('put', { name: 'Ada' }), '"Hello, Ada!"');
  const answers = nc.subscribe('function.result.put-1', { max: 1 });
  const fields = headers();
  fields.set('stead-request-id', 'put-1');
  await js.publish('function.python.put', '{"name":"Ada"}', { headers: fields });
  for await (const message of answers) {
    assert.equal(message.string(), '"Hello, Ada!"');
    assert.equal(message.headers.get('stead-version'), record.version);
  }
});

await test('a function in JavaScript that nats.js put there', async () => {
  const archive = pack({
    'main.mjs': "import { word } from './lib/word.mjs';\n\n" +
      'export default (event) => ({ [word]: event.data.name });\n',
    'lib/word.mjs': "export const word = 'hello';\n",
  });
  const record = recordOf('js', 'put-js', archive);
  await deploy(record, archive);
  await inState('put-js', 'READY');
  assert.deepEqual(JSON.parse(await answerOf('put-js', { name: 'Ada' })), { hello: 'Ada' });
});

await test('the least that a record needs', async () => {
  const archive = saying('least');
  const { schema, language, name, version, digest, timeoutMs } = recordOf('python', 'least', archive);
  await deploy({ schema, language, name, version, digest, timeoutMs }, archive);
  await inState('least', 'READY');
  assert.equal(await answerOf('least'), '"least"');
});

await test('a second version, an alias, a canary, back again', async () => {
  const archives = [saying('one'), saying('two')];
  const [one, two] = archives.map((archive) => recordOf('python', 'moved', archive));
  await deploy(one, archives[0]);
  await inState('moved', 'READY');
  await putVersion(two, archives[1]);
  const routes = (...list) => list.map(([{ version }, weight]) => ({ version, weight }));
  const live = { name: 'live', place: 0, routes: routes([one, 100]) };
  const beta = { name: 'beta', place: 1, routes: routes([two, 100]) };
  const key = functionKey(one);
  await config.put(key, text({ ...one, aliases: [live, beta] }));
  await until(async () => {
    const { error, response } = await ask(client, 'ExecuteFunction', { name: 'moved@beta', event: eventOf('x') });
    return error === null && String(response.data) === '"two"';
  }, 'the alias beta');
  assert.equal(await answerOf('moved'), '"one"');
  await config.put(key, text({ ...one, aliases: [{ ...live, routes: routes([one, 50], [two, 50]) }] }));
  const seen = new Set();
  await until(async () => seen.add(await answerOf('moved')).size === 2, 'both versions to answer');
  await config.put(key, text({ ...two, previous: one.version, aliases: [{ ...live, routes: routes([two, 100]) }] }));
  await until(async () => (await answerOf('moved')) === '"two"' && (await get('moved')).version === two.version, 'two');
  const { error, response } = await ask(admin, 'Rollback', { name: 'moved' });
  assert.equal(error, null, error?.message);
  assert.ok(response);
  assert.equal(await answerOf('moved'), '"one"');
  const { response: { versions: kept } } = await ask(admin, 'Versions', { name: 'moved' });
  assert.deepEqual(kept.map(({ version }) => version).sort(), [one.version, two.version].sort());
});

await test('deploy over what nats.js put there', async () => {
  const content = Buffer.from(python('"deployed"'));
  const { error } = await ask(admin, 'Deploy', { name: 'least', files: [{ path: 'main.py', content }] });
  assert.equal(error, null, error?.message);
  assert.equal(await answerOf('least'), '"deployed"');
});

await test('removed by its record', async () => {
  const archive = saying('gone');
  const record = recordOf('python', 'gone', archive);
  await deploy(record, archive);
  await inState('gone', 'READY');
  await config.delete(functionKey(record));
  await until(async () => (await get('gone')) === undefined, 'it to go');
  const { error } = await ask(client, 'ExecuteFunction', { name: 'gone', event: eventOf('x') });
  assert.equal(detailsOf(error).reason, 'FUNCTION_NOT_FOUND');
});

await test('an archive that is not the one of the record: told, not run, and well when it is put right', async () => {
  const [archive, wrong] = [saying('right'), saying('wrong')]; // made once: they hold the time
  const record = recordOf('python', 'mixed-up', archive);
  await deploy(record, wrong);
  const failed = await inState('mixed-up', 'FAILED');
  assert.match(failed.message, new RegExp(`${record.version}.*SHA-256 ${sha256(wrong).slice(0, 8)}`));
  const { error } = await ask(client, 'ExecuteFunction', { name: 'mixed-up', event: eventOf('x') });
  assert.ok(['RUNTIME_UNAVAILABLE', 'NOT_DEPLOYED'].includes(detailsOf(error).reason), detailsOf(error).reason);
  await unharmed();
  await code.putBlob({ name: objectOf(record) }, archive);
  await inState('mixed-up', 'READY');
  assert.equal(await answerOf('mixed-up'), '"right"');
});

await test('an object that is missing: told, and well again when it comes', async () => {
  const archive = saying('late');
  const record = recordOf('python', 'missing', archive);
  await config.put(functionKey(record), text(record));
  const failed = await inState('missing', 'FAILED');
  assert.ok(failed.message.includes(objectOf(record)), failed.message);
  await unharmed();
  await putVersion(record, archive);
  await inState('missing', 'READY');
  assert.equal(await answerOf('missing'), '"late"');
});

await test('a wrong version beside a right one: the right one goes on', async () => {
  const archive = saying('good');
  const good = recordOf('python', 'steady', archive);
  await deploy(good, archive);
  await inState('steady', 'READY');
  for (const [wrong, content] of [
    [recordOf('python', 'steady', archive), saying('other')],
    [recordOf('python', 'steady', Buffer.from('no tar')), Buffer.from('no tar')],
  ]) {
    await deploy(wrong, content);
    await until(async () => (await get('steady')).message, 'the reason');
    for (let i = 0; i < 5; i++) assert.equal(await answerOf('steady'), '"good"');
  }
  await config.put(functionKey(good), text(good));
  await inState('steady', 'READY');
});

await test('records that nobody can read', async () => {
  const archive = saying('bad');
  const bad = {
    'python.bad-json': () => '{"schema": 1, "language": "python"',
    'python.bad-empty': () => '',
    'python.bad-list': () => '[1]',
    'python.bad-binary': () => Buffer.from([0, 255, 1, 2]),
    'python.bad-schema': (record) => text({ ...record, schema: 2 }),
    'python.bad-no-schema': (record) => text({ ...record, schema: undefined }),
    'python.bad-version': (record) => text({ ...record, version: '../../../../x' }),
    'python.bad-short': (record) => text({ ...record, version: 'abc' }),
    'python.bad-upper': (record) => text({ ...record, version: 'ABCDEF0123456789' }),
    'python.bad-digest': (record) => text({ ...record, digest: '../../../../tmp/stead-was-here' }),
    'python.bad-digest-2': (record) => text({ ...record, digest: record.digest.slice(1) }),
    'python.bad-key': (record) => text({ ...record, name: 'another-name' }),
    'python.bad-timeout': (record) => text({ ...record, timeoutMs: '5s' }),
    'python.bad-env': (record) => text({ ...record, env: 'X'.repeat(5000) }),
    'python.bad-alias': (record) => text({ ...record, aliases: [{ name: 'a b', place: 1, routes: [] }] }),
    'python.bad-weights': (record) => text({ ...record,
      aliases: [{ name: 'live', place: 0, routes: [{ version: record.version, weight: 30 }] }] }),
    'python.bad-twice': (record) => text({ ...record, aliases: [{ name: 'live', place: 0,
      routes: [{ version: record.version, weight: 50 }, { version: record.version, weight: 50 }] }] }),
    'result.bad-language': (record) => text({ ...record, language: 'result' }),
    'cobol.bad-unknown': (record) => text({ ...record, language: 'cobol' }),
    'bad-whole-key': (record) => text(record),
  };
  for (const [key, make] of Object.entries(bad)) {
    await config.put(key, make(recordOf('python', key.split('.').pop(), archive)));
  }
  await unharmed();
  await sleep(2500); // longer than it takes to look again
  await unharmed();
  const { response } = await ask(admin, 'List', {});
  const names = (response.functions ?? []).map(({ name }) => name);
  assert.deepEqual(names.filter((name) => name.startsWith('bad-') || name === 'another-name'), []);
  const content = Buffer.from(python('1'));
  const { error } = await ask(admin, 'Deploy', { name: 'bad-json', files: [{ path: 'main.py', content }] });
  assert.equal(error?.code, grpc.status.FAILED_PRECONDITION);
  assert.equal(detailsOf(error).reason, 'RECORD_UNREADABLE');
  await config.delete('python.bad-json');
  assert.equal((await ask(admin, 'Deploy', { name: 'bad-json', files: [{ path: 'main.py', content }] })).error, null);
});

await test('a second function of a name, in another language', async () => {
  const archive = saying('stolen');
  const thief = recordOf('python', 'echo', archive);
  await deploy(thief, archive);
  await sleep(1500);
  for (let i = 0; i < 5; i++) await unharmed();
  assert.equal((await get('echo')).language, 'c');
  const content = Buffer.from(python('1'));
  const { error } = await ask(admin, 'Deploy', { name: 'bystander', files: [{ path: 'main.py', content }] });
  assert.equal(error, null, error?.message);
  await unharmed();
  await config.delete(functionKey(thief));
  await unharmed();
});

await test('damaged objects', async () => {
  const archive = saying('damaged');
  const record = recordOf('python', 'damaged', archive);
  await code.putBlob({ name: objectOf(record) }, archive);
  const info = await code.info(objectOf(record));
  await jsm.streams.purge('OBJ_function-code', { filter: `$O.function-code.C.${info.nuid}` });
  await config.put(functionKey(record), text(record));
  const failed = await inState('damaged', 'FAILED');
  assert.ok(failed.message, 'the reason');
  await unharmed();
  await code.putBlob({ name: objectOf(record) }, archive);
  await inState('damaged', 'READY');
});

admin.close();
client.close();
await nc.drain();
finish();
