// CloudEvents as JavaScript values, and their protobuf form (io.cloudevents.v1).
'use strict';
const { randomUUID } = require('node:crypto');

const FIELDS = ['id', 'source', 'type', 'specversion'];

class Uri extends String {}
class UriRef extends String {}

class Event {
  constructor(data, attributes = {}) {
    const { specversion = '1.0', ...given } = attributes;
    if (specversion !== '1.0') throw new TypeError(`specversion ${specversion}: only 1.0 is known`);
    this.attributes = { id: randomUUID(), source: 'stead:client', type: 'stead.request.v1' };
    for (const [name, value] of Object.entries(given)) {
      if (value !== undefined && value !== null) this.attributes[name] = value;
    }
    const [raw, contentType] = encode(data, this.datacontenttype);
    this.raw = raw;
    if (contentType !== undefined) this.attributes.datacontenttype = contentType;
  }

  // The event itself; another library's CloudEvent or an object in the JSON form of one; or an event around the value.
  static of(value) {
    if (value instanceof Event) return value;
    if (typeof value?.specversion !== 'string' || value.type === undefined || value.source === undefined) {
      return new Event(value);
    }
    const { data, data_base64: base64, ...attributes } = value;
    return new Event(base64 === undefined ? data : (data ?? Buffer.from(base64, 'base64')), attributes);
  }

  get id() { return this.attributes.id; }
  get source() { return this.attributes.source; }
  get type() { return this.attributes.type; }
  get subject() { return this.attributes.subject; }
  get time() { return this.attributes.time; }
  get datacontenttype() { return this.attributes.datacontenttype; }
  get dataschema() { return this.attributes.dataschema; }

  get data() {
    return decode(this.raw, this.datacontenttype);
  }
}

function toProtobuf(event) {
  const attributes = {};
  for (const [name, value] of Object.entries(event.attributes)) {
    if (!FIELDS.includes(name)) attributes[name] = toValue(name, value);
  }
  const { id, source, type } = event;
  const message = { id: String(id), source: String(source), type: String(type), spec_version: '1.0', attributes };
  if (event.raw.length > 0) {
    const text = isText(event.datacontenttype) ? utf8(event.raw) : undefined;
    if (text === undefined) message.binary_data = event.raw;
    else message.text_data = text;
  }
  return message;
}

function toValue(name, value) {
  if (typeof value === 'boolean') return { ce_boolean: value };
  if (typeof value === 'number') {
    if (value !== (value | 0)) throw new TypeError(`attribute ${name}: ${value} is no 32-bit integer`);
    return { ce_integer: value };
  }
  if (value instanceof Uint8Array) return { ce_bytes: value };
  if (value instanceof Date) {
    const milliseconds = value.getTime();
    if (Number.isNaN(milliseconds)) throw new TypeError(`attribute ${name} is no valid date`);
    const seconds = Math.floor(milliseconds / 1000);
    return { ce_timestamp: { seconds, nanos: (milliseconds - seconds * 1000) * 1e6 } };
  }
  if (value instanceof UriRef) return { ce_uri_ref: String(value) };
  if (value instanceof Uri || value instanceof URL) return { ce_uri: String(value) };
  if (typeof value !== 'string') throw new TypeError(`attribute ${name}: ${typeof value} is no CloudEvents type`);
  return name === 'dataschema' ? { ce_uri: value } : { ce_string: value };
}

// A result event, whose data stand beside it.
function fromProtobuf(message, data) {
  const event = Object.create(Event.prototype);
  event.attributes = { id: message?.id, source: message?.source, type: message?.type };
  for (const [name, value] of Object.entries(message?.attributes ?? {})) event.attributes[name] = fromValue(value);
  event.raw = data ?? Buffer.alloc(0);
  return event;
}

function fromValue(value) {
  if (value.ce_timestamp) return timestampText(value.ce_timestamp);
  if (value.ce_uri !== undefined) return value.ce_uri;
  return value.ce_boolean ?? value.ce_integer ?? value.ce_string ?? value.ce_bytes ?? value.ce_uri_ref ?? '';
}

// RFC 3339 with as many digits as it has; a Date would cut it to milliseconds.
function timestampText({ seconds = 0, nanos = 0 }) {
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  const part = nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;
  return `${whole}${part}Z`;
}

function mediaOf(contentType) {
  return String(contentType ?? '').split(';', 1)[0].trim().toLowerCase();
}

function isJson(contentType) {
  return /[/+]json$/.test(mediaOf(contentType));
}

function isText(contentType) {
  return isJson(contentType) || /^text\/|^application\/xml$|\+xml$/.test(mediaOf(contentType));
}

function charsetOf(contentType) {
  return /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1] ?? 'utf-8';
}

function utf8(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function encode(data, contentType) {
  if (data === undefined) return [Buffer.alloc(0), contentType];
  if (data instanceof ArrayBuffer) data = new Uint8Array(data);
  if (data instanceof Uint8Array) return [data, contentType ?? 'application/octet-stream'];
  if (typeof data === 'string' && contentType !== undefined && !isJson(contentType)) {
    if (!/^utf-?8$/i.test(charsetOf(contentType))) throw new TypeError(`${contentType}: text is sent as UTF-8 only`);
    return [Buffer.from(data), contentType];
  }
  const text = JSON.stringify(data);
  if (text === undefined) throw new TypeError(`${typeof data} can't be JSON`);
  return [Buffer.from(text), contentType ?? 'application/json'];
}

function decode(raw, contentType) {
  if (raw.length === 0) return undefined;
  if (isJson(contentType)) return JSON.parse(new TextDecoder().decode(raw));
  return isText(contentType) ? new TextDecoder(charsetOf(contentType), { fatal: true }).decode(raw) : raw;
}

module.exports = { Event, Uri, UriRef, toProtobuf, fromProtobuf };
