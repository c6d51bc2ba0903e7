// The public types, seen by the compiler as an embedder's project would: what must compile does, and
// what must not is marked. Lines that compile against expectation are errors, too.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import ts from 'typescript';

const FRONT_DOOR = path.join(__dirname, '..', '..', 'lib', 'index');

const EMBEDDER = `
import { Coordinator, MillraceError, createTorrent, formatMagnet, readMagnet, readTorrent, verifyTorrent, startTracker } from ${JSON.stringify(FRONT_DOOR)};
import type { CloseReason, CoordinatorOptions, TraceOptions, TraceStatus, EngineStats, Logger, MagnetLink, Metainfo, StorageModule, StorageState, Torrent, TorrentStats } from ${JSON.stringify(FRONT_DOOR)};

export async function use(logger: Logger, signal: AbortSignal): Promise<void> {
  const options: CoordinatorOptions = { port: null, memoryBytes: 64 * 2 ** 20, logger, signal, timeouts: { dialMs: 1 } };
  await using engine = await Coordinator.start(options);
  const torrent: Torrent = await engine.add(new URL('http://a/b'), { peers: ['a:1', { host: 'b', port: 2 }], seed: false });
  for await (const stats of torrent.progress({ intervalMs: 5, signal })) {
    const eta: number | undefined = stats.etaSec;
    void eta;
  }
  torrent.on('peerClosed', ({ reason, downloadedBytes }) => {
    const known: CloseReason = reason;
    const bytes: number = downloadedBytes;
    void [known, bytes];
  });
  torrent.on('error', (error: MillraceError) => error.code.length);
  const trace: TraceOptions = { file: 'a.pcapng', onLines: (lines, lost) => lines.length + lost };
  await Coordinator.start({ trace });
  const status: TraceStatus | undefined = engine.trace;
  engine.on('peerRejected', ({ reason, host }) => void [reason satisfies CloseReason, host.length]);
  const ends: number | undefined = (await engine.stats()).peersClosed['bad-bitfield'];
  void [status, ends];
  const stats: TorrentStats = torrent.stats();
  const figures: EngineStats = await engine.stats();
  await torrent.completed;
  await torrent.remove({ forget: true });
  const linked = await engine.add('magnet:?xt=urn:btih:00', { maxMetadataBytes: 2 ** 20 });
  linked.on('metadata', ({ files }) => files.length);
  const { files }: Metainfo = await linked.metadata;
  const link: MagnetLink = readMagnet('magnet:?xt=urn:btih:00');
  await engine.add(link);
  const share: number = stats.metadata?.totalBytes === undefined ? 0 : stats.metadata.receivedBytes / stats.metadata.totalBytes;
  void [files, share, formatMagnet(link)];
  // @ts-expect-error undefined until the metadata is known
  torrent.metainfo.name.length;
  const metainfo: Metainfo = await readTorrent(new Uint8Array(0));
  const report = await verifyTorrent(metainfo, { data: '/srv', threads: 2, onProgress: ({ doneBytes }) => doneBytes + 1 });
  const made = await createTorrent('/srv/a', { trackers: [['http://a/']], creationDateSec: null });
  const tracker = await startTracker();
  void [stats, figures, report.whole, made.bytes, tracker];

  const state: StorageState = {
    lock: () => ({ release: () => undefined }),
    load: async (limitBytes) => (limitBytes > 0 ? { bytes: new Uint8Array(1) } : undefined),
    save: (encode) => void encode().length,
    remove: () => undefined,
    stat: (paths) => paths.map((path) => ({ sizeBytes: path.length, mtimeNs: 1n })),
  };
  const open: StorageModule['openState'] = (ref, infoHash) => (ref.root === infoHash ? state : Promise.resolve(state));
  void open;

  // @ts-expect-error an engine is started, not constructed
  new Coordinator({});
  // @ts-expect-error ports are numbers
  await Coordinator.start({ port: '6881' });
  // @ts-expect-error no such option
  await Coordinator.start({ peerThread: 1 });
  // @ts-expect-error an output is a path
  await engine.add('a.torrent', { output: 1 });
  // @ts-expect-error no such event
  torrent.on('finished', () => undefined);
  // @ts-expect-error figures are read-only
  torrent.stats().doneBytes = 1;
  // @ts-expect-error what may be undefined must be looked at
  const port: number = engine.port;
  // @ts-expect-error metainfo is read-only
  metainfo.name = 'x';
  // @ts-expect-error verify needs to know where the data is
  await verifyTorrent(metainfo, {});
}
`;

describe('contract: public types', function () {
  this.timeout(60_000);

  it('say what may be written and what not', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'millrace-types-'));
    try {
      const file = path.join(folder, 'embedder.ts');
      writeFileSync(file, EMBEDDER);
      const program = ts.createProgram([file], {
        target: ts.ScriptTarget.ES2022,
        lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
        module: ts.ModuleKind.NodeNext,
        moduleResolution: ts.ModuleResolutionKind.NodeNext,
        types: ['node'],
        typeRoots: [path.join(__dirname, '..', '..', 'node_modules', '@types')],
        strict: true,
        skipLibCheck: true,
        noEmit: true,
        esModuleInterop: true,
      });
      const problems = [
        ...program.getSemanticDiagnostics(program.getSourceFile(file)),
        ...program.getGlobalDiagnostics(),
      ].map((problem) => {
        const line =
          problem.file && problem.start !== undefined
            ? EMBEDDER.split('\n')[problem.file.getLineAndCharacterOfPosition(problem.start).line]
            : '';
        return `${line}: ${ts.flattenDiagnosticMessageText(problem.messageText, '\n')}`;
      });
      expect(problems).to.deep.equal([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
