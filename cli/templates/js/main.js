// Greets whom the event names.
import { reject } from '@stead/sdk';

export default function greet(event, ctx) {
  const { name } = event.data ?? {};
  if (!name) throw reject('data.name is missing'); // permanent: never tried again
  ctx.log.info('greeting', { name });
  return { text: `Hello, ${name}` };
}
