// The driver of the JavaScript library. See README.md.
import { createInterface } from 'node:readline';
import { Client, Event, FunctionError, OutcomeError, PlatformError, Uri, UriRef } from '@stead/client';

const setting = (name) => (process.env[name] ? Number(process.env[name]) : undefined); // undefined: the default
const client = new Client({
  connections: setting('DRIVER_CONNECTIONS'),
  retries: setting('DRIVER_RETRIES'),
  keepalive: setting('DRIVER_KEEPALIVE_MS'),
});

function eventOf(command) {
  const attributes = { ...command.attributes };
  if (command.typed) {
    Object.assign(attributes, { flag: true, count: -5, blob: Buffer.from([0, 255]) });
    Object.assign(attributes, { link: new Uri('http://example.com/a'), path: new UriRef('/a') });
    attributes.expirytime = new Date('2030-01-02T03:04:05.678Z');
  }
  return new Event('data_base64' in command ? Buffer.from(command.data_base64, 'base64') : command.data, attributes);
}

function success(result) {
  const { raw, data, event, requestId, ...rest } = result;
  return {
    end: 'ok',
    request_id: requestId,
    data_base64: Buffer.from(raw).toString('base64'),
    parsed: data instanceof Uint8Array ? null : (data ?? null),
    type: event.type,
    content_type: event.datacontenttype ?? null,
    source: event.source,
    attempts: rest.attempts,
    function: rest.function,
    version: rest.version,
  };
}

function failure(error) {
  const kinds = [[FunctionError, 'function'], [OutcomeError, 'outcome'], [PlatformError, 'platform']];
  const end = kinds.find(([kind]) => error instanceof kind)?.[1] ?? 'local';
  return {
    ...error,
    end,
    cause: undefined,
    message: error.message,
    request_id: error.requestId,
    error_class: error.errorClass,
    retry_after: error.retryAfter,
    not_started: error.notStarted,
    violations: error.violations?.map(({ field, description }) => [field, description]),
  };
}

async function run(command) {
  const options = { timeout: command.timeout_ms ?? 60000 };
  try {
    switch (command.op) {
      case 'execute':
        return success(await client.execute(command.name, eventOf(command), options));
      case 'submit': {
        const { requestId, duplicate } = await client.submit(command.name, eventOf(command), options);
        return { end: 'ok', request_id: requestId, duplicate };
      }
      case 'result':
        return success(await client.result(command.id, { wait: command.wait ?? true, ...options }));
      case 'cancel':
        await client.cancel(command.id, options);
        return { end: 'ok' };
    }
  } catch (error) {
    return failure(error);
  }
}

async function many(command) {
  const numbers = [...Array(command.count).keys()];
  const answers = await Promise.all(
    numbers.map((n) => run({ ...command, op: 'execute', data: { n, ...command.data } })),
  );
  const failed = answers.filter((answer, n) => answer.end !== 'ok' || answer.parsed.n !== n);
  return { ok: command.count - failed.length, failed };
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  console.log(JSON.stringify(command.op === 'many' ? await many(command) : await run(command)));
}
client.close();
