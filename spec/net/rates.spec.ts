// Rate limits on real sockets. Grants are the clock: what moves depends on them, and on no time.

import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BLOCK_LENGTH_BYTES, MIB } from '../../lib/bytes/lengths';
import type { RateGate } from '../../lib/messages/peer-thread';
import { patternBytes } from '../support/pair';
import { Actor, emptyCopy, torrentOf } from './actor';

const TOTAL = 3 * MIB;
/** The most that one read brings. */
const READ_BYTES = 262_144;
const GATE: RateGate = { peerBytesPerSec: undefined, lowered: true };
const [DOWN, UP] = [0, 1];

/** The figures of the latest row of a direction. */
interface Row {
  readonly active: number;
  readonly wantBlocks: number;
  readonly usedBytes: number;
  readonly returnedBytes: number;
}

describe('net/rates', () => {
  const actors: Actor[] = [];
  const content = patternBytes(TOTAL);
  let root = '';

  before(() => {
    root = mkdtempSync(path.join(os.tmpdir(), 'millrace-rates-'));
    writeFileSync(path.join(root, 'x'), content);
  });
  afterEach(async () => {
    await Promise.all(actors.splice(0).map((made) => made.stop()));
  });
  after(() => rmSync(root, { recursive: true }));

  function pair(): { seeder: Actor; leecher: Actor; downloaded: Promise<Buffer> } {
    const [seeder, leecher] = [new Actor({ thread: 1 }), new Actor({ thread: 2 })];
    actors.push(seeder, leecher);
    const storage = { module: 'files', key: 'rates', root };
    const files = [{ path: 'x', lengthBytes: TOTAL }];
    const whole = torrentOf({ pieceLengthBytes: 262_144, files, storage, have: 'all' });
    const wanted = emptyCopy(whole);
    seeder.order({ type: 'open-torrent', torrent: whole });
    leecher.order({ type: 'open-torrent', torrent: wanted });
    seeder.seed();
    return { seeder, leecher, downloaded: leecher.download(wanted) };
  }

  async function connect(leecher: Actor, seeder: Actor): Promise<void> {
    const port = await seeder.listen();
    leecher.order({ type: 'dial', dial: 5, torrent: 1, host: '127.0.0.1', port });
  }

  function limit(actor: Actor, down: RateGate | undefined, up: RateGate | undefined): void {
    actor.order({ type: 'limit-rates', torrent: 1, down, up });
  }

  /** Grants blocks, and returns the report on the grant before. */
  function grant(actor: Actor, direction: number, blocks: number): Row {
    actor.order({ type: 'grant-rates', rows: [1, direction, blocks] });
    const rows = actor.of('rates').at(-1)?.rows ?? [];
    expect(rows.slice(0, 2)).to.deep.equal([1, direction]);
    const [active = 0, wantBlocks = 0, usedBytes = 0, returnedBytes = 0] = rows.slice(2);
    return { active, wantBlocks, usedBytes, returnedBytes };
  }

  /** Grants blocks again and again until they are used; resolves to how many bytes were. */
  async function use(actor: Actor, direction: number, blocks: number): Promise<number> {
    grant(actor, direction, blocks);
    for (;;) {
      await new Promise((done) => setImmediate(done));
      const { usedBytes } = grant(actor, direction, 0);
      if (usedBytes > 0) return usedBytes;
      grant(actor, direction, blocks);
    }
  }

  for (const direction of [DOWN, UP]) {
    it(`${direction === UP ? 'sends' : 'requests'} nothing without credit, and never more than its credit`, async () => {
      const { seeder, leecher, downloaded } = pair();
      const limited = direction === UP ? seeder : leecher;
      limit(limited, direction === DOWN ? GATE : undefined, direction === UP ? GATE : undefined);
      await connect(leecher, seeder);
      const demand = await limited.fact('rates');
      expect(demand.rows).to.deep.equal([1, direction, 1, Infinity, 0, 0]);
      expect(grant(limited, direction, 0)).to.deep.equal({
        active: 1,
        wantBlocks: Infinity,
        usedBytes: 0,
        returnedBytes: 0,
      });
      let used = 0;
      for (const blocks of [1, 3, 2]) {
        const more = await use(limited, direction, blocks);
        expect(more).to.be.at.most(blocks * BLOCK_LENGTH_BYTES);
        used += more;
      }
      limit(limited, undefined, undefined);
      expect((await downloaded).equals(content)).to.equal(true);
      expect(used).to.be.below(TOTAL);
    });

    it(`keeps the limit of each peer, ${direction === UP ? 'up' : 'down'}`, async () => {
      const { seeder, leecher, downloaded } = pair();
      const limited = direction === UP ? seeder : leecher;
      const gate = { peerBytesPerSec: 1, lowered: true };
      limit(limited, direction === DOWN ? gate : undefined, direction === UP ? gate : undefined);
      await connect(leecher, seeder);
      await limited.fact('rates');
      // The first block is a debt that takes hours to pay.
      const used = await use(limited, direction, Infinity);
      expect(used).to.equal(BLOCK_LENGTH_BYTES);
      for (let round = 0; round < 20; round++) {
        expect(grant(limited, direction, Infinity).usedBytes).to.equal(0);
        await new Promise((done) => setImmediate(done));
      }
      limit(limited, undefined, undefined);
      expect((await downloaded).equals(content)).to.equal(true);
    });
  }

  it('does not read what exceeds a limit that fell, until there is credit for it', async () => {
    const { seeder, leecher, downloaded } = pair();
    // The seeder answers nothing before the limit falls, so that all requests are in flight then.
    limit(seeder, undefined, GATE);
    await connect(leecher, seeder);
    await seeder.fact('rates');
    limit(leecher, GATE, undefined);
    limit(seeder, undefined, undefined);
    // It reads once, sees that it has no credit, and waits for some.
    await leecher.fact('rates');
    const report = grant(leecher, DOWN, 0);
    expect(report.usedBytes).to.be.within(1, READ_BYTES);
    let held = 0;
    for (let round = 0; round < 20; round++) {
      await new Promise((done) => setImmediate(done));
      held += grant(leecher, DOWN, 0).usedBytes;
    }
    expect(held).to.equal(0);
    // A block of credit lets it read on, once.
    expect(await use(leecher, DOWN, 1)).to.be.within(1, READ_BYTES);
    limit(leecher, undefined, undefined);
    expect((await downloaded).equals(content)).to.equal(true);
    expect(leecher.of('lease-returned')).to.deep.equal([]);
  });
});
