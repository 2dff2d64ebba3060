// Checks that a webhook comes from who it says: its body is signed with a secret that only the two sides know, as
// GitHub and many others do it. Takes what an HTTP gateway has, { headers, body }, and answers with what came.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { reject } from '@stead/sdk';

const secret = process.env.WEBHOOK_SECRET ?? '';

function signatureOf(body) {
  return createHmac('sha256', secret).update(body, 'utf8').digest();
}

/** The signature that the header holds: sha256= and 64 hexadecimal digits. */
function signatureIn(headers) {
  const [, hex] = /^sha256=([0-9a-f]{64})$/i.exec(headers['x-hub-signature-256'] ?? '') ?? [];
  if (hex === undefined) throw reject('data.headers has no x-hub-signature-256 of the form sha256=…');
  return Buffer.from(hex, 'hex');
}

export default function verify(event, ctx) {
  const { headers, body } = event.data ?? {};
  if (typeof headers !== 'object' || headers === null || typeof body !== 'string') {
    throw reject('data must be { headers: {...}, body: "..." }');
  }
  if (secret === '') throw new Error('WEBHOOK_SECRET is not set: see env in stead.yaml');
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
  // In constant time: a comparison that ends at the first difference tells an attacker how much is right.
  if (!timingSafeEqual(signatureOf(body), signatureIn(lower))) {
    ctx.log.warn('wrong signature', { bytes: body.length });
    throw reject('the signature does not belong to the body');
  }
  return event.reply('dev.stead.example.webhook.v1', {
    verified: true,
    event: lower['x-github-event'] ?? null,
    delivery: lower['x-github-delivery'] ?? null,
    bytes: Buffer.byteLength(body),
  });
}
