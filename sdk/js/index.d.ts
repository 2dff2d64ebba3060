// Types of @stead/sdk. A function takes an event and a context and gives the answer, now or by a promise.

/** Anything that JSON knows, bytes, or nothing. */
export type Value = unknown;

export interface ReplyOptions {
  /** The data's content type: application/json for values, application/octet-stream for bytes if it is left out. */
  contentType?: string;
  /** Attributes of your own: names of a-z and 0-9. */
  [attribute: string]: string | number | boolean | Date | Uint8Array | null | undefined;
}

/** A CloudEvent. Made by Stead and by reply(). */
export class Event<Data = any> {
  constructor(attributes?: Record<string, string> | Map<string, string>, raw?: Uint8Array);
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | undefined;
  /** RFC 3339. */
  readonly time: string | undefined;
  readonly datacontenttype: string | undefined;
  readonly dataschema: string | undefined;
  /** All attributes, extensions too. */
  readonly attributes: Record<string, string>;
  /** Any attribute, as text. */
  get(name: string): string | undefined;
  /**
   * Parsed JSON, a string for text/*, else bytes; null if there is none. Without a content type: JSON if it parses.
   * Throws a rejection if the data is not what its content type says.
   */
  readonly data: Data;
  /** The data's bytes, untouched. */
  readonly raw: Uint8Array;
  /**
   * An event that answers this one: a new id, this function as its source, `causationid`, `correlationid` and the trace
   * kept.
   */
  reply(type: string, data?: Value, options?: ReplyOptions): Event;
  toJSON(): Record<string, unknown>;
}

export interface Log {
  debug(text: string, fields?: Record<string, unknown>): void;
  info(text: string, fields?: Record<string, unknown>): void;
  warn(text: string, fields?: Record<string, unknown>): void;
  error(text: string, fields?: Record<string, unknown>): void;
}

/** What is known about the running call. */
export interface Context {
  /** Aborted when nobody waits for this call any more, and when its time is over: pass it to fetch() and timers. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Names the request and its stored result; the same for every attempt. */
  readonly requestId: string;
  /** Which try this is, from 1. */
  readonly attempt: number;
  /** null without a limit. */
  readonly deadline: Date | null;
  /** What is left of the request's time; Infinity without a limit. */
  readonly remainingMs: number;
  /** True if nobody waits for this call any more. */
  readonly cancelled: boolean;
  /** `js/name` */
  readonly function: string;
  readonly version: string;
}

export type Handler<Data = any> = (event: Event<Data>, ctx: Context) => Value | Promise<Value>;

/** A function as an object. `initialize` runs once before the first call, `stop` once after the last. */
export interface FunctionObject<Data = any> {
  execute(event: Event<Data>, ctx: Context): Value | Promise<Value>;
  initialize?(ctx: Context): void | Promise<void>;
  stop?(ctx: Context): void | Promise<void>;
}

/**
 * A function that lives long and keeps state: one event at a time, and its state is saved between them. Declared here
 * so that code can be written against it; this version of Stead does not run it yet, and serve() says so.
 */
export interface LongLivedFunction<Data = any> {
  initialize(ctx: Context): void | Promise<void>;
  process(ctx: Context, event: Event<Data>): Value | Promise<Value>;
  pause(ctx: Context): void | Promise<void>;
  resume(ctx: Context): void | Promise<void>;
  /** getState() is called once more after it. */
  stop(ctx: Context): void | Promise<void>;
  getState(): Uint8Array | Promise<Uint8Array>;
  setState(state: Uint8Array): void | Promise<void>;
}

export interface ServeOptions {
  /**
   * Calls that may run at once in one process, 1 to 65535; default 1. For functions that mostly await.
   * `spec.concurrency` of stead.yaml bounds it.
   */
  concurrency?: number;
  /** Only these errors are tried again; all others are then permanent. */
  retryOn?: ReadonlyArray<abstract new (...args: any[]) => unknown>;
}

/**
 * Serves calls until Stead says stop. Optional: a module may as well export its function, and `concurrency` and
 * `retryOn` beside it.
 */
export function serve<Data = any>(
  handler: Handler<Data> | FunctionObject<Data> | LongLivedFunction<Data>, options?: ServeOptions): void;

/** To throw: this event will never succeed, it is not tried again. */
export function reject(text: string): Error;
/** To throw: it may succeed later, `afterMs` from now if given. */
export function retry(text: string, afterMs?: number): Error;
/** To throw: not now, and not the event's fault. */
export function throttle(text: string, afterMs?: number): Error;
