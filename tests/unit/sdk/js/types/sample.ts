// Compiled by tsc, never run: what a function's author writes must have types, and mistakes must be errors.
import { reject, retry, serve, throttle, type Context, type Event, type LongLivedFunction } from '@stead/sdk';
import { event, run } from '@stead/sdk/testing';

interface Order { id: string; amount: number }

async function charge(order: Event<Order>, ctx: Context): Promise<Event | { ok: boolean }> {
  if (typeof order.data.amount !== 'number') throw reject('data.amount must be a number');
  if (ctx.attempt > 3) throw retry('later', 1000);
  if (ctx.remainingMs < 10) throw throttle('no time', 5000);
  const answer = await fetch('http://127.0.0.1/', { signal: ctx.signal });
  ctx.log.info('charged', { status: answer.status });
  const left: Date | null = ctx.deadline;
  const subject: string | undefined = order.subject;
  const tenant: string | undefined = order.get('tenant');
  if (left === null || tenant === undefined) return { ok: answer.ok };
  return order.reply('com.example.charged.v1', order.raw, { contentType: 'image/png', subject, partitionkey: 7 });
}

class Totals implements LongLivedFunction<Order> {
  #sums: Record<string, number> = {};
  initialize(): void { this.#sums = {}; }
  process(ctx: Context, order: Event<Order>): Event {
    this.#sums[order.data.id] = order.data.amount;
    return order.reply('t', this.#sums);
  }
  async pause(): Promise<void> {}
  resume(): void {}
  stop(): void {}
  getState(): Uint8Array { return new TextEncoder().encode(JSON.stringify(this.#sums)); }
  setState(state: Uint8Array): void { this.#sums = JSON.parse(new TextDecoder().decode(state)); }
}

serve(charge, { concurrency: 4, retryOn: [TypeError] });
serve({ execute: charge, stop: async () => {} });
serve(new Totals());

const result: Event = await run(charge, event({ id: 'a', amount: 1 }, { subject: 's' }), { attempt: 2 });
result.data.ok;

// @ts-expect-error no function
serve(5);
// @ts-expect-error a class, not an object of it
serve({ exec: charge });
// @ts-expect-error read-only
result.id = 'x';
// @ts-expect-error misspelt
serve(charge, { concurency: 4 });
// @ts-expect-error amount is a number
serve((order: Event<Order>) => order.data.amount.length);
