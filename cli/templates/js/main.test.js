// node --test; needs no server.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { run } from '@stead/sdk/testing';
import greet from './main.js';

test('it greets', async () => {
  assert.deepEqual((await run(greet, { name: 'Ada' })).data, { text: 'Hello, Ada' });
});

test('it wants a name', async () => {
  await assert.rejects(run(greet, {}), /name is missing/);
});
