// A command line without a process and without an engine: what was written, and a torrent and a
// coordinator that do as the spec says.

import { EventEmitter } from 'node:events';
import { MillraceError } from '../../lib/errors/millrace-error';
import { EMPTY_ACCOUNT } from '../../lib/messages/account';
import { CLOSE_REASONS } from '../../lib/messages/close-reasons';
import { NO_LIMITS } from '../../lib/messages/rates';
import type { TorrentPhase, TorrentStats } from '../../lib/messages/stats';
import { formatMagnet, magnetOf, parseMagnet } from '../../lib/metainfo/magnet';
import type { Metainfo } from '../../lib/metainfo/metainfo';
import { redactUrl } from '../../lib/text/redact';
import type { Api, Context, Io } from '../../lib/cli/context';
import type { Interrupt } from '../../lib/cli/interrupt';
import { watchSignals } from '../../lib/cli/interrupt';
import { runProgram } from '../../lib/cli/program';
import { terminalIo } from '../../lib/cli/output/terminal';

export class FakeIo implements Io {
  out = '';
  err = '';
  readonly terminal: boolean;
  stdout: Io['stdout'];
  readonly stderr: Io['stderr'];
  readonly draw: Io['draw'];
  readonly wipe: Io['wipe'];

  constructor(terminal = false, columns?: number) {
    this.terminal = terminal;
    const io = terminalIo({
      stdout: (text) => void (this.out += text),
      stderr: (text) => void (this.err += text),
      terminal,
      columns: () => columns,
    });
    ({ stdout: this.stdout, stderr: this.stderr, draw: this.draw, wipe: this.wipe } = io);
  }

  /** The lines of stderr as a terminal shows them in the end. */
  shown(): string[] {
    return this.err.split('\n').map((line) => line.split('\r\u001b[K').at(-1) ?? '');
  }

  /** Every line of stdout as JSON. */
  json(): Record<string, unknown>[] {
    const lines = this.out.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

export function fakeStats(change: Partial<TorrentStats> = {}): TorrentStats {
  return {
    phase: 'downloading',
    metadata: undefined,
    totalBytes: 1000,
    doneBytes: 0,
    pieceCount: 10,
    piecesDone: 0,
    piecesChecked: 0,
    piecesToCheck: 0,
    downloadedBytes: 0,
    uploadedBytes: 0,
    wastedBytes: 0,
    downloadBytesPerSec: 0,
    uploadBytesPerSec: 0,
    etaSec: undefined,
    peers: { connected: 0, seeds: 0, dialing: 0, known: 0, unchoking: 0 },
    addresses: { trackers: 0, exchange: 0, incoming: 0, user: 0 },
    private: false,
    uploads: { choking: 'tit-for-tat', slots: 0, unchoked: 0, interested: 0, superSeeding: false },
    piecesFailed: 0,
    memoryBytes: 0,
    trackers: [],
    limits: NO_LIMITS,
    account: EMPTY_ACCOUNT,
    error: undefined,
    ...change,
  };
}

export function fakeMetainfo(change: Partial<Metainfo> = {}): Metainfo {
  return {
    infoHash: new Uint8Array(20).fill(0xab),
    name: 'thing',
    multiFile: false,
    pieceLengthBytes: 100,
    pieceCount: 10,
    totalLengthBytes: 1000,
    pieceHashes: new Uint8Array(200),
    files: [{ path: ['thing'], lengthBytes: 1000, offsetBytes: 0 }],
    trackers: [['http://tracker.example/announce']],
    private: false,
    ...change,
  };
}

export class FakeTorrent extends EventEmitter {
  readonly infoHash = 'ab'.repeat(20);
  readonly name = 'thing';
  readonly totalBytes = 1000;
  readonly pieceCount = 10;
  readonly pieceLengthBytes = 100;
  readonly files = [{ path: 'thing', lengthBytes: 1000 }];
  metainfo: Metainfo | undefined = fakeMetainfo();
  metadata: Promise<Metainfo> = Promise.resolve(fakeMetainfo());
  readonly completed: Promise<void>;
  complete: () => void = () => undefined;
  reject: (error: Error) => void = () => undefined;
  #stats = fakeStats();

  constructor() {
    super();
    this.completed = new Promise((resolve, reject) => {
      this.complete = () => {
        this.set({ phase: 'seeding', doneBytes: 1000, piecesDone: 10 });
        resolve();
        this.emit('complete');
      };
      this.reject = reject;
    });
    this.completed.catch(() => undefined);
  }

  /** As a torrent that was added by a magnet link; the result has its metadata come. */
  forget(): (metainfo?: Metainfo) => void {
    let known: (metainfo: Metainfo) => void = () => undefined;
    this.metadata = new Promise((resolve) => (known = resolve));
    this.metainfo = undefined;
    const none = { receivedBytes: 0, totalBytes: undefined, peers: 0 };
    this.set({ phase: 'metadata', metadata: none, totalBytes: undefined, pieceCount: undefined });
    return (metainfo = fakeMetainfo()) => {
      this.metainfo = metainfo;
      known(metainfo);
      this.emit('metadata', metainfo);
      this.set({ phase: 'downloading', metadata: undefined, totalBytes: 1000, pieceCount: 10 });
    };
  }

  stats(): TorrentStats {
    return this.#stats;
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }

  set(change: Partial<TorrentStats> & { phase?: TorrentPhase }): void {
    this.#stats = { ...this.#stats, ...change };
    this.emit('stats', this.#stats);
  }
}

export interface FakeEngine {
  readonly torrent: FakeTorrent;
  /** What was asked of the engine, in order. */
  readonly calls: unknown[][];
  /** What it says of peers that were closed. */
  closed: Record<string, number>;
  /** Called once the command has begun to listen. */
  onAdded: (torrent: FakeTorrent) => void;
}

/** An API whose engine holds one fake torrent; `change` replaces single functions. */
export function fakeApi(change: object = {}): { api: Api; engine: FakeEngine } {
  const engine: FakeEngine = {
    torrent: new FakeTorrent(),
    calls: [],
    closed: {},
    onAdded: () => undefined,
  };
  const coordinator = Object.assign(new EventEmitter(), {
    port: 6881,
    trace: undefined,
    add(source: unknown, options: unknown) {
      engine.calls.push(['add', source, options]);
      setImmediate(() => engine.onAdded(engine.torrent));
      return Promise.resolve(engine.torrent);
    },
    stats() {
      return Promise.resolve({ peersClosed: engine.closed, peersRejected: {} });
    },
    close() {
      engine.calls.push(['close']);
      return Promise.resolve();
    },
  });
  const api = {
    VERSION: '9.8.7',
    MillraceError,
    CLOSE_REASONS,
    redactUrl,
    Coordinator: {
      start(options: unknown) {
        engine.calls.push(['start', options]);
        return Promise.resolve(coordinator);
      },
    },
    readTorrent: () => Promise.resolve(fakeMetainfo()),
    readMagnet: (link: string) => parseMagnet(link),
    formatMagnet: (metainfo: Metainfo) => formatMagnet(magnetOf(metainfo)),
    encodeTorrent: ({ name }: Metainfo) => Buffer.from(`the torrent ${name}`),
    namesOnDisk: (metainfo: Metainfo) => Promise.resolve(metainfo),
    ...change,
  };
  return { api: api as unknown as Api, engine };
}

export function fakeContext(api: Api, io = new FakeIo()): Context & { io: FakeIo } {
  return { api, io, signal: new AbortController().signal, startedMs: performance.now() };
}

/** A process that can be sent signals. */
export class FakeProcess extends EventEmitter {
  readonly pid = 4711;
  /** Signals it sent to itself, with nobody listening for them. */
  readonly killed: string[] = [];

  kill(pid: number, signal: string): void {
    if (pid !== this.pid || this.listenerCount(signal) > 0) throw new Error('it would not end');
    this.killed.push(signal);
  }
}

/** Runs a command line as `main` does. */
export async function millrace(
  argv: readonly string[],
  options: { api?: Api; io?: FakeIo; process?: FakeProcess; deadlineMs?: number } = {},
): Promise<{ exitCode: number; io: FakeIo }> {
  const { api = fakeApi().api, io = new FakeIo(), process = new FakeProcess() } = options;
  const { deadlineMs } = options;
  const exitCode = await runProgram(argv, {
    io,
    loadApi: () => api,
    watchSignals: (events): Interrupt => watchSignals(process, events, deadlineMs),
    startedMs: performance.now(),
  });
  return { exitCode, io };
}
