// Types of @stead/client. Times are milliseconds.
import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js';

/** An attribute of the CloudEvents type URI; a URL is one too. */
export class Uri extends String {}
/** An attribute of the CloudEvents type URI-reference. */
export class UriRef extends String {}

/** Numbers are 32-bit integers. Stead answers with strings; timestamps are RFC 3339 text with all their digits. */
export type AttributeValue = boolean | number | string | Uint8Array | Date | URL | Uri | UriRef;

export interface Attributes {
  /** Random if absent. The same id and source for the same function name the same request. */
  id?: string;
  /** `stead:client` if absent. */
  source?: string;
  /** `stead.request.v1` if absent. */
  type?: string;
  specversion?: '1.0';
  datacontenttype?: string;
  dataschema?: string | URL | Uri;
  subject?: string;
  time?: string | Date;
  [extension: string]: AttributeValue | null | undefined;
}

/** A CloudEvent 1.0. */
export class Event {
  /**
   * Bytes go as they are (application/octet-stream unless told otherwise), a string under a content type that is not
   * JSON goes as text, any other value (strings too) as JSON.
   */
  constructor(data?: unknown, attributes?: Attributes);
  /** The event itself, a CloudEvent of another library or in its JSON form, or a new event around the value. */
  static of(value: unknown): Event;
  readonly attributes: Record<string, AttributeValue>;
  readonly raw: Uint8Array;
  /** Parsed JSON, a string for text and XML, else bytes; undefined if there is none. Throws if it is not what its
   * content type says. */
  readonly data: any;
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | undefined;
  readonly time: string | Date | undefined;
  readonly datacontenttype: string | undefined;
  readonly dataschema: string | URL | Uri | undefined;
}

export interface Settings {
  /** "host:port" or "unix:/path"; else $STEAD_ADDR, else 127.0.0.1:7600. */
  address?: string;
  /** Size of the pool, 2; a call takes the connection with the fewest calls in flight. */
  connections?: number;
  /** Of calls that name none, 60000; Infinity for none. */
  timeout?: number;
  /** How often an UNAVAILABLE call is tried again within its timeout, 7; 0 for never. */
  retries?: number;
  /** Silence, with calls in flight, after which a connection is probed, 30000; 0 for never. */
  keepalive?: number;
  /** For a TLS proxy in front; plain text if absent. */
  credentials?: ChannelCredentials;
  /** More channel options of gRPC. */
  options?: ChannelOptions;
}

export interface CallOptions {
  timeout?: number;
  /** Aborting rejects with its reason; a request that was accepted still runs and has a result. */
  signal?: AbortSignal;
}

/** A success. attempts, function ("language/name") and version are known from result() only. */
export interface Result {
  /** Of the result event, parsed by content type. */
  readonly data: any;
  readonly raw: Uint8Array;
  readonly event: Event;
  readonly requestId: string;
  readonly attempts: number;
  readonly function: string;
  readonly version: string;
}

export class Client {
  /** Connects at the first call. */
  constructor(settings?: Settings | string);
  readonly address: string;
  /** Runs the function once. FunctionError if it said no, PlatformError if it could not be run. */
  execute(name: string, event?: unknown, options?: CallOptions): Promise<Result>;
  /** Ends as soon as the request is stored on the broker; result() reads how it ended. */
  submit(name: string, event?: unknown, options?: CallOptions): Promise<{ requestId: string; duplicate: boolean }>;
  /**
   * The stored result. Without one: PlatformError, NOT_FOUND at once or, with `wait` (the default), DEADLINE_EXCEEDED.
   * FunctionError or OutcomeError if the request ended without success.
   */
  result(requestId: string, options?: CallOptions & { wait?: boolean }): Promise<Result>;
  /** Ends a request as cancelled. PlatformError with ALREADY_ENDED or REQUEST_NOT_FOUND if that can't be. */
  cancel(requestId: string, options?: CallOptions): Promise<void>;
  /** No new calls; those in flight may end. */
  close(): void;
}

export class SteadError extends Error {
  /** Names the stored result; "" if there is none. */
  readonly requestId: string;
}

/** The function ran and said no. */
export class FunctionError extends SteadError {
  /** The function's own name for the error. */
  readonly type: string;
  readonly errorClass: 'retry' | 'permanent' | 'throttle' | '';
  /** The same event may succeed later (under a new id: this one has its result). */
  readonly retryable: boolean;
  readonly attempts: number;
  /** How the request ended, "failed" or "dead-lettered"; "" from execute(). */
  readonly outcome: string;
}

/** A stored result says that the request ended without success, and not by the function's own word. */
export class OutcomeError extends SteadError {
  /** "failed", "expired", "dead-lettered" or "cancelled". */
  readonly outcome: string;
  /** A word of the error table; may be "". */
  readonly reason: string;
  readonly attempts: number;
}

/** The call ended with a gRPC status that is not OK. */
export class PlatformError extends SteadError {
  /** Its name, e.g. "NOT_FOUND". */
  readonly status: string;
  /** A word of the error table, e.g. "FUNCTION_NOT_FOUND"; "" if Stead did not give this status. */
  readonly reason: string;
  /** Milliseconds after which trying again may help; null if Stead did not say. */
  readonly retryAfter: number | null;
  /** True: Stead itself answered each attempt with UNAVAILABLE, so the function certainly did not start and will not.
   * False: no such promise. */
  readonly notStarted: boolean;
  readonly violations: { field: string; description: string }[];
  readonly metadata: Record<string, string>;
}
