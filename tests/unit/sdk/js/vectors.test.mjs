// The byte vectors that all SDKs share (tests/conformance/vectors), decoded whole, byte by byte and in odd pieces, and
// encoded.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import wire from '../../../../sdk/js/wire.cjs';

const FOLDER = new URL('../../../conformance/vectors/', import.meta.url);
const bytesOf = (pieces) => Buffer.concat(pieces.map((piece) => typeof piece === 'string' ? Buffer.from(piece, 'hex')
  : Buffer.concat(Array(piece.times).fill(Buffer.from(piece.hex, 'hex')))));
const textOf = ([name, value, times = 1]) => [name, value.repeat(times)];

function decode(bytes, step) {
  const decoder = new wire.Decoder(), frames = [];
  try {
    for (let at = 0; at < bytes.length; at += step) {
      decoder.push(bytes.subarray(at, at + step), (received) => {
        frames.push({ ...received, entries: [...wire.readBlock(received.header)] });
      });
    }
  } catch (error) {
    assert.ok(error instanceof wire.ProtocolError, error);
    return [frames, 'bad'];
  }
  return [frames, decoder._keptEnd > 0 ? 'partial' : 'end'];
}

function check(vector) {
  const bytes = bytesOf(vector.bytes);
  for (const step of bytes.length < 5000 ? [bytes.length || 1, 1, 7] : [bytes.length, 65521]) {
    const [frames, then] = decode(bytes, step);
    assert.equal(then, vector.then === 'partial' && bytes.length === 0 ? 'end' : vector.then);
    assert.equal(frames.length, vector.frames.length);
    frames.forEach((frame, i) => {
      const { type, flags, stream, header, body } = vector.frames[i];
      assert.deepEqual([frame.type, frame.flags, frame.stream], [type, flags, stream]);
      const first = header.map(textOf).filter(([name], at, all) => all.findIndex((entry) => entry[0] === name) === at);
      assert.deepEqual(frame.entries, first);
      assert.ok(frame.body.equals(bytesOf(body)));
    });
  }
  const encoded = Buffer.concat(vector.frames.map(({ type, flags, stream, header, body }) =>
    wire.frame(type, stream, wire.writeBlock(header.map(textOf)), bytesOf(body), flags)));
  assert.ok(encoded.equals(bytes.subarray(0, encoded.length)));
  if (vector.then === 'end') assert.equal(encoded.length, bytes.length);
}

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.json'))) {
  const { vectors } = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'));
  for (const vector of vectors) test(`${file}: ${vector.name}`, () => check(vector));
}
