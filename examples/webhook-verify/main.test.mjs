// WEBHOOK_SECRET="It's a Secret to Everybody" node --test
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { run } from '@stead/sdk/testing';

process.env.WEBHOOK_SECRET ??= "It's a Secret to Everybody";
const { default: verify } = await import('./main.mjs');
const demo = JSON.parse(readFileSync(new URL('demo.json', import.meta.url), 'utf8'));

test('a signed webhook', async () => {
  assert.deepEqual((await run(verify, demo.data)).data, demo.expected);
});

test('a forged one', async () => {
  await assert.rejects(run(verify, { ...demo.data, body: 'Hello, World?' }), /does not belong to the body/);
  await assert.rejects(run(verify, { ...demo.data, headers: {} }), /no x-hub-signature-256/);
  await assert.rejects(run(verify, 'text'), /data must be/);
});
