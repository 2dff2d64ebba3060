// grpc-js against the gRPC door: every method of a caller, statuses with their details, ends before the end, health,
// a user's own definition, retries by service config, many calls at once, a UNIX socket.
import { createHash } from 'node:crypto';
import { ask, connect, credentials, detailsOf, eventOf, grpc, packages, withoutPackage } from './grpc_client.mjs';
import { assert, finish, limit, sleep, test, until } from './tap.mjs';

const { STEAD_ADDR, STEAD_TIGHT_ADDR, STEAD_LEAVING_ADDR, STEAD_LEAVING_PID, STEAD_UNIX_ADDR } = process.env;
const { status } = grpc;
const client = connect(STEAD_ADDR);
const execute = (name, event, options) => ask(options?.client ?? client, 'ExecuteFunction', { name, event }, options);
const idOf = (name, { source, id }) =>
  createHash('sha256').update([name, source, id].join('\0')).digest('hex').slice(0, 32);

async function refused(answer, code, reason) {
  assert.equal(answer.error?.code, status[code], JSON.stringify(answer));
  const details = detailsOf(answer.error);
  assert.equal(details.reason, reason);
  assert.equal(details.code, status[code]);
  return details;
}

await test('execute: text, bytes, JSON', async () => {
  for (const name of ['echo', 'echo-python']) {
    for (const data of ['grüße', Buffer.from([0, 255, 128, 10])]) {
      const event = eventOf(data, { test: 'kept' });
      const { error, response } = await execute(name, event);
      assert.equal(error, null);
      assert.equal(response.result, 'data');
      assert.deepEqual(response.data, Buffer.from(data));
      assert.equal(response.event.attributes.echoed.ce_string, 'kept');
      assert.equal(response.event.type, 'test.echo.v1');
      assert.equal(response.request_id, idOf(name, event));
    }
  }
  const { response } = await execute('echo-python', eventOf({ list: [1, null, 'ü'] }));
  assert.deepEqual(JSON.parse(response.data), { list: [1, null, 'ü'] });
});

await test('a function that says no is status OK with an error', async () => {
  const { error, response } = await execute('rejects', eventOf('reject', { datacontenttype: 'text/plain' }));
  assert.equal(error, null);
  assert.equal(response.result, 'error');
  assert.match(response.error, /not with me/);
  assert.equal(response.error_detail.error_class, 'permanent');
  assert.equal(response.error_detail.attempts, 1);
});

await test('status details', async () => {
  const details = await refused(await execute('nobody', eventOf('x')), 'NOT_FOUND', 'FUNCTION_NOT_FOUND');
  assert.ok(details.domain);
  const nameless = await execute('echo', { ...eventOf('x'), id: '' });
  const invalid = await refused(nameless, 'INVALID_ARGUMENT', 'INVALID_EVENT');
  assert.ok(invalid.types.includes('google.rpc.BadRequest'), invalid.types);
  await refused(await execute('No Name', eventOf('x')), 'INVALID_ARGUMENT', 'INVALID_FUNCTION_NAME');
});

await test('deadline', async () => {
  const begun = Date.now();
  const { error } = await execute('hangs', eventOf('x'), { seconds: 0.7 });
  assert.equal(error.code, status.DEADLINE_EXCEEDED);
  assert.ok(Date.now() - begun < 20_000);
  assert.equal((await execute('echo', eventOf('after it'))).error, null);
});

await test('a caller who leaves', async () => {
  const event = eventOf('x');
  const begun = (call) => setTimeout(() => call.cancel(), 300);
  const { error } = await execute('hangs', event, { begun });
  assert.equal(error.code, status.CANCELLED);
  assert.equal((await execute('echo', eventOf('after it'))).error, null);
});

await test('metadata of the caller changes nothing', async () => {
  const metadata = new grpc.Metadata();
  metadata.set('authorization', 'Bearer something');
  metadata.set('traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');
  metadata.set('blob-bin', Buffer.from([0, 1, 2]));
  metadata.add('repeated', 'one');
  metadata.add('repeated', 'two');
  const { error, response, initial, trailing } = await execute('echo', eventOf('x'), { metadata });
  assert.equal(error, null);
  assert.equal(String(response.data), 'x');
  assert.ok(initial instanceof grpc.Metadata && trailing instanceof grpc.Metadata);
});

await test('submit, wait for the result, submit again', async () => {
  const event = eventOf('later');
  const submitted = await ask(client, 'SubmitFunction', { name: 'echo', event });
  assert.equal(submitted.error, null);
  const { request_id } = submitted.response;
  assert.equal(request_id, idOf('echo', event));
  const { response } = await ask(client, 'GetResult', { request_id, wait: true });
  assert.equal(response.outcome, 'succeeded');
  assert.equal(String(response.data), 'later');
  assert.equal(response.function, 'c/echo');
  assert.equal(response.attempts, 1);
  const again = await ask(client, 'SubmitFunction', { name: 'echo', event });
  assert.equal(again.response.request_id, request_id);
  assert.equal(again.response.duplicate, true);
  const other = { ...event, text_data: 'other' };
  await refused(await execute('echo', other), 'ALREADY_EXISTS', 'ID_CONFLICT');
});

await test('no result yet, and cancel', async () => {
  const { response } = await ask(client, 'SubmitFunction', { name: 'hangs', event: eventOf('x') });
  const { request_id } = response;
  await refused(await ask(client, 'GetResult', { request_id }), 'NOT_FOUND', 'RESULT_NOT_FOUND');
  const waiting = ask(client, 'GetResult', { request_id, wait: true });
  const late = await ask(client, 'GetResult', { request_id, wait: true }, { seconds: 0.3 });
  assert.equal(late.error.code, status.DEADLINE_EXCEEDED);
  const cancelled = await ask(client, 'Cancel', { request_id });
  assert.equal(cancelled.error, null);
  const end = await waiting;
  assert.equal(end.error, null);
  assert.equal(end.response.outcome, 'cancelled');
  assert.equal(end.response.result, 'error');
  await refused(await ask(client, 'Cancel', { request_id }), 'FAILED_PRECONDITION', 'ALREADY_ENDED');
  await refused(await ask(client, 'Cancel', { request_id: 'no-such-request' }), 'NOT_FOUND', 'REQUEST_NOT_FOUND');
});

await test('health', async () => {
  const health = new packages.grpc.health.v1.Health(STEAD_ADDR, credentials);
  for (const service of ['', 'function.v1.FunctionService']) {
    assert.equal((await ask(health, 'Check', { service })).response.status, 'SERVING');
  }
  assert.equal((await ask(health, 'Check', { service: 'no.such' })).error.code, status.NOT_FOUND);
  health.close();
});

await test("a definition of the user's own, without a package", async () => {
  const own = withoutPackage(process.env.STEAD_OWN_PROTO);
  const bare = new own.FunctionService(STEAD_ADDR, credentials);
  const { error, response } = await execute('echo', eventOf('own', { test: 'kept' }), { client: bare });
  assert.equal(error, null);
  assert.equal(String(response.data), 'own');
  await refused(await execute('nobody', eventOf('x'), { client: bare }), 'NOT_FOUND', 'FUNCTION_NOT_FOUND');
  bare.close();
});

await test('retries by service config', async () => {
  const policy = { maxAttempts: 5, initialBackoff: '0.01s', maxBackoff: '0.02s', backoffMultiplier: 1,
    retryableStatusCodes: ['UNAVAILABLE', 'RESOURCE_EXHAUSTED', 'NOT_FOUND'] };
  const config = JSON.stringify({ methodConfig: [{ name: [{}], retryPolicy: policy }] });
  const patient = connect(STEAD_TIGHT_ADDR, { 'grpc.service_config': config });
  const plain = connect(STEAD_TIGHT_ADDR, { 'grpc.enable_retries': 0 });
  let end;
  const busy = execute('hangs', eventOf('x'), { client: plain, begun: (call) => { end = () => call.cancel(); } });
  const full = await until(async () => {
    const answer = await execute('echo', eventOf('x'), { client: plain });
    return answer.error && answer;
  }, 'a refusal');
  await refused(full, 'RESOURCE_EXHAUSTED', 'OVERLOADED');
  const retried = execute('echo', eventOf('in the end'), { client: patient });
  setTimeout(end, 150);
  const { error, response } = await retried;
  assert.equal(error, null, 'the server asked for 100 ms each time, and the place is free before the fifth attempt');
  assert.equal(String(response.data), 'in the end');
  assert.equal((await busy).error.code, status.CANCELLED);
  const never = await until(async () => {
    const answer = await execute('nobody', eventOf('x'), { client: patient });
    return answer.error.code === status.NOT_FOUND && answer;
  }, 'an unknown function on the free place');
  assert.deepEqual(never.trailing.get('grpc-retry-pushback-ms'), ['-1']);
  patient.close();
  plain.close();
});

await test('a hundred calls at once on one connection, a hundred on ten', async () => {
  const clients = Array.from({ length: 10 }, () => connect(STEAD_ADDR, { 'grpc.use_local_subchannel_pool': 1 }));
  for (const choose of [() => client, (number) => clients[number % clients.length]]) {
    const calls = Array.from({ length: 100 }, (_, number) =>
      execute(number % 2 ? 'echo' : 'echo-python', eventOf(`call ${number}`), { client: choose(number) }));
    for (const [number, { error, response }] of (await Promise.all(calls)).entries()) {
      assert.equal(error, null);
      assert.equal(String(response.data), `call ${number}`);
    }
  }
  clients.forEach((one) => one.close());
});

await test('large messages', async () => {
  const data = Buffer.alloc(200_000, 'stead ');
  const { error, response } = await execute('echo', eventOf(data));
  assert.equal(error, null);
  assert.deepEqual(response.data, data);
  const large = await execute('echo', eventOf(Buffer.alloc(8 << 20)));
  assert.equal(large.error?.code, status.RESOURCE_EXHAUSTED, JSON.stringify(large.error));
});

await test('a UNIX socket', async () => {
  const local = connect(STEAD_UNIX_ADDR);
  const { error, response } = await execute('echo', eventOf('by socket'), { client: local });
  assert.equal(error, null);
  assert.equal(String(response.data), 'by socket');
  local.close();
});

await test('an instance that leaves: watchers hear it, the call in flight is answered', async () => {
  const leaving = connect(STEAD_LEAVING_ADDR);
  const health = new packages.grpc.health.v1.Health(STEAD_LEAVING_ADDR, credentials);
  const heard = [];
  const watch = health.Watch({ service: '' });
  watch.on('data', (message) => heard.push(message.status));
  watch.on('error', () => heard.push('ended'));
  await until(() => heard.length === 1, 'the first state');
  const flight = execute('slow', eventOf('x'), { client: leaving });
  await sleep(800);
  process.kill(Number(STEAD_LEAVING_PID), 'SIGTERM');
  await until(() => heard.includes('NOT_SERVING'), 'NOT_SERVING');
  const { error } = await limit(flight, 20_000, 'the call in flight');
  assert.equal(error, null, error?.message);
  assert.deepEqual(heard.slice(0, 2), ['SERVING', 'NOT_SERVING']);
  watch.cancel();
  leaving.close();
  health.close();
});

client.close();
finish();
