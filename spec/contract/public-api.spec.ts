// The built package as embedders meet it: every public name, imported by an ES module and required
// by a CommonJS one, each in a process of its own.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import * as source from '../../lib/index';

const ROOT = path.join(__dirname, '..', '..');

/** What `npm ci` has built; else built here, out of the way but below the packages that it needs. */
function builtIndex(): string {
  const built = path.join(ROOT, 'dist', 'lib', 'index.js');
  if (existsSync(built)) return built;
  const folder = path.join(ROOT, 'node_modules', '.cache', 'millrace-spec');
  const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-p', ROOT, '--outDir', folder], { cwd: ROOT });
  return path.join(folder, 'lib', 'index.js');
}

/** Everything that may be imported; a new name is added here on purpose. */
const NAMES = [
  'CLOSE_REASONS',
  'Coordinator',
  'EngineThreads',
  'MillraceError',
  'Torrent',
  'VERSION',
  'announce',
  'createTorrent',
  'diagnose',
  'encodeTorrent',
  'formatMagnet',
  'hexDump',
  'isTrackerUrl',
  'localAddresses',
  'namesOnDisk',
  'readMagnet',
  'readTorrent',
  'redactUrl',
  'scrape',
  'share',
  'startTracker',
  'verifyTorrent',
];

function run(file: string, text: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'millrace-api-'));
  try {
    writeFileSync(path.join(folder, file), text);
    return execFileSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' }).trim();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('contract: public names', function () {
  this.timeout(60_000);
  let built = '';

  before(() => {
    built = builtIndex();
  });

  it('are these, in the sources', () => {
    expect(Object.keys(source).sort()).to.deep.equal(NAMES);
  });

  it('can be imported by name from an ES module', () => {
    const kinds = NAMES.map((name) => `typeof ${name}`).join(', ');
    const url = JSON.stringify(`file://${built}`);
    const output = run(
      'use.mjs',
      `import { ${NAMES.join(', ')} } from ${url};\nconsole.log(JSON.stringify([${kinds}]));\n`,
    );
    expect(JSON.parse(output)).to.deep.equal(NAMES.map((name) => typeof source[name as 'VERSION']));
  });

  it('can be required from CommonJS, and need nothing to be waited for', () => {
    const output = run(
      'use.cjs',
      `const api = require(${JSON.stringify(built)});\nconsole.log(JSON.stringify(Object.keys(api).sort()));\n`,
    );
    expect(JSON.parse(output)).to.deep.equal(NAMES);
  });

  it('load without the heavy modules that only a running engine needs', () => {
    const output = run(
      'heavy.cjs',
      `require(${JSON.stringify(built)});
const heavy = Object.keys(require.cache).filter((file) => /node_modules.(piscina|pino|p-queue)./.test(file));
console.log(JSON.stringify(heavy.length));\n`,
    );
    expect(JSON.parse(output)).to.equal(0);
  });

  it('boot threads before the rest is loaded', () => {
    const first = JSON.stringify(built.replace(/index\.js$/, 'threads-first.js'));
    const output = run(
      'first.cjs',
      `const { EngineThreads } = require(${first});
const threads = new EngineThreads();
const files = Object.keys(require.cache).length;
const { Coordinator } = require(${JSON.stringify(built)});
Coordinator.start({ threads }).then((engine) => engine.close()).then(() => console.log(files));\n`,
    );
    expect(Number(output), 'files loaded').to.be.below(10);
  });
});
