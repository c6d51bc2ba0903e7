// A session as a whole: its first messages, their order, and what ends it.
import { expect } from 'chai';
import {
  encodeExtendedHandshake,
  decodeExtendedHandshake,
} from '../../lib/wire/extended-handshake';
import { Pair, Side } from '../support/pair';

describe('peer/session', () => {
  it('opens with the bitfield, then the extended handshake', () => {
    const side = new Side({ have: [0, 9] }).start();
    const messages = side.sent();
    expect(messages.map((message) => message.type)).to.deep.equal(['bitfield', 'extended']);
    const [bitfield, extended] = messages;
    expect(bitfield).to.deep.include({ bits: Uint8Array.of(0x80, 0x40) });
    if (extended?.type !== 'extended') throw new Error('no extended handshake');
    expect(decodeExtendedHandshake(extended.payload)).to.deep.include({
      client: 'spec 1',
      listenPort: 6881,
      requestQueue: 500,
    });
  });

  it('sends no bitfield without pieces and no extended handshake to a peer without BEP 10', () => {
    expect(new Side({ extensionProtocol: false }).start().sent()).to.deep.equal([]);
  });

  it('reports bitfield, haves (each once) and the extended handshake', () => {
    const side = new Side();
    side.receive((writer) => {
      writer.bitfield(Uint8Array.of(0x80, 0x01));
      const handshake = { extensions: {}, client: 'x', requestQueue: 30, listenPort: 7 };
      writer.extended(0, encodeExtendedHandshake(handshake));
      for (const piece of [3, 3, 0, 4]) writer.have(piece);
    });
    expect(side.of('peer-bitfield')[0]?.bits).to.deep.equal(Uint8Array.of(0x80, 0x01));
    expect(side.of('peer-have').map((fact) => fact.pieces)).to.deep.equal([[3, 4]]);
    expect(side.of('extended-handshake')).to.deep.equal([
      { type: 'extended-handshake', connection: 32, client: 'x', listenPort: 7, requestQueue: 30 },
    ]);
  });

  it('accepts the extended handshake before the bitfield, as aria2 sends it', () => {
    const side = new Side();
    side.receive((writer) => {
      writer.extended(0, encodeExtendedHandshake({ extensions: {} }));
      writer.keepAlive();
    });
    side.feed(Uint8Array.of(0, 0, 0, 3, 9, 0x1a, 0xe1)); // the port of a DHT node
    side.receive((writer) => writer.bitfield(Uint8Array.of(1, 0)));
    expect(side.closed).to.equal(undefined);
    expect(side.of('peer-bitfield')).to.have.length(1);
  });

  it('reports a late bitfield with many new pieces as a bitfield, complete', () => {
    const side = new Side({ pieceLengthBytes: 16, totalLengthBytes: 16 * 20_001 });
    const late = new Uint8Array(2501).fill(0xff);
    late[0] = 0x0f;
    side.receive((writer) => {
      writer.bitfield(new Uint8Array(2501));
      writer.have(1);
      writer.bitfield(late);
      writer.have(2);
    });
    const facts = side.of('peer-bitfield');
    expect(facts).to.have.length(2);
    const merged = Uint8Array.from(late);
    merged[0] = 0x4f;
    merged[2500] = 0x80; // no spare bits
    expect(facts[1]?.bits).to.deep.equal(merged);
    expect(side.of('peer-have').flatMap(({ pieces }) => pieces)).to.deep.equal([2]);
    side.receive((writer) => writer.bitfield(late));
    expect(side.of('peer-bitfield')).to.have.length(2);
  });

  it('decodes few of the extended handshakes that one read brings, but the first always', () => {
    const side = new Side();
    const handshake = (requestQueue: number): Uint8Array =>
      encodeExtendedHandshake({ extensions: {}, requestQueue });
    side.receive((writer) => {
      for (let time = 0; time < 3_000; time++) writer.keepAlive();
      writer.extended(0, handshake(7));
      for (let time = 0; time < 30_000; time++) writer.extended(0, Uint8Array.of(0x78)); // no bencoding
    });
    expect(side.closed).to.equal(undefined);
    expect(side.of('extended-handshake').map((fact) => fact.requestQueue)).to.deep.equal([7]);
    side.receive((writer) => writer.extended(0, Uint8Array.of(0x78)));
    expect(side.closed?.reason).to.equal('bad-extended-message');
  });

  it('reads a late bitfield as haves, as aria2 means it', () => {
    const side = new Side();
    side.receive((writer) => {
      writer.bitfield(Uint8Array.of(0x80, 0));
      writer.have(3);
      for (let time = 0; time < 100; time++) writer.bitfield(Uint8Array.of(0x90, 0x01));
      writer.bitfield(Uint8Array.of(0, 0)); // Nobody loses what they had.
    });
    expect(side.closed).to.equal(undefined);
    expect(side.of('peer-bitfield')).to.have.length(1);
    expect(side.of('peer-have').map((fact) => fact.pieces)).to.deep.equal([[3, 15]]);
  });

  it('merges a flood of state changes into a fact or two a turn', () => {
    const side = new Side();
    side.receive((writer) => {
      for (let round = 0; round < 1000; round++) {
        writer.unchoke();
        writer.choke();
        writer.interested();
        writer.notInterested();
      }
      writer.unchoke();
    });
    expect(side.facts.length).to.be.at.most(4);
    expect(side.of('peer-choke').at(-1)).to.deep.include({ choked: false, epoch: 1000 });
  });

  it('reports interest and choke once each, and only on change', () => {
    const { left, right } = new Pair({}, { have: 'all' }).open();
    left.session.setInterested(true, left.nowMs);
    right.session.setChoked(false);
    expect(left.sent()).to.deep.equal([]);
    expect(right.sent()).to.deep.equal([]);
    expect(right.of('peer-interest').map((fact) => fact.interested)).to.deep.equal([true]);
    expect(left.of('peer-choke')).to.deep.equal([
      { type: 'peer-choke', connection: 32, choked: false, epoch: 0 },
    ]);
  });

  it('reports once that it wants nothing any more', () => {
    const side = new Side();
    for (const interested of [true, true, false, false, true]) {
      side.session.setInterested(interested, side.nowMs);
    }
    expect(side.sent().map(({ type }) => type)).to.deep.equal([
      'interested',
      'not-interested',
      'interested',
    ]);
  });

  it('reports haves of a peer that sends us blocks after 100 ms', () => {
    const side = new Side();
    side.session.setInterested(true, side.nowMs);
    side.receive((writer) => writer.unchoke());
    side.lease(0);
    const say = (piece: number): (readonly number[])[] => {
      side.receive((writer) => writer.have(piece));
      return side.of('peer-have').map(({ pieces }) => pieces);
    };
    expect(say(1)).to.deep.equal([[1]]);
    expect(say(2)).to.deep.equal([[1]]);
    side.tick(100);
    expect(say(3)).to.deep.equal([[1], [2]]);
    side.receive((writer) => writer.choke());
    expect(say(4)).to.deep.equal([[1], [2], [3], [4]]);
  });

  it('reports what limits its download, while it wants something', () => {
    const side = new Side();
    const load = (): number[] => {
      const rows: number[] = [];
      side.session.download.pushLoad(rows, side.nowMs);
      return rows.slice(0, 3);
    };
    side.tick(250);
    expect(load()).to.deep.equal([]);
    side.session.setInterested(true, side.nowMs);
    side.tick(250);
    expect(load(), 'choked').to.deep.equal([]);
    side.receive((writer) => writer.unchoke());
    side.lease(0);
    side.tick(250);
    expect(load()).to.deep.equal([32, 65_536, 0]);
    side.feed(side.block(0, 0));
    side.tick(250);
    expect(load()).to.deep.equal([32, 49_152, 16_384]);
  });

  it('announces pieces, and returns whether that is news to the peer', () => {
    const side = new Side();
    side.receive((writer) => writer.bitfield(Uint8Array.of(0x80, 0)));
    expect(side.session.haveAnnounced([0])).to.equal(false);
    expect(side.session.haveAnnounced([0, 5])).to.equal(true);
    expect(side.sent().map((message) => message.type)).to.deep.equal(['have', 'have', 'have']);
  });

  it('sends a keep-alive after its own silence only', () => {
    const side = new Side();
    side.tick(59_999);
    expect(side.sent()).to.deep.equal([]);
    side.tick(1);
    expect(side.sent()).to.deep.equal([{ type: 'keep-alive' }]);
    side.tick(59_999);
    expect(side.sent()).to.deep.equal([]);
  });

  it('counts as having sent something once its driver has sent something, also a block', () => {
    const side = new Side();
    side.tick(59_999);
    side.session.noteSent(side.nowMs);
    expect(side.session.nextDeadlineMs).to.equal(side.nowMs + 60_000);
    side.tick(59_999);
    side.session.noteServed(16_384, side.nowMs);
    side.tick(1);
    expect(side.sent()).to.deep.equal([]);
  });

  it('closes after the silence of the peer, and a keep-alive is no silence', () => {
    const side = new Side();
    side.tick(100_000).receive((writer) => writer.keepAlive());
    side.tick(119_999);
    expect(side.closed).to.equal(undefined);
    side.tick(1);
    expect(side.closed).to.deep.equal({
      reason: 'idle-timeout',
      detail: 'no whole message in 120000 ms',
    });
    expect(side.session.closed).to.equal(true);
    expect(side.session.nextDeadlineMs).to.equal(Infinity);
  });

  it('treats one byte a second of a message that never ends as silence', () => {
    const side = new Side();
    const message = side.block(0, 0);
    for (let at = 0; at < 120 && side.closed === undefined; at++) {
      side.feed(message.subarray(at, at + 1)).tick(1000);
    }
    expect(side.closed?.reason).to.equal('idle-timeout');
  });

  it('names its next deadline', () => {
    const side = new Side({ limits: { keepAliveMs: 500, idleTimeoutMs: 700 } });
    expect(side.session.nextDeadlineMs).to.equal(side.nowMs + 500);
    side.tick(500);
    expect(side.session.nextDeadlineMs).to.equal(side.nowMs + 200);
  });

  it('sends and reports nothing after its end', () => {
    const side = new Side();
    side.session.close('not-useful', 'done');
    side.receive((writer) => writer.unchoke()).tick(1_000_000);
    side.session.setChoked(false);
    side.session.setInterested(true, side.nowMs);
    side.session.haveAnnounced([1]);
    side.grant(side.makeLease(0));
    expect(side.facts).to.deep.equal([]);
    expect(side.sent()).to.deep.equal([]);
    expect(side.closed?.reason).to.equal('not-useful');
  });
});
