import { expect } from 'chai';
import { SimDesk } from '../support/sim-desk';
import { Departed } from '../../lib/coordinator/departed';

describe('coordinator/departed', () => {
  const identity = (id: number) => ({
    id,
    name: `h:${id}`,
    host: 'h',
    port: id,
    peerId: `p${id}`,
  });

  it('finds who was behind a connection that is gone', () => {
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
