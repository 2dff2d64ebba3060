// Types of @stead/sdk/testing: tests of functions without a server.
import type { Event, FunctionObject, Handler, ReplyOptions, Value } from './index.js';

export interface RunOptions {
  attempt?: number;
  remainingMs?: number;
  requestId?: string;
  /** language/name */
  function?: string;
  /** Cancels the call when it is aborted. */
  signal?: AbortSignal;
  /** Takes the lines of ctx.log. */
  log?: Array<{ level: string; text: string; fields: Record<string, unknown> | undefined }>;
}

/** An event with sensible attributes; `options` may hold contentType and any attributes. */
export function event(data?: Value, options?: ReplyOptions): Event;
/** Calls the function as Stead would and gives its answer. `data` may be an event. What it throws comes through. */
export function run(handler: Handler | FunctionObject, data?: Value | Event, options?: RunOptions): Promise<Event>;
