// Names as real clients write them: what we compute is what libtorrent and Transmission answer, and
// the folders that they make of a torrent with odd names verify and seed.

import { expect } from 'chai';
import fc from 'fast-check';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { encode } from '../../lib/bencode/encode';
import { keyOf } from '../../lib/bencode/text';
import { Coordinator, readTorrent, verifyTorrent } from '../../lib/index';
import { storedPaths } from '../../lib/metainfo/names';
import type { NameMapping } from '../../lib/metainfo/names';
import {
  downloadWithLibtorrent,
  downloadWithTransmission,
  seedWithMillrace,
  startOpentracker,
} from '../support/clients/clients';
import { describeWith } from '../support/clients/needed';
import { digestsOf } from '../support/clients/payload';
import type { Payload } from '../support/clients/payload';
import { useClients } from '../support/clients/process';
import { layCable } from '../support/clients/netns';
import type { Cable } from '../support/clients/netns';
import { freePort } from '../support/free-port';

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

describeWith(['transmission'], 'interop of names', () => {
  it('Transmission 3.00 stores files where we look for them', async function () {
    this.timeout(120_000);
    const folder = await mkdtemp(join(tmpdir(), 'millrace-interop-'));
    try {
      let compared = 0;
      for (const torrent of fc.sample(anyTorrent(), { numRuns: 150, seed: 2 })) {
        const file = join(folder, 'x.torrent');
        await writeFile(file, encode({ info: infoOf(torrent) }));
        const answer = shownByTransmission(file);
        const found = mapped(torrent, 'transmission-3.00');
        // It takes two files of one path, and names that no disk takes: we do not look for those.
        if (answer === undefined || found === undefined) continue;
        expect([...found].sort(), JSON.stringify(torrent)).to.deep.equal([...answer].sort());
        compared++;
      }
      expect(compared).to.be.above(50);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

/** The paths that `transmission-show` lists; undefined where it refuses the torrent. */
function shownByTransmission(file: string): string[] | undefined {
  const { stdout, status } = spawnSync('transmission-show', [file], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  const listed = stdout.slice(stdout.indexOf('\nFILES\n')).split('\n');
  return listed.flatMap((line) => /^ {2}(.+) \([^()]*\)$/.exec(line)?.[1] ?? []);
}

const ODD_PATHS: readonly (readonly (string | Uint8Array)[])[] = [
  ['AC/DC.bin'],
  ['a\\b.bin'],
  ['', 'front.bin'],
  ['..', 'up.bin'],
  ['aux'],
  ['con.txt'],
  ['C:', 'what?.bin'],
  [' blank '],
  ['line\nbreak'],
  [Uint8Array.of(0x63, 0xe9, 0x2e, 0x62)],
];
/** Names that Transmission does not shorten or distinguish. */
const FOR_LIBTORRENT = [[`${'Ж'.repeat(140)}.bin`], ['twice'], ['TWICE'], ['twice'], ['aux', 'x']];

/** A torrent of such files, and its data under the names that we give them. */
async function oddPayload(
  folder: string,
  paths: readonly (readonly (string | Uint8Array)[])[],
  announce: string,
): Promise<Payload> {
  const data = Buffer.alloc(50_000 * paths.length, 'odd names ');
  const pieces: Buffer[] = [];
  for (let at = 0; at < data.length; at += 65_536) {
    pieces.push(
      createHash('sha1')
        .update(data.subarray(at, at + 65_536))
        .digest(),
    );
  }
  const bytes = encode({
    announce,
    info: {
      name: 'System R1/beta',
      files: paths.map((path) => ({ length: 50_000, path: [...path] })),
      'piece length': 65_536,
      pieces: Buffer.concat(pieces),
    },
  });
  const metainfo = await readTorrent(bytes);
  for (const { path, offsetBytes, lengthBytes } of metainfo.files) {
    const file = join(folder, 'data', ...path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, data.subarray(offsetBytes, offsetBytes + lengthBytes));
  }
  const torrent = join(folder, 'odd.torrent');
  await writeFile(torrent, bytes);
  return {
    folder: join(folder, 'data'),
    torrent,
    infoHash: Buffer.from(metainfo.infoHash).toString('hex'),
    digests: await digestsOf(join(folder, 'data')),
  };
}

/** The folder that a client made is whole, and is seeded without a check that failed. */
async function expectWhole(payload: Payload, folder: string, names: string): Promise<void> {
  expect(await verifyTorrent(payload.torrent, { data: folder, threads: 1 })).to.include({
    whole: true,
  });
  const engine = await Coordinator.start({ host: '127.0.0.1' });
  try {
    const seed = await engine.add(payload.torrent, { output: folder, download: false });
    await seed.completed;
    expect(seed.metainfo?.names).to.equal(names);
    expect(seed.stats().piecesFailed).to.equal(0);
  } finally {
    await engine.close();
  }
}

describeWith(['opentracker', 'libtorrent'], 'interop of folders with odd names', () => {
  let folder = '';
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'millrace-interop-'))));
  after(() => rm(folder, { recursive: true, force: true }));
  useClients();

  it('one that libtorrent wrote', async function () {
    this.timeout(120_000);
    const port = await freePort();
    const paths = [...ODD_PATHS, ...FOR_LIBTORRENT];
    const payload = await oddPayload(folder, paths, `http://127.0.0.1:${port}/announce`);
    await startOpentracker(folder, port, [payload.infoHash]);
    await seedWithMillrace(payload);
    const output = join(folder, 'output');
    await downloadWithLibtorrent(payload, output);
    // Byte for byte under the names that we give new files.
    expect(await digestsOf(output)).to.deep.equal(payload.digests);
    await expectWhole(payload, output, 'libtorrent');
  });
});

describeWith(
  ['opentracker', 'transmission', 'namespaces'],
  'interop of folders with odd names, between namespaces',
  () => {
    let folder = '';
    let cable: Cable;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'millrace-interop-'));
      cable = layCable();
    });
    after(async () => {
      cable.remove();
      await rm(folder, { recursive: true, force: true });
    });
    useClients();

    it('one that Transmission wrote', async function () {
      this.timeout(120_000);
      const port = await freePort();
      const { here, there } = cable;
      const announce = `http://${here.address}:${port}/announce`;
      const payload = await oddPayload(folder, ODD_PATHS, announce);
      await startOpentracker(folder, port, [payload.infoHash], here);
      await seedWithMillrace(payload, here);
      const output = join(folder, 'output');
      await downloadWithTransmission(payload, output, there);
      await expectWhole(payload, output, 'transmission-3.00');
    });
  },
);

/**
 * Too long, or ".": that becomes of a dropped last part where the one before ends in the same dots.
 */
const isImpossible = (path: string): boolean =>
  path.split('/').some((name) => /^\.{1,2}$/.test(name) || Buffer.byteLength(name) > 255);

function ours(torrent: Named): string[] | undefined {
  return mapped(torrent, 'libtorrent');
}

function mapped({ name, paths }: Named, mapping: NameMapping): string[] | undefined {
  const raw = { name: keyOf(name), paths: paths?.map((path) => path.map((part) => keyOf(part))) };
  const fallback = createHash('sha1')
    .update(encode(infoOf({ name, paths })))
    .digest('hex');
  const found = storedPaths(raw, mapping, { platform: 'linux', fallback });
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
