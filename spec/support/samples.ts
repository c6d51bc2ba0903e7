// One sample of every message between threads. A new variant without a sample does not compile.

import { EMPTY_ACCOUNT } from '../../lib/messages/account';
import type { EngineEvent } from '../../lib/messages/control';
import type { PeerContent, PeerFact, PeerOrder } from '../../lib/messages/peer-thread';
import { NO_LIMITS } from '../../lib/messages/rates';
import type { EngineStats, TorrentStats } from '../../lib/messages/stats';
import type { StorageRef } from '../../lib/messages/storage';
import type {
  MetadataOutcome,
  PieceOutcome,
  VerifyJob,
  VerifyResult,
} from '../../lib/messages/verify';
import type { Metainfo } from '../../lib/metainfo/metainfo';

/** Every variant of a union by its `type`, with every optional field present. */
type Samples<Union extends { readonly type: string }> = {
  readonly [Type in Union['type']]: Full<Extract<Union, { readonly type: Type }>>;
};

/** Optional fields are required here: they cross between threads as well. */
type Full<Message> = { readonly [Key in keyof Message]-?: Message[Key] };

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

const storage: Full<StorageRef> = {
  module: 'files',
  key: '1:abc',
  root: '/srv/data',
  followLinks: true,
  made: '/srv/data/.millrace/abc.made',
  options: { bucket: 'b', nested: [1, 2, { three: 3 }] },
};

const content: Full<PeerContent> = {
  pieceCount: 9,
  pieceLengthBytes: 16_384,
  totalLengthBytes: 147_000,
  have: new SharedArrayBuffer(2),
  concealed: true,
  storage,
  files: [{ path: 'a/b', lengthBytes: 147_000 }],
};

export const torrentStats: Full<TorrentStats> = {
  phase: 'downloading',
  metadata: { receivedBytes: 1, totalBytes: 2, peers: 3 },
  totalBytes: 1,
  doneBytes: 2,
  pieceCount: 3,
  piecesDone: 4,
  piecesChecked: 5,
  piecesToCheck: 6,
  downloadedBytes: 7,
  uploadedBytes: 8,
  wastedBytes: 9,
  downloadBytesPerSec: 10.5,
  uploadBytesPerSec: 11.25,
  etaSec: undefined,
  peers: { connected: 1, seeds: 2, dialing: 3, known: 4, unchoking: 5 },
  addresses: { trackers: 1, exchange: 2, incoming: 3, user: 4 },
  private: true,
  uploads: { choking: 'round-robin', slots: 1, unchoked: 2, interested: 3, superSeeding: true },
  piecesFailed: 12,
  memoryBytes: 13,
  trackers: [
    {
      url: 'http://t/a',
      status: 'failed',
      message: 'näh — no',
      seeds: undefined,
      leechers: 4,
      peers: 5,
      nextAnnounceSec: 6,
      externalIp: '192.0.2.7',
    },
  ],
  limits: { ...NO_LIMITS, upLimitBytesPerSec: 1e6 },
  account: { ...EMPTY_ACCOUNT, limit: { what: 'memory', behind: undefined, share: 0.5 } },
  error: { code: 'ENOSPC', message: 'disk full' },
};

export const engineStats: Full<EngineStats> = {
  port: 6881,
  peerThreads: 1,
  verifyThreads: 2,
  memoryLimitBytes: 2 ** 40,
  memoryCommittedBytes: 5,
  memoryQuarantinedBytes: 0,
  connections: 7,
  limits: NO_LIMITS,
  ipFilter: { ranges: 2, addressesRefused: 3 },
  threadRestarts: 1,
  peersClosed: { 'remote-closed': 2 },
  peersRejected: { 'bad-handshake': 1 },
  account: EMPTY_ACCOUNT,
};

export const metainfo: Full<Metainfo> = {
  infoHash: bytes(1, 2, 3),
  infoHashV2: bytes(4, 5),
  infoBytes: bytes(6, 7, 8),
  name: 'näme',
  rawName: 'nä/me\udcff',
  names: 'transmission-4.1',
  multiFile: true,
  pieceLengthBytes: 16_384,
  pieceCount: 2,
  totalLengthBytes: 20_000,
  paddingBytes: 1,
  pieceHashes: bytes(...Array(40).keys()),
  files: [
    {
      path: ['näme', 'a'],
      rawPath: ['\udcff'],
      lengthBytes: 20_000,
      offsetBytes: 0,
      executable: true,
      hidden: true,
    },
  ],
  symlinks: [{ path: ['näme', 'l'], target: ['a'] }],
  trackers: [['http://a/'], ['http://b/', 'udp://c:1/']],
  ignoredTrackers: [{ url: 'ftp://d', reason: 'it is odd' }],
  ignoredTrackerCount: 1,
  private: false,
  comment: 'c',
  createdBy: 'm',
  creationDateSec: 1,
};

export const peerOrders: Samples<PeerOrder> = {
  'ip-filter': { type: 'ip-filter', buffer: new SharedArrayBuffer(8) },
  listen: { type: 'listen', port: 0, host: '::1', share: 'first' },
  'open-torrent': {
    type: 'open-torrent',
    torrent: { torrent: 1, infoHash: bytes(...Array(20).keys()), private: true, content },
  },
  'torrent-content': { type: 'torrent-content', torrent: 1, content },
  swarm: { type: 'swarm', torrent: 1, ipv4: bytes(...Array(7).keys()), ipv6: bytes() },
  'upload-only': { type: 'upload-only', torrent: 1, uploadOnly: true },
  'torrent-private': { type: 'torrent-private', torrent: 1 },
  'torrent-info': { type: 'torrent-info', torrent: 1, info: new SharedArrayBuffer(3) },
  'request-metadata': {
    type: 'request-metadata',
    connection: 33,
    piece: 2,
    totalBytes: 40_000,
  },
  'close-torrent': { type: 'close-torrent', torrent: 1, reason: 'torrent-closed' },
  dial: { type: 'dial', dial: 4, torrent: 1, host: 'fe80::1%eth0', port: 65_535 },
  lease: {
    type: 'lease',
    lease: {
      connection: 33,
      epoch: 2,
      piece: 8,
      firstBlock: 1,
      blockCount: 3,
      generation: 2 ** 25 - 1,
      segments: [0, 2, 9, 1],
    },
  },
  'cancel-lease': { type: 'cancel-lease', connection: 33, piece: 8, generation: 7 },
  have: { type: 'have', torrent: 1, pieces: [1, 2, 3] },
  interest: { type: 'interest', connection: 33, interested: true },
  reveal: { type: 'reveal', connection: 33, piece: 1 },
  conceal: { type: 'conceal', torrent: 1, concealed: true },
  choke: { type: 'choke', connection: 33, choked: false },
  'limit-rates': {
    type: 'limit-rates',
    torrent: 1,
    down: { peerBytesPerSec: 1e6, lowered: true },
    up: undefined,
  },
  'grant-rates': { type: 'grant-rates', rows: [1, 0, 4, 1, 1, Infinity] },
  'allow-fast': { type: 'allow-fast', connection: 33, pieces: [1, 8] },
  'listen-port': { type: 'listen-port', port: 6881 },
  close: { type: 'close', connection: 33, reason: 'banned' },
  stop: { type: 'stop' },
};

export const peerFacts: Samples<PeerFact> = {
  ready: { type: 'ready' },
  listening: { type: 'listening', port: 6881 },
  'listen-failed': { type: 'listen-failed', code: 'EADDRINUSE', message: 'in use' },
  connected: {
    type: 'connected',
    connection: 2 ** 31 - 1,
    torrent: 1,
    dial: 4,
    host: '10.0.0.1',
    port: 6881,
    peerId: bytes(...Array(20).keys()),
    fast: true,
  },
  'dial-failed': { type: 'dial-failed', dial: 4, reason: 'dial-timeout', detail: 'no answer' },
  closed: {
    type: 'closed',
    connection: 33,
    reason: 'remote-closed',
    detail: '',
    downloadedBytes: 2 ** 52,
    uploadedBytes: 0,
  },
  rejected: {
    type: 'rejected',
    host: '::1',
    port: 1,
    reason: 'encrypted-handshake',
    detail: 'first byte 7',
  },
  'peer-bitfield': { type: 'peer-bitfield', connection: 33, bits: bytes(0xff, 0x80) },
  'peer-have': { type: 'peer-have', connection: 33, pieces: [0, 8] },
  'peer-choke': { type: 'peer-choke', connection: 33, choked: true, epoch: 3 },
  'peer-lost': { type: 'peer-lost', connection: 33, piece: 3 },
  'upload-only': { type: 'upload-only', connection: 33, uploadOnly: true },
  'allowed-fast': { type: 'allowed-fast', connection: 33, pieces: [1, 8] },
  suggested: { type: 'suggested', connection: 33, pieces: [4] },
  'peer-interest': { type: 'peer-interest', connection: 33, interested: false },
  'upload-stalled': { type: 'upload-stalled', connection: 33, stalled: true },
  'extended-handshake': {
    type: 'extended-handshake',
    connection: 33,
    client: 'other 1.0',
    listenPort: 51_413,
    requestQueue: 250,
    yourIp: bytes(192, 0, 2, 1),
  },
  'peer-exchange': {
    type: 'peer-exchange',
    connection: 33,
    added: [{ host: '2001:db8::1', port: 6881, isSeed: true }],
    dropped: [{ host: '192.0.2.1', port: 1 }],
  },
  'metadata-offer': { type: 'metadata-offer', connection: 33, totalBytes: undefined },
  'metadata-piece': {
    type: 'metadata-piece',
    connection: 33,
    piece: 2,
    totalBytes: 40_000,
    bytes: bytes(1, 2, 3),
  },
  'metadata-refused': { type: 'metadata-refused', connection: 33, piece: 2 },
  appetite: {
    type: 'appetite',
    connection: 33,
    epoch: 3,
    creditBlocks: 1_000_000,
    rateBytesPerSec: 1e9,
  },
  'lease-done': {
    type: 'lease-done',
    connection: 33,
    epoch: 3,
    piece: 8,
    generation: 9,
    firstBlock: 0,
    blockCount: 1,
  },
  'lease-returned': {
    type: 'lease-returned',
    why: 'rejected',
    connection: 33,
    epoch: 3,
    piece: 8,
    generation: 9,
    firstBlock: 0,
    blockCount: 1,
  },
  rates: { type: 'rates', rows: [1, 0, 2, Infinity, 16_384, -5, 1, 1, 0, 0, 0, 0] },
  load: { type: 'load', busy: 0.25, rows: [33, 16_384, 4, 2] },
  traffic: { type: 'traffic', rows: [33, 1, 2, 3, 65, 4, 5, 6] },
  'read-failed': {
    type: 'read-failed',
    torrent: 1,
    code: 'EIO',
    message: 'bad disk',
    path: 'a/b',
  },
  'torrent-closed': { type: 'torrent-closed', torrent: 1 },
  log: { type: 'log', level: 'warn', message: 'm', fields: { a: 'b', c: 1, d: true } },
  trace: { type: 'trace', lines: ['a'], lost: 0 },
  stopped: { type: 'stopped' },
};

export const engineEvents: Samples<EngineEvent> = {
  stats: { type: 'stats', torrent: 1, stats: torrentStats },
  metadata: { type: 'metadata', torrent: 1, metainfo },
  pieces: { type: 'pieces', torrent: 1, pieces: [4, 5] },
  'piece-failed': {
    type: 'piece-failed',
    torrent: 1,
    piece: 4,
    suspects: ['10.0.0.1:1', '[::1]:2'],
    banned: ['10.0.0.1:1'],
  },
  'peer-connected': { type: 'peer-connected', torrent: 1, host: 'h', port: 1, incoming: true },
  'peer-closed': {
    type: 'peer-closed',
    torrent: 1,
    host: 'h',
    port: 1,
    reason: 'idle-timeout',
    detail: 'd',
    downloadedBytes: 1,
    uploadedBytes: 2,
  },
  tracker: {
    type: 'tracker',
    torrent: 1,
    url: 'http://t/a',
    ok: false,
    message: undefined,
    peers: 0,
    seeds: undefined,
    leechers: 3,
    nextAnnounceSec: 1800,
  },
  'peer-rejected': {
    type: 'peer-rejected',
    host: 'h',
    port: 1,
    reason: 'bad-handshake',
    detail: 'd',
  },
  trace: { type: 'trace', lines: ['a', 'b'], lost: 3 },
  complete: { type: 'complete', torrent: 1 },
  removed: { type: 'removed', torrent: 1 },
  error: { type: 'error', torrent: 1, error: { code: 'EIO', message: 'm', details: { a: 1 } } },
  log: { type: 'log', level: 'info', message: 'm', fields: { deep: { er: [1] }, when: undefined } },
};

const spans = [{ path: 'a/b', offsetBytes: 2 ** 40, lengthBytes: 16_384 }];
const sha1 = bytes(...Array(20).keys());
const hex = '00'.repeat(20);

export const verifyJobs: Samples<VerifyJob> = {
  pieces: {
    type: 'pieces',
    storage,
    pieces: [
      { piece: 1, lengthBytes: 16_384, sha1: hex, segments: [5, 1], spans, wantBlockDigests: true },
    ],
    known: [{ path: 'a/b', inode: 2n ** 63n, left: { sizeBytes: 5, mtimeNs: 2n ** 60n } }],
  },
  recheck: {
    type: 'recheck',
    storage,
    pieces: [{ piece: 1, lengthBytes: 16_384, sha1: hex, spans }],
  },
  digest: { type: 'digest', storage, pieces: [{ piece: 1, lengthBytes: 16_384, spans }] },
  sync: { type: 'sync', storage, paths: ['a/b'] },
  'create-empty': { type: 'create-empty', storage, paths: ['a/empty'] },
  metadata: {
    type: 'metadata',
    info: new SharedArrayBuffer(3),
    sha1: hex,
    wantPieceDigests: true,
  },
};

export const metadataOutcomes: Samples<MetadataOutcome> = {
  good: { type: 'good', metainfo, pieceDigests: sha1 },
  wrong: { type: 'wrong', pieceDigests: sha1 },
  unusable: {
    type: 'unusable',
    error: { code: 'bad-metainfo', message: 'm', details: {} },
    pieceDigests: sha1,
  },
};

export const pieceOutcomes: Samples<PieceOutcome> = {
  good: { type: 'good', piece: 1, blockDigests: sha1 },
  bad: { type: 'bad', piece: 1, blockDigests: sha1 },
  digest: { type: 'digest', piece: 1, sha1: hex },
  'storage-error': {
    type: 'storage-error',
    piece: 1,
    error: { code: 'ENOSPC', message: 'full', details: { path: 'a/b' } },
  },
};

const fileIdentity = { sizeBytes: 1, mtimeNs: 2n ** 60n, device: 3n, inode: 2n ** 63n };

export const verifyResult: Full<VerifyResult> = {
  outcomes: Object.values(pieceOutcomes),
  error: { code: 'EIO', message: 'm' },
  written: [{ path: 'a/b', before: fileIdentity, after: fileIdentity, endBytes: 1 }],
  synced: [{ path: 'a/b', now: fileIdentity }],
  again: true,
  metadata: metadataOutcomes.good,
  hashMs: 0.5,
  storageMs: 1.5,
};
