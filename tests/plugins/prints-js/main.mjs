// Prints to stdout and stderr, whole lines and halves, and answers all the same.
console.log('at import');

export default async function prints(event, ctx) {
  console.log('on stdout');
  process.stderr.write('on stderr\n');
  await 0;
  ctx.log.warn('by the log', { answer: 42 });
  process.stdout.write('half a line');
  return { printed: true };
}
