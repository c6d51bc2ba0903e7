import { availableParallelism } from 'node:os';
import { expect } from 'chai';
import { MIB } from '../../lib/bytes/lengths';
import { addOptions, engineOptions, engineSettings, peerAddress } from '../../lib/api/options';
import { shown } from '../../lib/api/checks';
import { MillraceError } from '../../lib/errors/millrace-error';

/** Every numeric option: how to set it, and what is allowed. */
const NUMBERS: readonly {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  readonly set: (value: unknown) => unknown;
  readonly get: (settings: ReturnType<typeof engineSettings>) => unknown;
}[] = [
  {
    name: 'peerThreads',
    low: 1,
    high: 32,
    set: (peerThreads) => ({ peerThreads }),
    get: (settings) => settings.peerThreads,
  },
  {
    name: 'verifyThreads',
    low: 2,
    high: 64,
    set: (verifyThreads) => ({ verifyThreads }),
    get: (settings) => settings.verifyThreads,
  },
  {
    name: 'memoryBytes',
    low: 4 * MIB,
    high: 4096 * MIB,
    set: (memoryBytes) => ({ memoryBytes }),
    get: (settings) => settings.memoryBytes,
  },
  {
    name: 'port',
    low: 0,
    high: 65_535,
    set: (port) => ({ port }),
    get: (settings) => settings.port,
  },
  {
    name: 'maxConnections',
    low: 1,
    high: 8000,
    set: (maxConnections) => ({ maxConnections }),
    get: (settings) => settings.maxConnections,
  },
  {
    name: 'maxConnectionsPerTorrent',
    low: 1,
    high: 8000,
    set: (maxConnectionsPerTorrent) => ({ maxConnectionsPerTorrent }),
    get: (settings) => settings.maxConnectionsPerTorrent,
  },
  {
    name: 'connectionsPerAddress',
    low: 1,
    high: 8000,
    set: (connectionsPerAddress) => ({ connectionsPerAddress }),
    get: (settings) => settings.connectionsPerAddress,
  },
  {
    name: 'maxHalfOpen',
    low: 1,
    high: 1000,
    set: (maxHalfOpen) => ({ maxHalfOpen }),
    get: (settings) => settings.maxHalfOpen,
  },
  {
    name: 'dialsPerSec',
    low: 1,
    high: 1000,
    set: (dialsPerSec) => ({ dialsPerSec }),
    get: (settings) => settings.dialsPerSec,
  },
  {
    name: 'uploadSlots',
    low: 1,
    high: 1000,
    set: (uploadSlots) => ({ uploadSlots }),
    get: (settings) => settings.uploadSlots,
  },
  {
    name: 'timeouts.dialMs',
    low: 1,
    high: 600_000,
    set: (dialMs) => ({ timeouts: { dialMs } }),
    get: (settings) => settings.limits.dialTimeoutMs,
  },
  {
    name: 'timeouts.handshakeMs',
    low: 1,
    high: 600_000,
    set: (handshakeMs) => ({ timeouts: { handshakeMs } }),
    get: (settings) => settings.limits.handshakeTimeoutMs,
  },
  {
    name: 'timeouts.requestMs',
    low: 1,
    high: 600_000,
    set: (requestMs) => ({ timeouts: { requestMs } }),
    get: (settings) => settings.limits.requestTimeoutMs,
  },
  {
    name: 'timeouts.idleMs',
    low: 1,
    high: 3_600_000,
    set: (idleMs) => ({ timeouts: { idleMs } }),
    get: (settings) => settings.limits.idleTimeoutMs,
  },
];

/** What an option allows besides numbers. */
const SPECIAL: Readonly<Record<string, string>> = { port: 'null or ', uploadSlots: '"auto" or ' };

const settingsOf = (options: unknown): ReturnType<typeof engineSettings> =>
  engineSettings(engineOptions(options), '1.2.3');

function refusal(work: () => unknown): MillraceError {
  try {
    work();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('api/options', () => {
  describe('engineSettings', () => {
    it('has the defaults that the documentation states', () => {
      const cores = availableParallelism();
      const settings = settingsOf({});
      expect(settings).to.deep.include({
        peerThreads: Math.min(8, Math.max(1, Math.floor(cores / 4))),
        verifyThreads: Math.min(8, Math.max(2, Math.floor(cores / 2))),
        memoryBytes: 48 * MIB,
        port: 0,
        host: undefined,
        maxConnections: 200,
        maxConnectionsPerTorrent: 100,
        maxHalfOpen: 32,
        dialsPerSec: 50,
        uploadSlots: 'auto',
        seedChoking: 'round-robin',
        logLevel: 'silent',
        version: '1.2.3',
      });
      expect(settings.limits).to.include({
        dialTimeoutMs: 10_000,
        handshakeTimeoutMs: 10_000,
        requestTimeoutMs: 20_000,
        idleTimeoutMs: 240_000,
      });
    });

    for (const { name, low, high, set, get } of NUMBERS) {
      it(`${name}: whole numbers from ${low} to ${high}`, () => {
        for (const value of [low, high]) expect(get(settingsOf(set(value)))).to.equal(value);
        for (const value of [low - 1, high + 1, low + 0.5, NaN, Infinity, String(low), true, {}]) {
          const error = refusal(() => settingsOf(set(value)));
          expect(error.code).to.equal('bad-option');
          expect(error.message).to.equal(
            `option ${name} must be ${SPECIAL[name] ?? ''}a whole number from ${low} to ${high}, not ${shown(value)}`,
          );
          expect(error.details.option).to.equal(name);
        }
      });
    }

    it('listens nowhere when the port is null', () => {
      expect(settingsOf({ port: null }).port).to.equal(undefined);
    });

    it('limits connections per torrent to those in all, unless set explicitly', () => {
      expect(settingsOf({ maxConnections: 30 }).maxConnectionsPerTorrent).to.equal(30);
      // The thread keeps 64 more while the coordinator decides which to close.
      expect(settingsOf({ maxConnections: 30 }).limits.maxConnections).to.equal(94);
    });

    it('takes the level from the logger, so that unwanted records are never made', () => {
      const logger = Object.fromEntries(
        ['trace', 'debug', 'info', 'warn', 'error', 'fatal'].map((level) => [
          level,
          () => undefined,
        ]),
      );
      expect(settingsOf({ logger }).logLevel).to.equal('info');
      expect(settingsOf({ logger: { ...logger, level: 'warn' } }).logLevel).to.equal('warn');
    });
  });

  it('maxMetadataBytes: 16 KiB to 64 MiB, 32 MiB by default', () => {
    expect(addOptions({}).maxMetadataBytes).to.equal(32 * 2 ** 20);
    for (const value of [2 ** 14, 2 ** 26])
      expect(addOptions({ maxMetadataBytes: value }).maxMetadataBytes).to.equal(value);
    for (const value of [2 ** 14 - 1, 2 ** 26 + 1, 0, '32M', 1.5, null]) {
      expect(() => addOptions({ maxMetadataBytes: value }))
        .to.throw(MillraceError, /maxMetadataBytes must be a whole number from 16384 to 67108864/)
        .with.property('code', 'bad-option');
    }
  });

  it('announceToAll: none, tiers or trackers', () => {
    const announceToAll = (value: unknown): unknown =>
      addOptions({ announceToAll: value }).announceToAll;
    expect(announceToAll(undefined)).to.equal('none');
    for (const value of ['none', 'tiers', 'trackers']) {
      expect(announceToAll(value)).to.equal(value);
    }
    for (const value of ['', 'all', 'Tiers', true, null, 1]) {
      expect(() => announceToAll(value))
        .to.throw(MillraceError, /announceToAll must be "none", "tiers" or "trackers"/)
        .with.property('code', 'bad-option');
    }
  });

  describe('peerAddress', () => {
    for (const [text, host, port] of [
      ['127.0.0.1:6881', '127.0.0.1', 6881],
      ['  example.org:1  ', 'example.org', 1],
      ['[::1]:65535', '::1', 65_535],
      ['[2001:db8::7]:51413', '2001:db8::7', 51_413],
      ['[fe80::1%eth0]:80', 'fe80::1%eth0', 80],
      ['[::ffff:10.0.0.1]:80', '::ffff:10.0.0.1', 80],
    ] as const) {
      it(`reads ${JSON.stringify(text)}`, () => {
        expect(peerAddress(text)).to.deep.equal({ host, port });
      });
    }

    it('takes an object, and nothing else of it', () => {
      expect(peerAddress({ host: '::1', port: 9, extra: 1 } as never)).to.deep.equal({
        host: '::1',
        port: 9,
      });
    });

    for (const bad of [
      '',
      '127.0.0.1',
      ':6881',
      'host:',
      'host:0',
      'host:65536',
      'host:123456',
      'host:-1',
      'host:1.5',
      'host:0x10',
      '::1:6881',
      '[]:6881',
      '[::1]',
      '[::1]6881',
      'two words:1',
      'http://host:80',
      { host: '', port: 1 },
      { host: 'h', port: 0 },
      { host: 'h', port: 70_000 },
      { host: 'h', port: 1.5 },
      { host: 'h', port: '1' },
    ] as const) {
      it(`refuses ${JSON.stringify(bad)}`, () => {
        const error = refusal(() => peerAddress(bad as never));
        expect(error.code).to.equal('bad-peer-address');
        expect(error.message).to.include('write HOST:PORT or [IPV6]:PORT');
      });
    }
  });
});
