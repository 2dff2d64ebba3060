'use strict';
// What is known about a running call. The signal, its controller and the deadline's timer are made when the function
// first asks for the signal, since most never do.

/** Not performance.now(): loading that takes most of a millisecond of a process's start. */
function nowMs() {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

class Context {
  #entries;
  #controller;
  #timer;
  #reason; // why nobody waits any more
  #startedMs = nowMs();
  #say;

  /** `say(level, text, fields)` takes log lines. */
  constructor(entries, about, say) {
    this.#entries = entries;
    this.#say = say;
    this.function = about.function;
    this.version = about.version;
  }

  get requestId() { return this.#entries.get(':request-id') ?? ''; }
  get attempt() { return Number(this.#entries.get(':attempt') ?? 1); }
  get cancelled() { return this.#reason !== undefined; }

  get remainingMs() {
    const budget = this.#entries.get(':budget-ms');
    return budget === undefined ? Infinity : Math.max(0, Number(budget) - (nowMs() - this.#startedMs));
  }

  get deadline() {
    const left = this.remainingMs;
    return left === Infinity ? null : new Date(Date.now() + left);
  }

  get signal() {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const left = this.remainingMs;
      if (this.#reason !== undefined) {
        this.#controller.abort(this.#reason);
      } else if (left < 2 ** 31) {
        const over = () => this.#controller.abort(new DOMException('the deadline of the call is over', 'TimeoutError'));
        if (left <= 0) over();
        else this.#timer = setTimeout(over, left).unref();
      }
    }
    return this.#controller.signal;
  }

  get log() {
    const line = (level) => (text, fields) => this.#say(level, String(text), fields);
    const log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
    Object.defineProperty(this, 'log', { value: log });
    return log;
  }

  /** Nobody waits for this call any more. For the SDK, not for functions. */
  cancel(reason) {
    this.#reason ??= reason ?? new DOMException('the call was cancelled', 'AbortError');
    this.#controller?.abort(this.#reason);
  }

  /** The call is answered. For the SDK, not for functions. */
  end() {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
  }
}

module.exports = { Context };
