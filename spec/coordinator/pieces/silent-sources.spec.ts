// A source that lets all requests time out without a single byte.

import { expect } from 'chai';
import type { WhyReturned } from '../../../lib/messages/peer-thread';
import { SimDesk } from '../../support/sim-desk';
import { KIB } from '../../support/sim-torrent';

const SHAPE = { totalLengthBytes: 512 * KIB, pieceLengthBytes: 64 * KIB };
const TIMEOUT_MS = 20_000;

/** A download from a peer that was dialled, and from others. */
async function download(others = 0) {
  const { desk, engine, torrent } = await SimDesk.with(SHAPE, {
    request: { peers: [{ host: '10.0.0.9', port: 6881 }] },
  });
  const [dial] = engine.ordersOf('dial');
  if (dial === undefined) throw new Error('no dial');
  const { host, port } = dial;
  const lone = desk.connect(torrent, { dial: dial.dial, host, port, creditBlocks: 2 });
  for (let n = 0; n < others; n++) desk.connect(torrent);
  let credit = 2;
  const timesOut = (why: WhyReturned): void => {
    engine.pass(TIMEOUT_MS);
    const lease = desk.leases(lone).at(-1);
    if (lease === undefined) throw new Error('no lease');
    desk.giveBack(lease, lease.firstBlock, lease.blockCount, why);
    desk.want(lone, (credit += 2));
  };
  return { desk, engine, torrent, lone, timesOut };
}

describe('coordinator/silent-sources', () => {
  it('the only one is closed at its second time-out, and dialled again', async () => {
    const { desk, engine, lone, timesOut } = await download();
    timesOut('silent');
    expect(engine.ordersOf('close')).to.deep.equal([]);
    timesOut('silent');
    expect(engine.ordersOf('close')).to.deep.equal([
      { type: 'close', connection: lone, reason: 'silent' },
    ]);
    engine.orders = [];
    desk.close(lone, 'silent');
    engine.pass(3_000);
    expect(engine.ordersOf('dial').map(({ host }) => host)).to.deep.equal(['10.0.0.9']);
  });

  it('one that sends something, or a block in between, is no such source', async () => {
    const { engine, lone, timesOut } = await download();
    for (let time = 0; time < 4; time++) timesOut('late');
    for (let time = 0; time < 4; time++) {
      timesOut('silent');
      engine.facts({ type: 'traffic', rows: [lone, 1, 0, 0] });
    }
    expect(engine.ordersOf('close')).to.deep.equal([]);
  });

  it('stays while another source serves us', async () => {
    const { engine, timesOut } = await download(1);
    for (let time = 0; time < 4; time++) timesOut('silent');
    expect(engine.ordersOf('close')).to.deep.equal([]);
  });

  it('stays if it cannot be dialled', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHAPE);
    const incoming = desk.connect(torrent, { creditBlocks: 2 });
    for (let time = 1; time < 5; time++) {
      engine.pass(TIMEOUT_MS);
      const lease = desk.leases(incoming).at(-1);
      if (lease) desk.giveBack(lease, lease.firstBlock, lease.blockCount, 'silent');
      desk.want(incoming, 2 + 2 * time);
    }
    expect(engine.ordersOf('close')).to.deep.equal([]);
  });
});
