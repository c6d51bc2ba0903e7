import { expect } from 'chai';
import fc from 'fast-check';
import { BlockWitness, Departed } from '../../../lib/coordinator/pieces/witness';
import { SimDesk } from '../../support/sim-desk';

/** Digests of blocks: the right one of block i is twenty times i, a wrong one has a 255. */
function digests(wrong: readonly boolean[]): Uint8Array {
  const bytes = new Uint8Array(20 * wrong.length);
  wrong.forEach((isWrong, block) => {
    bytes.fill(block, 20 * block, 20 * block + 20);
    if (isWrong) bytes[20 * block + 19] = 255;
  });
  return bytes;
}

describe('coordinator/witness', () => {
  it('suspects every peer that filled a block of a failed attempt', () => {
    const witness = new BlockWitness();
    witness.failed(['a', 'b', 'a'], digests([true, false, false]));
    witness.failed(['c', 'c', 'c'], digests([false, true, false]));
    expect([...witness.suspects()]).to.have.members(['a', 'b', 'c']);
  });

  it('convicts no peer before there is a good copy', () => {
    expect(new BlockWitness().liars(digests([false])).size).to.equal(0);
  });

  it('convicts exactly those whose block differs, over all attempts', () => {
    const witness = new BlockWitness();
    witness.failed(['a', 'b', 'c'], digests([true, false, false]));
    witness.failed(['b', 'b', 'd'], digests([false, false, true]));
    expect([...witness.liars(digests([false, false, false]))]).to.have.members(['a', 'd']);
  });

  it('keeps a bounded number of attempts', () => {
    const witness = new BlockWitness();
    for (let attempt = 0; attempt < 100; attempt++)
      witness.failed([`peer ${attempt}`], digests([true]));
    expect(witness.suspects().size).to.be.at.most(8);
  });

  it('never convicts an innocent and never misses a liar', () => {
    const attempt = fc.array(
      fc.record({ filler: fc.constantFrom('a', 'b', 'c', 'd'), wrong: fc.boolean() }),
      { minLength: 5, maxLength: 5 },
    );
    fc.assert(
      fc.property(fc.array(attempt, { maxLength: 8 }), (attempts) => {
        const witness = new BlockWitness();
        const liars = new Set<string>();
        for (const blocks of attempts) {
          witness.failed(
            blocks.map(({ filler }) => filler),
            digests(blocks.map(({ wrong }) => wrong)),
          );
          for (const { filler, wrong } of blocks) if (wrong) liars.add(filler);
        }
        const found = witness.liars(digests([false, false, false, false, false]));
        expect([...found].sort()).to.deep.equal([...liars].sort());
      }),
      { numRuns: 200 },
    );
  });
});

describe('coordinator/witness: closed connections', () => {
  const identity = (id: number) => ({
    id,
    name: `h:${id}`,
    host: 'h',
    port: id,
    peerId: `p${id}`,
  });

  it('finds the peer behind a closed connection', () => {
    const departed = new Departed();
    departed.note(identity(33));
    expect(departed.find(33)).to.deep.equal(identity(33));
    expect(departed.find(34)).to.equal(undefined);
  });

  it('keeps only the identity of a peer that is gone', async () => {
    const { desk, engine, torrent } = await SimDesk.with({
      totalLengthBytes: 1,
      pieceLengthBytes: 1,
    });
    const peer = desk.connect(torrent, { host: 'h', port: 7, peerId: 'p' });
    desk.close(peer);
    const { peerId, ...rest } = engine.state.departed.find(peer) ?? {};
    expect(rest).to.deep.equal({ id: peer, name: 'h:7', host: 'h', port: 7 });
    expect(peerId).to.be.a('string');
  });

  it('drops the oldest beyond 4,096', () => {
    const departed = new Departed();
    for (let id = 0; id < 5_000; id++) departed.note(identity(id));
    expect(departed.find(5_000 - 4_096 - 1)).to.equal(undefined);
    expect(departed.find(5_000 - 4_096)).to.deep.equal(identity(5_000 - 4_096));
    expect(departed.find(4_999)).to.deep.equal(identity(4_999));
  });
});
