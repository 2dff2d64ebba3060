'use strict';
// pipe/1 to and from bytes: attribute blocks and frames. Pure functions; what is wrong throws a ProtocolError, which
// ends the process in serve.cjs. A Decoder is fed with whatever arrives and gives whole frames that own their bytes.

const PREFIX_BYTES = 12;
const FRAME_MAX = 16 << 20;
const HEADER_MAX = 1 << 20;
const ENTRIES_MAX = 128;
const FLAGS = 3;

const TYPE = Object.freeze({
  HELLO: 0x01, CONFIG: 0x02, READY: 0x03,
  CALL: 0x10, RESULT: 0x11, ERROR: 0x12, CANCEL: 0x13,
  PING: 0x20, PONG: 0x21, LOG: 0x28, STOP: 0x30,
});
const OPTIONAL = 1;

class ProtocolError extends Error {}

/** Attribute block -> Map of name to text; the first entry of a name counts. Names with ':' are control entries. */
function readBlock(block) {
  const entries = new Map();
  const end = block.length;
  let at = 0, count = 0;
  while (at < end) {
    const value = at + 1 + block[at];
    const start = value + 2;
    const stop = start + (block[value] | block[value + 1] << 8);
    if (value === at + 1 || start > end || stop > end || ++count > ENTRIES_MAX) {
      throw new ProtocolError('the host sent a malformed header');
    }
    const name = block.utf8Slice(at + 1, value);
    if (!entries.has(name)) entries.set(name, block.utf8Slice(start, stop));
    at = stop;
  }
  return entries;
}

/** The opposite; `entries` is a Map or pairs. A RangeError says what does not fit. */
function writeBlock(entries) {
  const parts = [];
  let bytes = 0;
  for (const [name, value] of entries) {
    const nameBytes = Buffer.byteLength(name), valueBytes = Buffer.byteLength(value);
    if (nameBytes < 1 || nameBytes > 255 || valueBytes > 65535) {
      throw new RangeError(`attribute ${name.slice(0, 80)} is too long`);
    }
    parts.push(name, nameBytes, value, valueBytes);
    bytes += 3 + nameBytes + valueBytes;
  }
  const block = Buffer.allocUnsafe(bytes);
  for (let i = 0, at = 0; i < parts.length; i += 4) {
    block[at] = parts[i + 1];
    block.utf8Write(parts[i], at + 1);
    at += 1 + parts[i + 1];
    block.writeUInt16LE(parts[i + 3], at);
    block.utf8Write(parts[i + 2], at + 2);
    at += 2 + parts[i + 3];
  }
  return block;
}

const EMPTY = Buffer.alloc(0);

function frame(type, stream, header = EMPTY, body = EMPTY, flags = 0) {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + header.length + body.length);
  bytes.writeUInt32LE(8 + header.length + body.length, 0);
  bytes[4] = type;
  bytes[5] = flags;
  bytes.writeUInt16LE(stream, 6);
  bytes.writeUInt32LE(header.length, 8);
  bytes.set(header, PREFIX_BYTES);
  bytes.set(body, PREFIX_BYTES + header.length);
  return bytes;
}

/** Size of the frame that begins at `at`, as soon as its prefix is there; else 0. Wrong lengths are refused at once. */
function wholeBytes(bytes, at, end, frameMax) {
  if (end - at < 4) return 0;
  const length = bytes.readUInt32LE(at);
  if (length < 8 || length > frameMax) throw new ProtocolError('the host sent a frame with a wrong length');
  if (end - at < PREFIX_BYTES) return 0;
  const header = bytes.readUInt32LE(at + 8);
  if (header > length - 8 || header > HEADER_MAX) {
    throw new ProtocolError('the host sent a frame whose header is too long');
  }
  if (bytes[at + 5] > FLAGS) throw new ProtocolError('the host sent a frame with unknown flags');
  return length + 4;
}

/** Cuts a stream of bytes into frames { type, flags, stream, header, body }; `header` is the undecoded block. */
class Decoder {
  constructor() {
    this.frameMax = FRAME_MAX;
    this._kept = EMPTY; // the beginning of a frame
    this._keptEnd = 0;
  }

  /** Takes bytes, which are copied, and calls `take` for each whole frame. */
  push(bytes, take) {
    let at = 0;
    if (this._keptEnd > 0) at = this._complete(bytes, take);
    if (at < 0) return;
    for (;;) {
      const whole = wholeBytes(bytes, at, bytes.length, this.frameMax);
      if (whole === 0 || bytes.length - at < whole) {
        this._keep(bytes.subarray(at), whole);
        return;
      }
      // One copy: the caller uses its buffer again, and an event lives as long as the function keeps it.
      const copy = Buffer.allocUnsafe(whole);
      copy.set(bytes.subarray(at, at + whole));
      at += whole;
      take(this._view(copy, whole));
    }
  }

  /** Fills the kept frame up from `bytes`; gives how many it took, or -1 if it took all and lacks more. */
  _complete(bytes, take) {
    let taken = 0;
    for (;;) {
      const whole = wholeBytes(this._kept, 0, this._keptEnd, this.frameMax);
      if (whole > 0 && this._keptEnd === whole) {
        const kept = this._kept;
        this._keptEnd = 0;
        this._kept = EMPTY;
        take(this._view(kept, whole));
        return taken;
      }
      const wanted = Math.min((whole || PREFIX_BYTES) - this._keptEnd, bytes.length - taken);
      if (wanted === 0) return -1;
      this._keep(bytes.subarray(taken, taken + wanted), whole);
      taken += wanted;
    }
  }

  _keep(bytes, whole) {
    if (bytes.length === 0) return;
    const wanted = Math.max(whole, this._keptEnd + bytes.length, PREFIX_BYTES);
    if (this._kept.length < wanted) {
      const grown = Buffer.allocUnsafe(wanted);
      grown.set(this._kept.subarray(0, this._keptEnd));
      this._kept = grown;
    }
    this._kept.set(bytes, this._keptEnd);
    this._keptEnd += bytes.length;
  }

  _view(bytes, whole) {
    const header = PREFIX_BYTES + bytes.readUInt32LE(8);
    return {
      type: bytes[4],
      flags: bytes[5],
      stream: bytes.readUInt16LE(6),
      header: bytes.subarray(PREFIX_BYTES, header),
      body: bytes.subarray(header, whole),
    };
  }
}

module.exports = { TYPE, OPTIONAL, FRAME_MAX, ProtocolError, Decoder, readBlock, writeBlock, frame };
