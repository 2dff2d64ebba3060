'use strict';
// CloudEvents as functions see them, and how values become data and back. Objects of one copy of this package are known
// by another (a function's own and the runner's may both be loaded): marks are registered symbols, not classes.

const IS_EVENT = Symbol.for('@stead/sdk event');
const ERROR_CLASS = Symbol.for('@stead/sdk error class');
const NAME = /^[a-z0-9]{1,64}$/;

/** What reject(), retry() and throttle() make. */
class FunctionError extends Error {
  constructor(text, errorClass, afterMs) {
    super(text);
    this.name = errorClass === 'permanent' ? 'Reject' : errorClass === 'throttle' ? 'Throttle' : 'Retry';
    this.afterMs = afterMs;
    Object.defineProperty(this, ERROR_CLASS, { value: errorClass });
  }
}

const reject = (text) => new FunctionError(text, 'permanent');
const retry = (text, afterMs) => new FunctionError(text, 'retry', afterMs);
const throttle = (text, afterMs) => new FunctionError(text, 'throttle', afterMs);

// ---- data ----

const mediaOf = (contentType) => contentType.split(';', 1)[0].trim().toLowerCase();

function isJson(contentType) {
  const media = mediaOf(contentType);
  return media === 'application/json' || media === 'text/json' || media.endsWith('+json');
}

function charsetOf(contentType) {
  for (const part of contentType.split(';').slice(1)) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim().toLowerCase() === 'charset') {
      return part.slice(at + 1).trim().replace(/^"(.*)"$/, '$1').toLowerCase();
    }
  }
  return 'utf-8';
}

/** Throws a TypeError or RangeError if the bytes are not text of that charset. A byte order mark is dropped. */
const textOf = (raw, charset) => new TextDecoder(charset, { fatal: true }).decode(raw);

const { isAscii = () => false } = require('buffer');
const jsonOf = (raw) => JSON.parse(isAscii(raw) ? raw.latin1Slice() : textOf(raw, 'utf-8'));

function decodeData(raw, contentType) {
  if (raw.length === 0) return null;
  if (contentType !== undefined && !isJson(contentType)) {
    if (!mediaOf(contentType).startsWith('text/')) return raw;
    try {
      return textOf(raw, charsetOf(contentType));
    } catch (error) {
      throw reject(`the event's data is not the text that it says: ${error.message}`);
    }
  }
  try {
    return jsonOf(raw);
  } catch (error) {
    if (contentType === undefined) return raw;
    throw reject(`the event's data is not JSON: ${error.message}`);
  }
}

function encodeText(text, contentType) {
  const charset = charsetOf(contentType);
  if (charset === 'utf-8' || charset === 'utf8') return Buffer.from(text);
  const single = charset === 'us-ascii' ? 0x7f : charset === 'iso-8859-1' || charset === 'latin1' ? 0xff : -1;
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > single) throw reject(`the result can't be written as ${charset}; give bytes instead`);
  }
  return Buffer.from(text, 'latin1');
}

function encodeJson(value) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw reject(`the result is not JSON: ${error.message.split('\n', 1)[0]}`);
  }
  if (text === undefined) throw reject(`the result is not JSON: a ${typeof value}`);
  return Buffer.from(text);
}

/** Any value -> [bytes, content type or undefined]. */
function encodeData(value, contentType) {
  if (value === undefined || value === null) return [Buffer.alloc(0), contentType];
  if (ArrayBuffer.isView(value)) {
    return [Buffer.from(value.buffer, value.byteOffset, value.byteLength), contentType ?? 'application/octet-stream'];
  }
  if (value instanceof ArrayBuffer) return [Buffer.from(value), contentType ?? 'application/octet-stream'];
  if (typeof value === 'string' && contentType !== undefined && !isJson(contentType)) {
    return [encodeText(value, contentType), contentType];
  }
  return [encodeJson(value), contentType ?? 'application/json'];
}

/** An attribute's value in its CloudEvents string form. */
function canonical(name, value) {
  if (!NAME.test(name)) throw reject(`attribute name "${name}": only a-z and 0-9, at most 64`);
  const text = value instanceof Date ? value.toISOString() : ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') : String(value);
  if (Buffer.byteLength(text) > 8192) throw reject(`attribute ${name} has more than 8192 bytes`);
  return text;
}

// ---- events ----

class Event {
  #entries; // Map of attributes, and of control entries while it is a call's
  #origin;
  #data;
  #decoded = false;

  constructor(attributes, raw, origin) {
    this.#entries = attributes instanceof Map ? attributes : new Map(Object.entries(attributes ?? {}));
    this.#origin = origin;
    /** The data as bytes, untouched. */
    this.raw = raw ?? Buffer.alloc(0);
  }

  get [IS_EVENT]() { return true; }
  get(name) { return name.charCodeAt(0) === 58 ? undefined : this.#entries.get(name); }
  get attributes() { return Object.fromEntries([...this.#entries].filter(([name]) => name.charCodeAt(0) !== 58)); }
  get id() { return this.#entries.get('id'); }
  get source() { return this.#entries.get('source'); }
  get type() { return this.#entries.get('type'); }
  get subject() { return this.#entries.get('subject'); }
  get time() { return this.#entries.get('time'); }
  get datacontenttype() { return this.#entries.get('datacontenttype'); }
  get dataschema() { return this.#entries.get('dataschema'); }

  get data() {
    if (!this.#decoded) {
      this.#data = decodeData(this.raw, this.datacontenttype);
      this.#decoded = true;
    }
    return this.#data;
  }

  reply(type, data, options = {}) {
    const { contentType, ...extensions } = options;
    const [raw, mediaType] = encodeData(data, contentType);
    const entries = this.#entries, id = entries.get('id');
    const answer = new Map([
      ['specversion', '1.0'],
      ['id', `${entries.get(':request-id') || id || ''}.result`],
      ['source', `stead:function/${this.#origin ?? 'js/function'}`],
      ['type', String(type)],
      ['time', new Date().toISOString()],
    ]);
    if (mediaType !== undefined) answer.set('datacontenttype', mediaType);
    if (id !== undefined) {
      answer.set('causationid', id);
      answer.set('correlationid', entries.get('correlationid') || id);
    }
    for (const name of ['traceparent', 'tracestate']) {
      if (entries.has(name)) answer.set(name, entries.get(name));
    }
    for (const [name, value] of Object.entries(extensions)) {
      if (value !== undefined && value !== null) answer.set(name, canonical(name, value));
    }
    return new Event(answer, raw, this.#origin);
  }

  toJSON() { return { ...this.attributes, data: this.data }; }
}

/** A function's return value as an event. */
function resultOf(value, event, name) {
  return value?.[IS_EVENT] === true ? value : event.reply(`${name}.result.v1`, value);
}

module.exports = { Event, ERROR_CLASS, canonical, encodeData, resultOf, reject, retry, throttle };
