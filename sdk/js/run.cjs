'use strict';
// node run.cjs ENTRY: loads a function's module and serves what it exports, unless it calls serve() itself. This is how
// Stead starts functions. It is CommonJS since that spares a function in CommonJS the loader of ES modules: 6 of 32 ms.
const path = require('path');
const { EXIT_USAGE, UsageError, host } = require('./serve.cjs');

/** Whether Node takes a .js file for an ES module: "type" of the nearest package.json says so. */
function isModule(file) {
  if (file.endsWith('.mjs')) return true;
  if (!file.endsWith('.js')) return false;
  const fs = require('fs');
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).type === 'module';
    } catch (error) {
      if (error.code !== 'ENOENT' || folder === path.dirname(folder)) return false;
    }
  }
}

/** What a thrown error has if the file is an ES module that does not say so. */
const saysModule = (error) => ['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE'].includes(error?.code) ||
  (error instanceof SyntaxError && /import statement|Unexpected token 'export'|import\.meta/.test(error.message));

async function load(file) {
  const asModule = () => import(require('url').pathToFileURL(file).href);
  if (isModule(file)) return asModule();
  try {
    return require(file);
  } catch (error) {
    if (file.endsWith('.cjs') || !saysModule(error)) throw error;
    return asModule();
  }
}

const serves = (value) => typeof value === 'function' || typeof value?.execute === 'function' ||
  typeof value?.process === 'function';

/** The function among a module's exports: the default, the only one, or the one with the name that was deployed. */
async function choose(exported, file, server) {
  if (serves(exported)) return exported;
  if (serves(exported?.default)) return exported.default;
  const found = Object.entries(exported ?? {}).filter(([, value]) => serves(value));
  if (found.length === 1) return found[0][1];
  const plain = (name) => name.replace(/[^a-zA-Z0-9]/g, '').toLowerCase();
  if (found.length > 1) {
    await server.configured();
    const wanted = plain(server.about.function.split('/').pop());
    const named = found.filter(([name]) => plain(name) === wanted);
    if (named.length === 1) return named[0][1];
  }
  const names = found.map(([name]) => name).join(', ') || 'none';
  const name = path.basename(file);
  throw new UsageError(`${name} must export one function, or call serve() of @stead/sdk; found: ${names}`);
}

async function main(entry) {
  const server = host();
  try {
    const file = path.resolve(entry);
    process.argv.splice(1, 2, file);
    const exported = await load(file);
    if (server.handler === undefined) {
      const handler = await choose(exported, file, server);
      server.offer(handler, { concurrency: exported.concurrency, retryOn: exported.retryOn });
    }
  } catch (error) {
    server.refuse(error, error instanceof UsageError ? EXIT_USAGE : 1);
  }
}

if (process.argv.length !== 3) {
  process.stderr.write('usage: node run.cjs ENTRY\n');
  process.exit(EXIT_USAGE);
}
main(process.argv[2]);
