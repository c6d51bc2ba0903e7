// Wrong bytes: the peer that sent them is found and banned, no other peer is, and the download ends
// byte for byte.

import { expect } from 'chai';
import type { Torrent } from '../../lib/index';
import { MIB, Payload } from '../support/payload';
import type { ScriptedSeed } from '../support/faults/seed';
import {
  SPEC_TIMEOUT_MS,
  Swarm,
  nextEvent,
  untilMemoryIsBack,
  untilStats,
  within,
} from '../support/swarm';

interface PieceFailed {
  readonly piece: number;
  readonly suspects: readonly string[];
  readonly banned: readonly string[];
}

/** Changes one byte of every block. */
const lie = (_piece: number, _begin: number, block: Buffer): void => {
  block[7] = (block[7] ?? 0) ^ 0xff;
};

/** Watches who is banned, for as long as the torrent lives. */
function bans(torrent: Torrent): Set<string> {
  const banned = new Set<string>();
  torrent.on('peerClosed', ({ reason, host, port }) => {
    if (reason === 'banned') banned.add(`${host}:${port}`);
  });
  return banned;
}

function addresses(...seeds: readonly ScriptedSeed[]): string[] {
  return seeds.map((seed) => seed.address);
}

describe('engine against liars', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  it('bans a lone liar and waits for others', async () => {
    const payload = new Payload({ lengthBytes: MIB });
    const [liar, honest] = [await swarm.seed(payload, { alter: lie }), await swarm.seed(payload)];
    const output = await swarm.folder();
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output, peers: addresses(liar) });
    const banned = bans(torrent);
    const failed = await nextEvent<PieceFailed>(torrent, 'pieceFailed');
    expect(failed).to.deep.include({ suspects: [liar.address], banned: [liar.address] });
    await untilStats(torrent, 'the liar to be gone', ({ peers }) => peers.known === 0);
    expect(torrent.stats().phase).to.equal('downloading');
    await torrent.addPeer(liar.address); // does not help it
    await torrent.addPeer(honest.address);
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    expect([...banned]).to.deep.equal([liar.address]);
    expect(liar.connections).to.equal(1);
    expect(torrent.stats().wastedBytes).to.be.greaterThan(0);
    await untilMemoryIsBack(engine);
  });

  it('bans the one that lies now and then among honest ones that share its pieces', async () => {
    // One piece, filled by all of them together: only the second copy identifies the liar.
    const payload = new Payload({ lengthBytes: 2 * MIB, pieceLengthBytes: 2 * MIB });
    let lies = 0;
    const script = { bytesPerSec: MIB };
    const liar = await swarm.seed(payload, {
      ...script,
      alter: (piece, begin, block) => {
        if (lies++ % 3 === 2) lie(piece, begin, block);
      },
    });
    const honest = [await swarm.seed(payload, script), await swarm.seed(payload, script)];
    const output = await swarm.folder();
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, {
      output,
      peers: addresses(liar, ...honest),
    });
    const banned = bans(torrent);
    const first = nextEvent<PieceFailed>(torrent, 'pieceFailed');
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    const { suspects, banned: atOnce } = await first;
    expect(suspects).to.have.length.greaterThan(1);
    expect(atOnce).to.deep.equal([]);
    expect([...banned]).to.deep.equal([liar.address]);
    await untilMemoryIsBack(engine);
  });

  it('finds two liars among honest ones', async () => {
    const payload = new Payload({ lengthBytes: 4 * MIB, pieceLengthBytes: 65_536 });
    const liars = [
      await swarm.seed(payload, { alter: lie }),
      await swarm.seed(payload, {
        alter: (piece, begin, block) => {
          if (piece % 4 === 0) lie(piece, begin, block);
        },
      }),
    ];
    // Slow, so that the liars get their share.
    const honest = [
      await swarm.seed(payload, { bytesPerSec: 2 * MIB }),
      await swarm.seed(payload, { bytesPerSec: 2 * MIB }),
    ];
    const output = await swarm.folder();
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, {
      output,
      peers: addresses(...liars, ...honest),
    });
    const banned = bans(torrent);
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    expect([...banned].sort()).to.deep.equal(addresses(...liars).sort());
    expect(torrent.stats().piecesFailed).to.be.greaterThan(1);
    await untilMemoryIsBack(engine);
  });
});
