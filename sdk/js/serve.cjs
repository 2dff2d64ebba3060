'use strict';
// The process's side of pipe/1: a socket over fd 3, the handshake, and calls until STOP. The event loop stays free, so
// calls overlap, CANCEL and PING are heard while a function awaits, and its own timers and sockets go on between calls.
//
// HELLO can be sent before the function's module is loaded (run.cjs does), so that the host's answer is there by then;
// READY says how many calls it takes. With one at a time, further ones wait here in the order of their frames.
//
// Frames are written at once, past the socket, unless that one still has bytes queued: a third of the round trip less.
// A protocol error ends the process with status 65, the end of fd 3 with 0.
const fs = require('fs');
const { Socket } = require('net');
const { ERROR_CLASS, Event, resultOf, reject } = require('./event.cjs');
const { Context } = require('./context.cjs');
const { Decoder, FRAME_MAX, OPTIONAL, ProtocolError, TYPE, frame, readBlock, writeBlock } = require('./wire.cjs');
const { version } = require('./package.json');

const CHANNEL = 3, EXIT_USAGE = 64, EXIT_PROTOCOL = 65;
const AHEAD_MAX = 3; // calls that the host may send before their turn
const CONCURRENCY_MAX = 65535, LOG_FIELDS_MAX = 64, TEXT_BYTES_MAX = 8192;
const HOST = Symbol.for('@stead/sdk host'); // the one Server of this process, whichever copy of the package made it

/** The function's author used this package wrongly: the text says it all, without a stack. */
class UsageError extends TypeError {}

function complain(text) {
  try {
    fs.writeSync(2, `stead: ${text}\n`);
  } catch { /* nobody reads it */ }
}

function die(why, status = EXIT_PROTOCOL) {
  complain(why);
  process.exit(status);
}

/** Cuts text to so many bytes of UTF-8, at a character. */
function bytesOf(text, bytesMax) {
  const bytes = Buffer.from(text);
  let end = Math.min(bytes.length, bytesMax);
  while (end < bytes.length && end > 0 && (bytes[end] & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

class Channel {
  constructor(take) {
    this.decoder = new Decoder();
    const buffer = Buffer.allocUnsafeSlow(64 << 10);
    const callback = (length) => {
      try {
        this.decoder.push(buffer.subarray(0, length), take);
      } catch (error) {
        if (error instanceof ProtocolError) die(error.message);
        throw error;
      }
      return true;
    };
    this._socket = new Socket({ fd: CHANNEL, readable: true, writable: true, onread: { buffer, callback } });
    // The host is gone, and with it everyone who waits.
    this._socket.on('end', () => process.exit(0));
    this._socket.on('error', () => process.exit(0));
    this._socket.read(0);
  }

  send(type, stream, header, body) {
    const bytes = frame(type, stream, header, body);
    let sent = 0;
    if (this._socket.writableLength === 0) {
      try {
        sent = fs.writeSync(CHANNEL, bytes);
      } catch (error) {
        if (error.code !== 'EAGAIN') process.exit(0);
      }
    }
    if (sent < bytes.length) this._socket.write(bytes.subarray(sent));
  }

  /** Ends the process once everything is written. */
  leave(status) {
    if (this._socket.writableLength === 0) process.exit(status);
    this._socket.end(() => process.exit(status));
  }
}

/** One call on its stream, from its frame to its answer. */
class Call {
  constructor(server, received) {
    this.stream = received.stream;
    const entries = readBlock(received.header);
    this.event = new Event(entries, received.body, server.about.function);
    this.context = new Context(entries, server.about, (level, text, fields) => server.log(this, level, text, fields));
    this.answered = false;
  }
}

class Server {
  constructor() {
    this.about = { function: 'js/function', version: '' };
    this.phase = TYPE.CONFIG; // what must come next, or 0
    this.resultMax = FRAME_MAX - 8;
    this.handler = undefined;
    this.concurrency = 1;
    this.calls = new Map(); // stream -> Call that is not answered
    this.waiting = []; // those of them that have not begun
    this.running = 0;
    this.stopping = false;
    this.onConfigured = () => {};
    this.channel = new Channel((received) => this.take(received));
    const hello = { ':pipe': '1', ':sdk': `stead-js/${version}`, ':language': 'js', ':concurrency': '1',
      ':features': 'ahead' };
    this.channel.send(TYPE.HELLO, 0, writeBlock(Object.entries(hello)));
  }

  // ---- start ----

  /** Takes the handler that is to be served. */
  offer(handler, options = {}) {
    if (this.handler !== undefined) throw new UsageError('serve() was called twice; a process serves one function');
    this.handler = handlerOf(handler, options);
    this.concurrency = concurrencyOf(options.concurrency ?? handler.concurrency ?? 1);
    if (this.phase !== TYPE.CONFIG) this.initialise();
  }

  configure(received) {
    const config = readBlock(received.header);
    if (config.get(':pipe') !== '1') die('the host does not speak pipe/1');
    const frameMax = Number(config.get(':frame-bytes-max') ?? FRAME_MAX);
    this.channel.decoder.frameMax = frameMax;
    this.resultMax = Math.min(Number(config.get(':result-bytes-max') ?? frameMax - 8), frameMax - 8);
    this.about = { function: config.get(':function') || 'js/function', version: config.get(':version') ?? '' };
    this.phase = TYPE.READY;
    this.onConfigured();
    if (this.handler !== undefined) this.initialise();
  }

  /** Resolves when the host has said which function this is. */
  async configured() {
    if (this.phase === TYPE.CONFIG) await new Promise((resolve) => { this.onConfigured = resolve; });
  }

  async initialise() {
    try {
      const begun = this.handler.initialize?.(new Context(new Map(), this.about, this.log.bind(this, undefined)));
      if (begun !== undefined) await begun;
    } catch (error) {
      this.refuse(error);
      return;
    }
    this.phase = 0;
    this.channel.send(TYPE.READY, 0, writeBlock([[':concurrency', String(this.concurrency)]]));
    if (this.stopping) this.finish();
  }

  /** The function can't be served: says why on its standard error and to the host, and ends the process. */
  refuse(error, status = 1) {
    const text = error?.stack ?? String(error);
    complain(status === EXIT_USAGE ? error.message : text);
    const header = writeBlock([[':class', error?.[ERROR_CLASS] ?? 'permanent']]);
    this.channel.send(TYPE.ERROR, 0, header, bytesOf(String(error?.message ?? error), TEXT_BYTES_MAX));
    this.channel.leave(status);
  }

  // ---- frames ----

  take(received) {
    if (this.phase === TYPE.CONFIG) {
      if (received.type !== TYPE.CONFIG) die('the host did not answer HELLO with CONFIG');
      this.configure(received);
      return;
    }
    switch (received.type) {
      case TYPE.CALL:
        this.arrived(received);
        break;
      case TYPE.CANCEL:
        this.cancelled(received.stream);
        break;
      case TYPE.PING:
        this.channel.send(TYPE.PONG, 0, undefined, received.body);
        break;
      case TYPE.STOP:
        this.stopping = true;
        this.finish();
        break;
      default:
        if (!(received.flags & OPTIONAL)) {
          const type = received.type.toString(16).padStart(2, '0');
          die(`the host sent a frame of type 0x${type}, which has no place here`);
        }
        readBlock(received.header);
    }
  }

  arrived(received) {
    if (this.phase !== 0) die('the host sent a call before READY');
    const call = new Call(this, received);
    if (this.calls.has(call.stream)) die(`the host sent a call on stream ${call.stream}, which is in use`);
    this.calls.set(call.stream, call);
    if (this.running < this.concurrency) {
      this.begin(call);
    } else if (this.waiting.length < AHEAD_MAX && this.concurrency === 1) {
      this.waiting.push(call);
    } else {
      this.fail(call, 'throttle', `this process runs ${this.concurrency} calls at once`);
    }
  }

  cancelled(stream) {
    const call = this.calls.get(stream);
    if (call === undefined) return;
    const at = this.waiting.indexOf(call);
    call.context.cancel();
    if (at >= 0) {
      this.waiting.splice(at, 1);
      this.fail(call, 'retry', 'cancelled before it began', 'Cancelled');
    }
  }

  /** After STOP: ends the process when nothing is left to answer. */
  async finish() {
    if (this.calls.size > 0 || this.phase !== 0) return;
    let status = 0;
    try {
      await this.handler.stop?.(new Context(new Map(), this.about, this.log.bind(this, undefined)));
    } catch (error) {
      complain(error?.stack ?? String(error));
      status = 1;
    }
    this.channel.leave(status);
  }

  // ---- calls ----

  /** Runs a call. A function that answers at once is answered for at once, without a turn of the event loop. */
  begin(call) {
    this.running++;
    let value;
    try {
      value = this.handler.execute(call.event, call.context);
    } catch (error) {
      this.thrown(call, error);
      return;
    }
    if (typeof value?.then === 'function') {
      value.then((settled) => this.returned(call, settled), (error) => this.thrown(call, error));
    } else {
      this.returned(call, value);
    }
  }

  returned(call, value) {
    try {
      const result = resultOf(value, call.event, this.handler.name ?? this.about.function.split('/').pop());
      const header = writeBlock(Object.entries(result.attributes));
      const bytes = header.length + result.raw.length;
      if (bytes > this.resultMax) throw reject(`the result has ${bytes} bytes; the limit is ${this.resultMax}`);
      this.answer(call, TYPE.RESULT, header, result.raw);
    } catch (error) {
      this.thrown(call, error instanceof RangeError ? reject(error.message) : error);
      return;
    }
    this.next();
  }

  thrown(call, error) {
    const { retryOn } = this.handler;
    let errorClass = error?.[ERROR_CLASS];
    if (errorClass === undefined) {
      console.error(error);
      errorClass = retryOn === undefined || retryOn.some((type) => error instanceof type) ? 'retry' : 'permanent';
    }
    const name = String(error?.name || 'Error');
    const text = String(error?.message ?? error);
    this.fail(call, errorClass, error?.[ERROR_CLASS] ? text || name : `${name}: ${text}`, name, error?.afterMs);
    this.next();
  }

  fail(call, errorClass, text, name = 'Error', afterMs = undefined) {
    const header = [[':class', errorClass], [':type', bytesOf(name, 128).toString()]];
    if (afterMs >= 0) header.push([':after-ms', String(Math.trunc(Math.min(afterMs, Number.MAX_SAFE_INTEGER)))]);
    this.answer(call, TYPE.ERROR, writeBlock(header), bytesOf(text, TEXT_BYTES_MAX));
  }

  answer(call, type, header, body) {
    if (!this.calls.delete(call.stream)) return;
    call.context.end();
    this.channel.send(type, call.stream, header, body);
  }

  /** A call has ended: the next one begins. A loop, not a recursion: answers may come at once. */
  next() {
    this.running--;
    if (this.pumping) return;
    this.pumping = true;
    while (this.waiting.length > 0 && this.running < this.concurrency) this.begin(this.waiting.shift());
    this.pumping = false;
    if (this.stopping) this.finish();
  }

  log(call, level, text, fields) {
    const header = [[':level', level]];
    for (const [name, value] of Object.entries(fields ?? {}).slice(0, LOG_FIELDS_MAX)) {
      if (/^[^:]{1,64}$/.test(name)) header.push([name, bytesOf(String(value), TEXT_BYTES_MAX).toString()]);
    }
    this.channel.send(TYPE.LOG, call?.answered === false ? call.stream : 0, writeBlock(header), bytesOf(text, 65536));
  }
}

/** A function, or an object of functions, in the one form that Server calls. */
function handlerOf(handler, options) {
  const { retryOn } = options;
  if (typeof handler === 'function') {
    if (/^class\b/.test(Function.prototype.toString.call(handler))) {
      throw new UsageError('serve() takes a function or an object; for a class, serve(new ' + handler.name + '())');
    }
    return { execute: handler, name: handler.name === 'default' ? undefined : handler.name || undefined, retryOn };
  }
  if (typeof handler?.execute === 'function') {
    const bound = (name) => handler[name]?.bind(handler);
    return { execute: bound('execute'), initialize: bound('initialize'), stop: bound('stop'), retryOn };
  }
  if (typeof handler?.process === 'function') {
    throw new UsageError('this version of Stead does not run functions that keep state (process, getState, ...) yet');
  }
  throw new UsageError('serve() takes a function f(event, ctx), or an object with execute(event, ctx)');
}

function concurrencyOf(value) {
  if (!Number.isInteger(value) || value < 1 || value > CONCURRENCY_MAX) {
    throw new UsageError(`concurrency must be a whole number from 1 to ${CONCURRENCY_MAX}, not ${value}`);
  }
  return value;
}

/** As big integers: Node's realpath() looks at the numbers of the last plain stat, and stops early if that was of a
 * socket (seen on 20.20: modules behind symbolic links were then loaded twice). */
function channelIsThere() {
  try {
    return fs.fstatSync(CHANNEL, { bigint: true }).isSocket();
  } catch {
    return false;
  }
}

/** The process's server; the first one who asks opens the channel. */
function host() {
  if (globalThis[HOST] === undefined) {
    if (!channelIsThere()) {
      die('this is a function, started by Stead with a channel on fd 3.\n' +
        `Try it with: stead plugin check ${process.argv[1] ?? 'main.js'}, or run() of @stead/sdk/testing.`, EXIT_USAGE);
    }
    Object.defineProperty(globalThis, HOST, { value: new Server() });
  }
  return globalThis[HOST];
}

function serve(handler, options) {
  host().offer(handler, options);
}

module.exports = { EXIT_USAGE, UsageError, host, serve };
