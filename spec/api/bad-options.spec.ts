// Every public function with every kind of wrong value in each of its options: always `bad-option` (or
// the code that the option has of its own), never a raw TypeError, and nothing is left behind.

import { expect } from 'chai';
import {
  Coordinator,
  EngineThreads,
  MillraceError,
  Torrent,
  announce,
  createTorrent,
  diagnose,
  hexDump,
  isTrackerUrl,
  namesOnDisk,
  readTorrent,
  redactUrl,
  scrape,
  share,
  startTracker,
  verifyTorrent,
} from '../../lib/index';
import { Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm } from '../support/swarm';
import { TempTree } from './temp-tree';

type Call = (options: unknown) => Promise<unknown>;

const throwing = {
  get(): never {
    throw new RangeError('a getter of mine');
  },
};

/** Wrong for every option there is, but those named. */
const WRONG: Readonly<Record<string, unknown>> = {
  null: null,
  number: 4.5,
  NaN,
  huge: 1e300,
  negative: -1,
  bigint: 10n,
  symbol: Symbol('s'),
  boolean: true,
  text: 'x\0y',
  empty: '',
  function: () => 1,
  list: [null],
  object: { wrong: true },
  bare: Object.create(null) as unknown,
  revoked: revoked(),
};

/** Values of these kinds are right for the option. */
const RIGHT: Readonly<Record<string, readonly string[]>> = {
  'start.port': ['null'],
  'start.timeouts': ['object', 'bare'],
  'start.ipFilter': ['object', 'bare'],
  'createTorrent.creationDateSec': ['null'],
  'createTorrent.comment': ['text', 'empty'],
  'share.creationDateSec': ['null'],
  'share.comment': ['text', 'empty'],
  'startTracker.limits': ['object', 'bare'],
  'share.engine': ['object', 'bare'],
};

/** Kinds that are right wherever the option is of this type. */
const FLAGS = ['boolean'];
const CALLBACKS = ['function'];
const FLAG_NAMES = new Set([
  'multiplePerAddress',
  'download',
  'seed',
  'superSeed',
  'force',
  'adopt',
  'followLinks',
  'recheck',
  'private',
  'showSecrets',
  'statsPage',
  'forget',
]);
const CALLBACK_NAMES = new Set([
  'onProgress',
  'onVerifyProgress',
  'onReport',
  'onFinding',
  'now',
  'random',
]);

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

async function failureOf(call: () => Promise<unknown>): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('api: wrong options', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const payload = new Payload({ lengthBytes: 20_000 });
  const swarm = new Swarm();
  let tree: TempTree;
  let engine: Coordinator;
  let source: string;

  before(async () => {
    tree = new TempTree();
    source = tree.write('data.bin', 100);
    engine = await swarm.engine();
  });
  after(async () => {
    await swarm.close();
    tree.remove();
  });

  const functions: Readonly<Record<string, { call: Call; options: readonly string[] }>> = {
    start: {
      call: (options) => Coordinator.start(options as object),
      options: [
        'peerThreads',
        'verifyThreads',
        'memoryBytes',
        'port',
        'host',
        'maxConnections',
        'maxConnectionsPerTorrent',
        'connectionsPerAddress',
        'multiplePerAddress',
        'maxHalfOpen',
        'dialsPerSec',
        'uploadSlots',
        'seedChoking',
        'downLimitBytesPerSec',
        'upLimitBytesPerSec',
        'peerDownLimitBytesPerSec',
        'peerUpLimitBytesPerSec',
        'limitSchedule',
        'ipFilter',
        'bind',
        'announceAddress',
        'announcePort',
        'dscp',
        'timeouts',
        'trace',
        'logger',
        'threads',
        'signal',
      ],
    },
    add: {
      call: (options) => engine.add(payload.torrent, options as object),
      options: [
        'output',
        'peers',
        'download',
        'seed',
        'superSeed',
        'force',
        'adopt',
        'followLinks',
        'recheck',
        'maxMetadataBytes',
        'announceToAll',
        'downLimitBytesPerSec',
        'upLimitBytesPerSec',
        'peerDownLimitBytesPerSec',
        'peerUpLimitBytesPerSec',
        'storage',
        'signal',
      ],
    },
    createTorrent: {
      call: (options) => createTorrent(source, options as object),
      options: [
        'threads',
        'onProgress',
        'trackers',
        'pieceLengthBytes',
        'private',
        'comment',
        'links',
        'creationDateSec',
        'signal',
      ],
    },
    verifyTorrent: {
      call: (options) => verifyTorrent(payload.torrent, options as { data: string }),
      options: ['data', 'threads', 'onProgress', 'signal'],
    },
    readTorrent: {
      call: (options) => readTorrent(payload.torrent, options as object),
      options: ['signal'],
    },
    startTracker: {
      call: (options) => startTracker(options as object),
      options: [
        'host',
        'port',
        'udpPort',
        'intervalSec',
        'whitelist',
        'limits',
        'statsPage',
        'now',
        'random',
      ],
    },
    share: {
      call: (options) => share(source, options as object),
      options: [
        'host',
        'port',
        'threads',
        'onProgress',
        'onVerifyProgress',
        'pieceLengthBytes',
        'private',
        'comment',
        'creationDateSec',
        'engine',
        'signal',
      ],
    },
    announce: {
      call: (options) => announce(payload.torrent, options as object),
      options: [
        'trackers',
        'timeoutMs',
        'showSecrets',
        'onReport',
        'event',
        'port',
        'numWant',
        'signal',
      ],
    },
    scrape: {
      call: (options) => scrape(payload.torrent, options as object),
      options: ['trackers', 'timeoutMs', 'showSecrets', 'onReport', 'signal'],
    },
    diagnose: {
      call: (options) => diagnose(payload.torrent, options as object),
      options: [
        'output',
        'peers',
        'samplePeers',
        'port',
        'timeoutMs',
        'showSecrets',
        'onFinding',
        'signal',
      ],
    },
  };

  for (const [name, { call, options }] of Object.entries(functions)) {
    it(`${name}: options that are no object, or cannot be read`, async () => {
      for (const value of [null, 5, 'text', Symbol('s'), () => 1, 1n]) {
        expect(await failureOf(() => call(value)), String(value)).to.include({
          code: 'bad-option',
        });
      }
      for (const option of options) {
        const error = await failureOf(() => call(Object.defineProperty({}, option, throwing)));
        expect(error, option).to.be.instanceOf(MillraceError);
        expect(error, option).to.include({
          code: 'bad-option',
          message: `option ${option} cannot be read: a getter of mine`,
        });
        expect((error as MillraceError).details).to.deep.equal({ option });
      }
    });

    for (const option of options) {
      it(`${name}: ${option}`, async () => {
        const right = [
          ...(RIGHT[`${name}.${option}`] ?? []),
          ...(FLAG_NAMES.has(option) ? FLAGS : []),
          ...(CALLBACK_NAMES.has(option) ? CALLBACKS : []),
        ];
        for (const [kind, value] of Object.entries(WRONG)) {
          if (right.includes(kind)) continue;
          const error = await failureOf(() => call({ [option]: value }));
          expect(error, `${kind}: ${String((error as Error | undefined)?.stack)}`).to.be.instanceOf(
            MillraceError,
          );
          const { code, message } = error as MillraceError;
          expect(['bad-option', 'bad-peer-address'], message).to.include(code);
          expect(message).to.match(/ must | is not a peer address: write | needs | cannot be read/);
        }
        expect(engine.torrents).to.deep.equal([]);
      });
    }
  }

  it('add: storage options that cannot cross to another thread leave no torrent', async () => {
    const inner = [
      () => 1,
      Symbol('s'),
      Object.defineProperty({}, 'x', { ...throwing, enumerable: true }),
    ];
    for (const options of inner) {
      const add = (): Promise<unknown> =>
        engine.add(payload.torrent, { output: tree.root, storage: { module: '/x', options } });
      expect(await failureOf(add)).to.include({ code: 'bad-option' });
      expect(engine.torrents).to.deep.equal([]);
    }
    // Nothing of it is left: the same torrent can be added.
    const torrent = await engine.add(payload.torrent, { output: tree.root });
    await torrent.remove();
  });

  it('sources that are none', async () => {
    const half = { ...payload.metainfo, pieceHashes: 1 };
    for (const value of [...Object.values(WRONG), undefined, half]) {
      const error = await failureOf(() => readTorrent(value as string));
      expect(error).to.be.instanceOf(MillraceError);
      expect(['bad-option', 'torrent-unreadable']).to.include((error as MillraceError).code);
      expect(await failureOf(() => engine.add(value as string))).to.be.instanceOf(MillraceError);
    }
    expect(engine.torrents).to.deep.equal([]);
    for (const path of [undefined, null, 5, '', 'x\0y', Symbol('s')]) {
      expect(await failureOf(() => createTorrent(path as string))).to.include({
        code: 'bad-option',
      });
      expect(await failureOf(() => share(path as string))).to.include({ code: 'bad-option' });
    }
    expect(await failureOf(() => verifyTorrent(payload.torrent, undefined as never))).to.include({
      code: 'bad-option',
    });
  });

  it('functions that need no engine', async () => {
    const { metainfo, torrent } = payload;
    for (const [kind, value] of [...Object.entries(WRONG), ['undefined', undefined] as const]) {
      const wrong = value as never;
      expect(isTrackerUrl(value), kind).to.equal(false);
      if (typeof value !== 'string')
        expect(() => redactUrl(wrong), kind).to.throw(
          MillraceError,
          /^option url must be text, not/,
        );
      expect(() => hexDump(wrong), kind).to.throw(
        MillraceError,
        /^option bytes (must be bytes|cannot be read)/,
      );
      if (value !== undefined)
        expect(() => hexDump(torrent, wrong), kind).to.throw(MillraceError, /^option ranges/);
      expect(() => hexDump(torrent, [wrong]), kind).to.throw(
        MillraceError,
        /^option ranges(\[0\] | cannot be read)/,
      );
      if (!['undefined', 'object', 'bare', 'revoked'].includes(kind))
        expect(() => hexDump(torrent, [], wrong), kind).to.throw(MillraceError, /hexDump/);
      expect(await failureOf(() => namesOnDisk(wrong, '.')), kind).to.include({
        code: 'bad-option',
      });
      expect(await failureOf(() => namesOnDisk(metainfo, wrong)), kind).to.include({
        code: 'bad-option',
      });
      // The constructors are not for embedders, and say who is.
      for (const made of [Coordinator, Torrent] as unknown as (new (first: unknown) => unknown)[])
        expect(() => new made(value), kind).to.throw(MillraceError, / is made by /);
    }
  });

  it('verbs of a tracker', async () => {
    const tracker = await startTracker({ port: 0 });
    try {
      for (const [kind, value] of Object.entries(WRONG)) {
        const wrong = value as never;
        expect(() => tracker.allow(wrong), kind).to.throw(
          MillraceError,
          / info hash |^option infoHash cannot be read/,
        );
        expect(() => tracker.publish(wrong, payload.torrent), kind).to.throw(MillraceError);
        expect(() => tracker.publish('a.torrent', wrong), kind).to.throw(
          MillraceError,
          /^option torrent (must be bytes|cannot be read)/,
        );
      }
    } finally {
      await tracker.close();
    }
  });

  it('a message names every value that is allowed', async () => {
    const start = (): Promise<unknown> => Coordinator.start({ port: -1 });
    expect(await failureOf(start)).to.have.property(
      'message',
      'option port must be null or a whole number from 0 to 65535, not -1',
    );
    const track = (options: object) => (): Promise<unknown> => startTracker(options);
    expect(await failureOf(track({ udpPort: true }))).to.have.property(
      'message',
      'option udpPort must be false or a whole number from 0 to 65535, not true',
    );
    expect(await failureOf(track({ limits: { maxPeers: 0 } }))).to.have.property(
      'message',
      'option limits.maxPeers must be Infinity or a whole number from 1 to 2147483648, not 0',
    );
  });

  it('EngineThreads, and verbs of a torrent', async () => {
    for (const [kind, value] of Object.entries(WRONG)) {
      expect(() => new EngineThreads(value as number), kind).to.throw(
        MillraceError,
        /^option peerThreads /,
      );
    }
    const torrent = await engine.add(payload.torrent, { output: tree.root });
    for (const [kind, value] of Object.entries(WRONG)) {
      const peer = await failureOf(() => torrent.addPeer(value as string));
      expect(peer, kind).to.include({
        code: kind === 'revoked' ? 'bad-option' : 'bad-peer-address',
      });
      for (const options of [{ intervalMs: value }, { signal: value }]) {
        const read = await failureOf(() => torrent.progress(options as object).next());
        expect(read, kind).to.include({ code: 'bad-option' });
      }
      if (kind !== 'boolean') {
        const remove = (): Promise<void> => torrent.remove({ forget: value as boolean });
        expect(await failureOf(remove), kind).to.include({ code: 'bad-option' });
      }
      const kill = (): Promise<unknown> => engine.killThread(value as 'peer');
      expect(await failureOf(kill), kind).to.include({ code: 'bad-option' });
    }
    await torrent.remove();
  });
});
