// Names as real clients write them: what we compute is what libtorrent answers.

import { expect } from 'chai';
import fc from 'fast-check';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { encode } from '../../lib/bencode/encode';
import { keyOf } from '../../lib/bencode/text';
import { storedPaths } from '../../lib/metainfo/names';
import { describeWith } from '../support/clients-needed';

/** Names as they stand in a torrent; `paths` is undefined where it is one file. */
interface Named {
  readonly name: Uint8Array;
  readonly paths: readonly (readonly Uint8Array[])[] | undefined;
}

describeWith(['libtorrent'], 'interop of names', () => {
  it('libtorrent stores files where we look for them, whatever they are called', function () {
    this.timeout(120_000);
    const torrents = fc.sample(anyTorrent(), { numRuns: 4_000, seed: 1 });
    const answers = askLibtorrent(torrents);
    let compared = 0;
    for (const [at, torrent] of torrents.entries()) {
      const answer = answers[at];
      // It refuses a single file without a name, and may name a file so that no disk takes it.
      if (typeof answer === 'string' || answer?.some(isImpossible) === true) continue;
      expect(ours(torrent), JSON.stringify(torrent)).to.deep.equal(answer);
      compared++;
    }
    expect(compared).to.be.above(3_000);
  });
});

/** Too long, or ".": that becomes of a dropped last part where the one before ends in the same dots. */
const isImpossible = (path: string): boolean =>
  path.split('/').some((name) => /^\.{1,2}$/.test(name) || Buffer.byteLength(name) > 255);

function ours({ name, paths }: Named): string[] | undefined {
  const raw = { name: keyOf(name), paths: paths?.map((path) => path.map((part) => keyOf(part))) };
  const fallback = createHash('sha1')
    .update(encode(infoOf({ name, paths })))
    .digest('hex');
  const found = storedPaths(raw, 'libtorrent', { platform: 'linux', fallback });
  return found?.map((path) => path.join('/'));
}

/** As libtorrent-names.py makes it: the name of a nameless torrent is its info hash. */
function infoOf({ name, paths }: Named): Parameters<typeof encode>[0] {
  return {
    name,
    'piece length': 16_384,
    pieces: 'x'.repeat(20),
    length: paths === undefined ? 1 : undefined,
    files: paths?.map((path) => ({ length: 1, path: [...path] })),
  };
}

function askLibtorrent(torrents: readonly Named[]): (string | string[])[] {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const lines = torrents.map(({ name, paths }) =>
    JSON.stringify({ name: hex(name), paths: paths?.map((path) => path.map(hex)) ?? null }),
  );
  const script = join(__dirname, 'libtorrent-names.py');
  const { stdout, stderr } = spawnSync('/usr/bin/python3', [script], {
    input: `${lines.join('\n')}\n`,
    maxBuffer: 64 * 2 ** 20,
    encoding: 'utf8',
  });
  const answers = stdout.split('\n').slice(0, -1);
  expect(answers, stderr).to.have.length(torrents.length);
  return answers.map((line) => JSON.parse(line) as string | string[]);
}

function anyTorrent(): fc.Arbitrary<Named> {
  const some = [
    '.',
    '..',
    '/',
    '\\',
    'a',
    'A',
    'b',
    'é',
    '\0',
    ' ',
    '.1',
    '.txt',
    '\u202e',
    '\x7f',
  ];
  const bytes = [
    0x80, 0xc0, 0xc3, 0xe2, 0x82, 0xac, 0xed, 0xa0, 0xf0, 0x9f, 0xf4, 0x90, 0xf8, 0xff,
  ];
  const text = fc
    .array(fc.constantFrom(...some), { maxLength: 5 })
    .map((parts) => Buffer.from(parts.join('')));
  const part = fc.oneof(
    { weight: 4, arbitrary: text },
    fc.array(fc.constantFrom(...bytes, 0x61, 0x2e), { maxLength: 6 }).map((b) => Buffer.from(b)),
    fc.uint8Array({ maxLength: 10 }),
    fc
      .tuple(
        fc.constantFrom('a', 'Ж', '日', '😀', '\x01', '\u202e'),
        fc.integer({ min: 55, max: 300 }),
        fc.constantFrom('', '.txt', '.12345678', '.123456789', '.é\u200f', '..'),
      )
      .map(([unit, count, end]) => Buffer.from(`${unit.repeat(count)}${end}`)),
  );
  const path = fc.array(part, { minLength: 1, maxLength: 3 });
  return fc.record({
    name: fc.oneof(fc.constant(Buffer.from('d')), part),
    paths: fc.option(fc.array(path, { minLength: 1, maxLength: 6 }), { nil: undefined, freq: 9 }),
  });
}
