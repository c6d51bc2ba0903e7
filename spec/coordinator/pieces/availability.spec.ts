import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import { KIB, MIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };

describe('coordinator/availability', () => {
  describe('interest', () => {
    it('is reported when the peer has something we lack, and not before', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: [0, 1] });
      const peer = desk.connect(torrent, { have: [0, 1] });
      expect(engine.ordersOf('interest')).to.have.length(0);
      engine.facts({ type: 'peer-have', connection: peer, pieces: [1] });
      expect(engine.ordersOf('interest')).to.have.length(0);
      engine.facts({ type: 'peer-have', connection: peer, pieces: [2, 3] });
      engine.facts({ type: 'peer-have', connection: peer, pieces: [4] });
      expect(engine.ordersOf('interest')).to.deep.equal([
        { type: 'interest', connection: peer, interested: true },
      ]);
    });

    it('is withdrawn when the peer has nothing more for us', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const peer = desk.connect(torrent, { have: [5, 6], creditBlocks: 8 });
      const other = desk.connect(torrent, { have: [7] });
      await desk.serveAll(peer);
      expect(engine.ordersOf('interest', peer).map(({ interested }) => interested)).to.deep.equal([
        true,
        false,
      ]);
      expect(engine.ordersOf('interest', other)).to.have.length(1);
      expect(desk.peer(peer).usefulPieces).to.equal(0);
    });
  });

  describe('what peers have', () => {
    it('makes a seed of a peer that gets its last piece', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const peer = desk.connect(torrent, { have: [0] });
      expect(desk.peer(peer).isSeed).to.equal(false);
      const rest = Array.from({ length: 15 }, (_, piece) => piece + 1);
      engine.facts({ type: 'peer-have', connection: peer, pieces: [...rest, 3] });
      expect(desk.peer(peer).isSeed).to.equal(true);
      expect(torrent.state.content.possession.picker.availability(7)).to.equal(1);
      desk.close(peer);
      expect(torrent.state.content.possession.picker.availability(7)).to.equal(0);
    });

    it('is counted a part at a time where long bitfields come and go, and right in the end', async () => {
      const LONG = { totalLengthBytes: 4 * 100_000, pieceLengthBytes: 4 };
      const { desk, engine, torrent } = await SimDesk.with(LONG);
      const { picker } = torrent.state.content.possession;
      const have = Array.from({ length: 90_000 }, (_, piece) => piece);
      const stays = desk.connect(torrent, { have, unchoke: false });
      for (let time = 0; time < 20; time++) desk.close(desk.connect(torrent, { have }));
      const late = desk.connect(torrent, { have: [89_999], unchoke: false });
      expect(engine.ordersOf('interest', late)).to.have.length(1);
      expect(engine.state.countingSteps.balance(engine.nowMs())).to.be.within(-10, 1);
      engine.pass(5000);
      expect(picker.availability(1)).to.equal(1);
      expect(picker.availability(89_999)).to.equal(2);
      desk.close(stays);
      desk.close(late);
      engine.pass(5000);
      expect([picker.availability(1), picker.availability(89_999)]).to.deep.equal([0, 0]);
      expect(engine.state.counting.size).to.equal(0);
    });

    it('is known of a peer that sends single pieces and no bitfield', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: [3] });
      const { picker } = torrent.state.content.possession;
      const [connection, id] = [32 * 50, torrent.state.id];
      const peerId = Buffer.alloc(20, 1);
      engine.facts({
        type: 'connected',
        connection,
        torrent: id,
        host: '10.3.0.1',
        port: 7,
        peerId,
      });
      for (const piece of [3, 5, 3])
        engine.facts({ type: 'peer-have', connection, pieces: [piece] });
      expect([3, 4, 5].map((piece) => picker.availability(piece))).to.deep.equal([1, 0, 1]);
      expect(desk.peer(connection), 'piece 3 is here').to.include({
        haveCount: 2,
        usefulPieces: 1,
      });
      desk.close(connection);
      expect(picker.availability(5)).to.equal(0);
    });

    it('is of no account of connections that are gone, and where the content is not known', async () => {
      const { desk, engine } = await SimDesk.with(SHORT);
      const { state } = await desk.addUnknown({ ...SHORT, seed: 2 });
      const [connection, torrent] = [32 * 50, state.id];
      const peerId = Buffer.alloc(20, 1);
      engine.facts({ type: 'connected', connection, torrent, host: '10.3.0.1', port: 7, peerId });
      for (const each of [connection, 32 * 60])
        engine.facts(
          { type: 'peer-bitfield', connection: each, bits: new Uint8Array(2).fill(255) },
          { type: 'peer-have', connection: each, pieces: [1] },
        );
      expect(desk.peer(connection)).to.include({ haveCount: 0, usefulPieces: 0, isSeed: false });
      desk.close(connection);
    });

    it('is forgotten with the peer, however often its bitfield came', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const peer = desk.connect(torrent, { have: [0, 1] });
      engine.facts({ type: 'peer-bitfield', connection: peer, bits: Buffer.from([0x80, 1]) });
      expect(torrent.state.content.possession.picker.availability(1)).to.equal(0);
      expect(torrent.state.content.possession.picker.availability(15)).to.equal(1);
      desk.close(peer);
      for (let piece = 0; piece < 16; piece++)
        expect(torrent.state.content.possession.picker.availability(piece)).to.equal(0);
    });
  });

  it('pieces that a check finds are of no more use from those who were there before it', async () => {
    const desk = new SimDesk();
    const shape = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
    const torrent = await desk.learn(await desk.addUnknown(shape, [0, 1, 2]));
    const source = desk.addSource(torrent, 0);
    const seed = desk.connect(torrent);
    const idle = desk.connect(torrent, { have: [0] });
    expect(desk.source(source).usefulPieces).to.equal(4);
    await desk.answerJobs();
    desk.reportEarly();
    expect(desk.source(source).usefulPieces).to.equal(1);
    expect(desk.peer(seed).usefulPieces).to.equal(1);
    expect(desk.peer(idle).usefulPieces).to.equal(0);
    expect(desk.engine.ordersOf('interest', idle)).to.deep.equal([]);
  });
});
