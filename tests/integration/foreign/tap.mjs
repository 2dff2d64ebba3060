// The little that the scenarios share: tests that run one after the other and say their end as TAP.
import assert from 'node:assert/strict';

const LIMIT_MS = 90_000;
let count = 0;

const limit = (promise, milliseconds, what) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${milliseconds} ms in vain for ${what}`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

export { assert, limit };

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export async function until(condition, what, milliseconds = 30_000) {
  const end = Date.now() + milliseconds;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${milliseconds} ms in vain for ${what}`);
    await sleep(50);
  }
}

export async function test(name, run) {
  count++;
  try {
    await limit(run(), LIMIT_MS, 'its end');
    console.log(`ok ${count} - ${name}`);
  } catch (error) {
    console.log(`not ok ${count} - ${name}`);
    console.log(String(error.stack ?? error).replace(/^/gm, '# '));
  }
}

// A scenario that does not get here has failed.
export function finish() {
  console.log(`1..${count}`);
}
