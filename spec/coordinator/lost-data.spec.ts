import { expect } from 'chai';
import { SimDesk } from '../support/sim-desk';
import { KIB, MIB } from '../support/sim-torrent';

const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };
const ALL = Array.from({ length: 16 }, (_, piece) => piece);

describe('coordinator: data that is lost', () => {
  const failed = (code: string, path: string | undefined = 'sim-1.bin') => ({
    type: 'read-failed' as const,
    torrent: 1,
    code,
    message: 'sim-1.bin is missing or ends before byte 16384 of 1048576',
    path,
  });

  it('stops the torrent, and none of the file’s pieces is had any more', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
    const peer = desk.connect(torrent, { have: [] });
    engine.facts({ ...failed('short-read'), torrent: torrent.state.id });
    expect(torrent.state.phase).to.equal('failed');
    expect(torrent.state.have.isEmpty()).to.equal(true);
    expect(torrent.state.durability.durable.isEmpty()).to.equal(true);
    expect(torrent.state.toCheck.isFull()).to.equal(true);
    expect(torrent.state.doneBytes).to.equal(0);
    expect(engine.ordersOf('close', peer)[0]?.reason).to.equal('torrent-failed');
    const [error] = engine.eventsOf('error');
    expect(error?.error.code).to.equal('data-missing');
    expect(error?.error.message).to.include('/nowhere').and.include('sim-1.bin');
  });

  it('names the disk where a read fails for another reason', async () => {
    const { engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
    engine.facts({ ...failed('EIO'), torrent: torrent.state.id });
    expect(engine.eventsOf('error')[0]?.error.code).to.equal('data-unreadable');
  });

  it('takes a passing lack of the system for what it is', async () => {
    const { engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
    for (const code of ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'])
      engine.facts({ ...failed(code), torrent: torrent.state.id });
    expect(torrent.state.phase).to.equal('seeding');
    expect(torrent.state.have.isFull()).to.equal(true);
    expect(engine.eventsOf('error')).to.deep.equal([]);
  });

  it('passes over a torrent that is gone, or fails already', async () => {
    const { engine, torrent } = await SimDesk.with(SHORT, { good: ALL });
    engine.facts({ ...failed('short-read'), torrent: 77 });
    for (let again = 0; again < 2; again++)
      engine.facts({ ...failed('short-read'), torrent: torrent.state.id });
    expect(engine.eventsOf('error')).to.have.length(1);
  });
});
