// Extensions by which a peer announces that it wants nothing more (BEP 21), that it lost a piece (BEP 54),
// and our address (BEP 10).
import { expect } from 'chai';
import type { Encodable } from '../../../lib/bencode/encode';
import { encode } from '../../../lib/bencode/encode';
import { decodeExtendedHandshake } from '../../../lib/wire/extended-handshake';
import { Side } from '../../support/pair';
import type { SideOptions } from '../../support/pair';

/** A side, and the extended messages that it sent, by id. */
function sideWith(options: SideOptions = {}): { side: Side; idOf: (name: string) => number } {
  const side = new Side({ fast: true, ...options }).start();
  const handshakes = handshakesOf(side);
  return { side, idOf: (name) => handshakes[0]?.extensions[name] ?? -1 };
}

function handshakesOf(side: Side) {
  return side
    .sent()
    .flatMap((message) =>
      message.type === 'extended' && message.id === 0
        ? [decodeExtendedHandshake(message.payload)]
        : [],
    );
}

function greet(side: Side, handshake: Readonly<Record<string, Encodable>>): void {
  side.receive((writer) => writer.extended(0, encode({ m: {}, ...handshake })));
}

function takeBack(side: Side, id: number, piece: number): void {
  side.receive((writer) => writer.extended(id, Uint8Array.of(0, 0, 0, piece)));
}

describe('peer/extensions: upload_only, lt_donthave, yourip', () => {
  it('announces whether we want nothing more, and again when that changes', () => {
    const info = { bytes: undefined, wanted: false, uploadOnly: false };
    const side = new Side({ info }).start();
    expect(handshakesOf(side).map(({ uploadOnly }) => uploadOnly)).to.deep.equal([false]);
    info.uploadOnly = true;
    const order = { type: 'upload-only' as const, torrent: 1, uploadOnly: true };
    side.session.orderExtension(order, side.nowMs);
    expect(handshakesOf(side).map(({ uploadOnly }) => uploadOnly)).to.deep.equal([true]);
  });

  it('a peer that wants nothing is reported on each change, by handshake or by message', () => {
    const { side, idOf } = sideWith();
    const say = (value: number): unknown =>
      side.receive((writer) => writer.extended(idOf('upload_only'), Uint8Array.of(value)));
    greet(side, { upload_only: 1 });
    greet(side, { upload_only: 1 });
    greet(side, {});
    greet(side, { upload_only: 'x' });
    say(0);
    say(1);
    say(1);
    expect(side.of('upload-only').map(({ uploadOnly }) => uploadOnly)).to.deep.equal([
      true,
      false,
      true,
    ]);
    expect(side.closed).to.equal(undefined);
  });

  it('reports the address from which the peer sees us', () => {
    const { side } = sideWith();
    greet(side, { yourip: Uint8Array.of(192, 0, 2, 1) });
    expect(side.of('extended-handshake')[0]?.yourIp).to.deep.equal(Uint8Array.of(192, 0, 2, 1));
  });

  it('a piece that the peer lost is reported, and no longer counts as its own', () => {
    const { side, idOf } = sideWith({ have: [3] });
    side.receive((writer) => writer.bitfield(Uint8Array.of(0x18, 0)));
    for (const piece of [3, 3, 9]) takeBack(side, idOf('lt_donthave'), piece);
    expect(side.of('peer-lost').map(({ piece }) => piece)).to.deep.equal([3]);
    expect(side.session.haveAnnounced([3]), 'our piece is news to it').to.equal(true);
    side.receive((writer) => writer.have(3));
    expect(side.of('peer-have').map(({ pieces }) => pieces)).to.deep.equal([[3]]);
    takeBack(side, idOf('lt_donthave'), 16);
    expect(side.closed?.reason).to.equal('bad-piece-index');
  });

  it('requests for a lost piece go back at once, or are rejected with the fast extension', () => {
    for (const fast of [false, true]) {
      const { side, idOf } = sideWith({ fast });
      side.session.setInterested(true, side.nowMs);
      side.receive((writer) => {
        writer.bitfield(Uint8Array.of(0xff, 0xff));
        writer.unchoke();
      });
      side.lease(3);
      takeBack(side, idOf('lt_donthave'), 3);
      expect(side.session.download.outstandingRequests).to.equal(fast ? 4 : 0);
      expect(side.of('lease-returned')).to.have.length(fast ? 0 : 1);
      expect(side.closed).to.equal(undefined);
    }
  });
});
