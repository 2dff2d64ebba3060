// The process that serves a function: what is run, the handshake, calls that overlap, cancels, failures and ends. The
// host's side is spoken here over a socketpair, which is what child_process makes of a 'pipe'.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import wire from '../../../../sdk/js/wire.cjs';

const { TYPE, Decoder, frame, readBlock, writeBlock } = wire;
const SDK = fileURLToPath(new URL('../../../../sdk/js', import.meta.url));
const FOLDER = mkdtempSync(path.join(tmpdir(), 'stead-js-'));
mkdirSync(path.join(FOLDER, 'node_modules/@stead'), { recursive: true });
symlinkSync(SDK, path.join(FOLDER, 'node_modules/@stead/sdk'));
after(() => rmSync(FOLDER, { recursive: true }));

/** A process and the conversation with it. */
class Subject {
  constructor(argv) {
    this.process = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], cwd: FOLDER });
    this.output = { 1: '', 2: '' };
    for (const fd of [1, 2]) this.process.stdio[fd].on('data', (text) => { this.output[fd] += text; });
    this.exited = new Promise((resolve) => { this.process.on('close', (status) => resolve(status)); });
    this.frames = [];
    this.takers = [];
    this.socket = this.process.stdio[3];
    const decoder = new Decoder();
    this.socket.on('data', (bytes) => decoder.push(bytes, (received) => {
      const plain = { kind: received.type, stream: received.stream, body: received.body.toString(),
        ...Object.fromEntries(readBlock(received.header)) };
      const taker = this.takers.shift();
      if (taker) taker(plain);
      else this.frames.push(plain);
    }));
    this.socket.on('error', () => {});
  }

  send(type, stream, entries = {}, body = '') {
    this.socket.write(frame(type, stream, writeBlock(Object.entries(entries)), Buffer.from(body)));
  }

  next() {
    if (this.frames.length > 0) return Promise.resolve(this.frames.shift());
    return new Promise((resolve, fail) => {
      const timer = setTimeout(() => fail(new Error(`no frame within 10 s; it says: ${this.output[2]}`)), 10000);
      this.takers.push((received) => {
        clearTimeout(timer);
        resolve(received);
      });
    });
  }

  async ready(config = {}) {
    const hello = await this.next();
    assert.equal(hello.kind, TYPE.HELLO);
    this.send(TYPE.CONFIG, 0, { ':pipe': '1', ':function': 'js/check-it', ':version': '7', ...config });
    return this.next();
  }

  call(stream, data = {}, control = {}) {
    this.send(TYPE.CALL, stream, { ':request-id': `r-${stream}`, ':attempt': '1', specversion: '1.0', id: `e-${stream}`,
      source: '/t', type: 't', datacontenttype: 'application/json', ...control }, JSON.stringify(data));
  }

  async stop() {
    this.send(TYPE.STOP, 0);
    assert.equal(await this.exited, 0, this.output[2]);
  }
}

let files = 0;
function module(text, name = `function-${++files}.mjs`) {
  const file = path.join(FOLDER, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}
const run = (file) => new Subject([path.join(SDK, 'run.cjs'), file]);

test('every way to give a function', async () => {
  const rows = [
    ['export default (e) => e.data.n + 1;', undefined, 'check-it'],
    ['export function addOne(e) { return e.data.n + 1; } export const other = 5;', undefined, 'addOne'],
    ['export const nope = () => 0; export const checkIt = async (e) => e.data.n + 1;', undefined, 'checkIt'],
    ['export default { execute(e) { return e.data.n + this.one; }, initialize() { this.one = 1; } };', undefined,
      'check-it'],
    ['import { serve } from "@stead/sdk"; serve(function f(e) { return e.data.n + 1; });', undefined, 'f'],
    ['await 0; export default (e) => e.data.n + 1;', undefined, 'check-it'],
    ['module.exports = (e) => e.data.n + 1;', 'a.cjs', 'check-it'],
    ['exports.f = function f(e) { return e.data.n + 1; };', 'b.js', 'f'],
    ['const { serve } = require("@stead/sdk"); serve((e) => e.data.n + 1);', 'c.js', 'check-it'],
    ['export default (e) => e.data.n + 1;', 'typed/main.js', 'check-it'],
  ];
  module('{"type":"module"}', 'typed/package.json');
  for (const [text, name, type] of rows) {
    const subject = run(module(text, name));
    assert.equal((await subject.ready()).kind, TYPE.READY, text);
    subject.call(1, { n: 1 });
    const answer = await subject.next();
    assert.deepEqual([answer.kind, answer.stream, answer.body], [TYPE.RESULT, 1, '2'], text);
    assert.deepEqual([answer.id, answer.source], ['r-1.result', 'stead:function/js/check-it']);
    assert.equal(answer.type, `${type}.result.v1`, text);
    assert.equal(Object.keys(answer).filter((key) => key.startsWith(':')).length, 0);
    await subject.stop();
  }
});

test('run.mjs and a module that runs itself', async () => {
  const file = module('import { serve } from "@stead/sdk"; serve((e) => 1);');
  for (const argv of [[path.join(SDK, 'run.mjs'), file], [file]]) {
    const subject = new Subject(argv);
    assert.equal((await subject.ready()).kind, TYPE.READY);
    await subject.stop();
  }
});

test('modules that are no function say why', async () => {
  const rows = [
    ['export const a = 1;', /must export one function, or call serve\(\) of @stead\/sdk; found: none/, 64],
    ['export const a = () => 1, b = () => 2;', /found: a, b/, 64],
    ['export default class A { execute() {} }', /serve\(new A\(\)\)/, 64],
    ['export default () => 1; export const concurrency = 0;', /whole number from 1 to 65535/, 64],
    ['export default { process() {} };', /keep state/, 64],
    ['import { serve } from "@stead/sdk"; serve(5);', /takes a function/, 64],
    ['throw new Error("at load");', /at load/, 1],
    ['import "./absent.mjs";', /absent\.mjs/, 1],
    ['export default (', /SyntaxError/, 1],
    ['export default { execute() {}, async initialize() { throw new Error("no database"); } };', /no database/, 1],
  ];
  for (const [text, says, status] of rows) {
    const subject = run(module(text));
    const answer = await subject.ready();
    assert.deepEqual([answer.kind, answer.stream, answer[':class']], [TYPE.ERROR, 0, 'permanent'], text);
    assert.equal(await subject.exited, status, text);
    assert.match(subject.output[2], says);
  }
});

test('without a channel it says what it is', async () => {
  const lone = spawn(process.execPath, [path.join(SDK, 'run.cjs'), module('export default () => 1;')],
    { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  lone.stderr.on('data', (more) => { text += more; });
  assert.equal(await new Promise((resolve) => lone.on('close', resolve)), 64);
  assert.match(text, /started by Stead with a channel on fd 3/);
});

test('calls overlap up to the concurrency, and further ones are throttled', async () => {
  const subject = run(module(`const open = new Map();
    export const concurrency = 3;
    export default (e) => new Promise((resolve) => {
      open.set(e.data.n, resolve);
      if (open.size === 3) for (const [n, end] of [...open].reverse()) end(n);
    });`));
  assert.equal((await subject.ready())[':concurrency'], '3');
  for (const n of [1, 2, 3, 4]) subject.call(n, { n });
  const answers = [];
  for (let i = 0; i < 4; i++) answers.push(await subject.next());
  const results = answers.filter((a) => a.kind === TYPE.RESULT).map((a) => [a.stream, a.body]);
  assert.deepEqual(results.sort(), [[1, '1'], [2, '2'], [3, '3']]);
  assert.deepEqual(answers.filter((a) => a.kind === TYPE.ERROR).map((a) => [a.stream, a[':class']]), [[4, 'throttle']]);
  await subject.stop();
});

test('calls ahead run one after the other', async () => {
  const subject = run(module(`let running = 0, most = 0;
    export default async (e) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 10));
      running--;
      return { n: e.data.n, most };
    };`));
  await subject.ready();
  for (const n of [1, 2, 3, 4]) subject.call(n, { n });
  for (const n of [1, 2, 3, 4]) assert.equal((await subject.next()).body, `{"n":${n},"most":1}`);
  await subject.stop();
});

test('CANCEL and the deadline abort the signal; a call that waits is answered at once', async () => {
  const subject = run(module(`export default (e, ctx) => new Promise((resolve) => {
      ctx.signal.addEventListener('abort', () => resolve(ctx.signal.reason.name + ' ' + ctx.cancelled));
    });`));
  await subject.ready();
  subject.call(1);
  subject.call(2);
  subject.send(TYPE.CANCEL, 2);
  subject.send(TYPE.CANCEL, 77);
  const second = await subject.next();
  assert.deepEqual([second.kind, second.stream, second[':type']], [TYPE.ERROR, 2, 'Cancelled']);
  subject.send(TYPE.CANCEL, 1);
  const first = await subject.next();
  assert.deepEqual([first.stream, first.body], [1, '"AbortError true"']);
  subject.call(3, {}, { ':budget-ms': '30' });
  const third = await subject.next();
  assert.deepEqual([third.stream, third.body], [3, '"TimeoutError false"']);
  await subject.stop();
});

test('failures have classes', async () => {
  const subject = run(module(`import { reject, retry, throttle } from '@stead/sdk';
    class Weather extends Error {}
    export const retryOn = [Weather];
    export default async (e) => {
      switch (e.data) {
        case 'reject': throw reject('never');
        case 'retry': throw retry('later', 1500);
        case 'throttle': throw throttle('busy', 10);
        case 'weather': throw new Weather('rain');
        case 'bug': return e.nothing.at.all;
        case 'text': throw 'text';
        case 'large': return 'x'.repeat(5000);
        default: throw undefined;
      }
    };`));
  await subject.ready({ ':result-bytes-max': '1000' });
  const rows = {
    reject: ['permanent', 'Reject', undefined, /^never$/], retry: ['retry', 'Retry', '1500', /^later$/],
    throttle: ['throttle', 'Throttle', '10', /^busy$/], weather: ['retry', 'Error', undefined, /^Error: rain$/],
    bug: ['permanent', 'TypeError', undefined, /undefined/], text: ['permanent', 'Error', undefined, /text/],
    large: ['permanent', 'Reject', undefined, /the limit is 1000/],
    none: ['permanent', 'Error', undefined, /undefined/],
  };
  for (const [data, [errorClass, type, after, text]] of Object.entries(rows)) {
    subject.call(9, data);
    const answer = await subject.next();
    assert.equal(answer.kind, TYPE.ERROR, data);
    assert.deepEqual([answer[':class'], answer[':type'], answer[':after-ms']], [errorClass, type, after], data);
    assert.match(answer.body, text);
  }
  await subject.stop();
  assert.match(subject.output[2], /function-\d+\.mjs/); // bugs are logged with their stack
});

test('output is free, and ctx.log makes LOG frames', async () => {
  const subject = run(module(`export default (e, ctx) => {
      console.log('on stdout'); console.error('on stderr');
      ctx.log.warn('by the log', { answer: 42, ':level': 'no', ['x'.repeat(300)]: 1 });
      return ctx.function + '@' + ctx.version;
    };`));
  await subject.ready();
  subject.call(5);
  const line = await subject.next();
  assert.deepEqual(line, { kind: TYPE.LOG, stream: 5, body: 'by the log', ':level': 'warn', answer: '42' });
  assert.equal((await subject.next()).body, '"js/check-it@7"');
  await subject.stop();
  assert.deepEqual(subject.output, { 1: 'on stdout\n', 2: 'on stderr\n' });
});

test('STOP answers what is open, then calls stop()', async () => {
  const subject = run(module(`export default {
      execute: () => new Promise((resolve) => setTimeout(resolve, 50, 'done')),
      async stop() { await 0; console.log('stopped'); },
    };`));
  await subject.ready();
  subject.call(1);
  subject.call(2);
  subject.send(TYPE.STOP, 0);
  assert.equal((await subject.next()).body, '"done"');
  assert.equal((await subject.next()).body, '"done"');
  assert.equal(await subject.exited, 0);
  assert.equal(subject.output[1], 'stopped\n');
});

test('the end of the channel ends the process, in the middle of a call too', async () => {
  const subject = run(module('export default () => new Promise(() => setInterval(() => {}, 1000));'));
  await subject.ready();
  subject.call(1);
  subject.socket.destroy();
  assert.equal(await subject.exited, 0);
});

test('a large answer goes out whole although the host reads late', async () => {
  const subject = run(module('export default () => "x".repeat(3000000);'));
  await subject.ready();
  subject.socket.pause();
  subject.call(1);
  subject.send(TYPE.STOP, 0);
  await new Promise((resolve) => setTimeout(resolve, 100));
  subject.socket.resume();
  assert.equal((await subject.next()).body.length, 3000002);
  assert.equal(await subject.exited, 0);
});
