// What docs/reference/records.md asks of somebody who deploys without Stead's own commands: an archive, its object, the
// record of the version and the record of the function.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

function inFolder(use) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'stead-records-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const list = (folder, below = '') => readdirSync(path.join(folder, below)).flatMap((name) => {
  const at = path.join(below, name);
  return statSync(path.join(folder, at)).isDirectory() ? list(folder, at) : [at];
});

// A function in Python that returns what the expression says.
export const python = (expression) =>
  `import stead\n\n@stead.function\ndef f(event, ctx):\n    return ${expression}\n`;

// A tar made by the system's own tar.
export const pack = (files) => inFolder((folder) => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  return execFileSync('tar', ['-c', '-C', folder, ...Object.keys(files)]);
});

// { path: bytes } of a tar.
export const unpack = (archive) => inFolder((folder) => {
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  return Object.fromEntries(list(folder).sort().map((name) => [name, readFileSync(path.join(folder, name))]));
});

export function recordOf(language, name, archive, more = {}) {
  return { schema: 1, language, name, version: randomBytes(8).toString('hex'), digest: sha256(archive),
    createdUnixMs: Date.now(), timeoutMs: 5000, keepAliveMs: 60_000, memoryBytes: 0, maxRetries: 0, concurrency: 1,
    maxWorkers: 2, env: '', ...more };
}

export const objectOf = ({ language, name, version }) => `${language}/${name}/${version}.tar`;
export const functionKey = ({ language, name }) => `${language}.${name}`;
export const versionKey = (record) => `${functionKey(record)}.${record.version}`;
