// What the types of @stead/client allow; compiled, never run.
import { Client, Event, FunctionError, PlatformError, UriRef, type Result } from '@stead/client';

export async function sample(signal: AbortSignal): Promise<string> {
  const client = new Client({ address: 'unix:/tmp/stead', connections: 4, retries: 0 });
  const event = new Event({ a: 1 }, { type: 'x', time: new Date(), flag: true, count: 3, path: new UriRef('/a') });
  try {
    const result: Result = await client.execute('hello', event, { timeout: 100, signal });
    const { requestId, duplicate } = await client.submit('hello', 'text');
    await client.cancel(requestId);
    const later = await client.result(requestId, { wait: false });
    return `${result.event.subject} ${later.attempts} ${duplicate}`;
  } catch (error) {
    if (error instanceof FunctionError) return error.errorClass;
    if (error instanceof PlatformError && error.notStarted) return `${error.reason} ${error.retryAfter ?? 0}`;
    throw error;
  } finally {
    client.close();
  }
}

// @ts-expect-error: a number is no address
new Client(7600);
// @ts-expect-error: results are read-only
export const write = (result: Result) => (result.requestId = 'x');
