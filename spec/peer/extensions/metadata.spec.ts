// The metadata extension (BEP 9) between two sessions, and with a scripted peer: what is served, at which rate
// and how often; what is fetched, and what is reported.

import { expect } from 'chai';
import fc from 'fast-check';
import { metadataPieceCount, METADATA_PIECE_BYTES } from '../../../lib/wire/metadata-message';
import { decodeMetadataMessage, encodeMetadataMessage } from '../../../lib/wire/metadata-message';
import type { MetadataMessage } from '../../../lib/wire/metadata-message';
import {
  encodeExtendedHandshake,
  parseExtendedHandshake,
} from '../../../lib/wire/extended-handshake';
import type { WireWriter } from '../../../lib/wire/encoder';
import { Pair, Side, patternBytes } from '../../support/pair';

const PIECE = METADATA_PIECE_BYTES;
/** Under which we receive: the first extension of the list. */
const OUR_ID = 1;
const THEIR_ID = 9;

const bytesOf = (lengthBytes: number): Uint8Array =>
  Uint8Array.from(patternBytes(4 * Math.ceil(lengthBytes / 4))).subarray(0, lengthBytes);

/** A side whose peer accepts metadata messages. */
function greeted(info: { bytes: Uint8Array | undefined; wanted: boolean }, size?: number): Side {
  const side = new Side({ info, openLater: true }).start();
  greet(side, size);
  side.take();
  return side;
}

function greet(side: Side, size?: number, id = THEIR_ID): void {
  const parts = size === undefined ? [] : [{ metadata_size: size }];
  const payload = encodeExtendedHandshake({ extensions: { ut_metadata: id } }, parts);
  side.receive((writer) => writer.extended(0, payload));
}

const say = (writer: WireWriter, message: MetadataMessage): void =>
  writer.extended(OUR_ID, encodeMetadataMessage(message));

function tell(side: Side, message: MetadataMessage): void {
  side.receive((writer) => say(writer, message));
}

function request(side: Side, ...pieces: number[]): void {
  side.receive((writer) => pieces.forEach((piece) => say(writer, { type: 'request', piece })));
}

/** The metadata messages sent since the last call. */
function sentBy(side: Side): MetadataMessage[] {
  return side.sent().flatMap((message) => {
    if (message.type !== 'extended' || message.id !== THEIR_ID) return [];
    const decoded = decodeMetadataMessage(message.payload);
    return decoded === undefined ? [] : [decoded];
  });
}

const numbers = (messages: readonly MetadataMessage[], type: MetadataMessage['type']): number[] =>
  messages.filter((message) => message.type === type).map(({ piece }) => piece);

/** `metadata_size` of each handshake sent since the last call. */
function sizesSaid(side: Side): (number | undefined)[] {
  return side
    .sent()
    .flatMap((message) =>
      message.type === 'extended' && message.id === 0
        ? [parseExtendedHandshake(message.payload).integer('metadata_size')]
        : [],
    );
}

function order(side: Side, piece: number, totalBytes?: number): void {
  const { connection } = side;
  side.session.orderExtension(
    { type: 'request-metadata', connection, piece, totalBytes },
    side.nowMs,
  );
  side.session.endTurn();
}

describe('peer/extensions/metadata', () => {
  it('brings any metadata from one session to another, piece for piece', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 * PIECE }), (totalBytes) => {
        const info = bytesOf(totalBytes);
        const pair = new Pair(
          { openLater: true, info: { bytes: undefined, wanted: true } },
          { openLater: true, info: { bytes: info, wanted: false } },
        );
        pair.exchange();
        const { left, right } = pair;
        expect(left.of('metadata-offer')).to.deep.equal([
          { type: 'metadata-offer', connection: 32, totalBytes },
        ]);
        expect(right.of('metadata-offer')).to.deep.equal([]);
        const pieces = metadataPieceCount(totalBytes);
        for (let piece = pieces - 1; piece >= 0; piece--) order(left, piece, totalBytes);
        pair.exchange();
        const got = left.of('metadata-piece').sort((a, b) => a.piece - b.piece);
        expect(Buffer.concat(got.map(({ bytes }) => bytes)).equals(info)).to.equal(true);
        expect(left.closed ?? right.closed).to.equal(undefined);
      }),
      { numRuns: 20 },
    );
  });

  describe('when it serves', () => {
    const known = (pieces: number): Side =>
      greeted({ bytes: bytesOf(pieces * PIECE), wanted: false });

    it('announces the size, and nothing while it is unknown', () => {
      const info = { bytes: bytesOf(100), wanted: false };
      expect(sizesSaid(new Side({ info, openLater: true }).start())).to.deep.equal([100]);
      const unknown = { bytes: undefined, wanted: true };
      expect(sizesSaid(new Side({ info: unknown, openLater: true }).start())).to.deep.equal([
        undefined,
      ]);
    });

    it('sends the handshake again once the metadata is known, to peers that accept metadata messages', () => {
      const info: { bytes: Uint8Array | undefined; wanted: boolean } = {
        bytes: undefined,
        wanted: true,
      };
      const learn = (side: Side): (number | undefined)[] => {
        side.session.orderExtension(
          { type: 'torrent-info', torrent: 1, info: undefined },
          side.nowMs,
        );
        side.session.endTurn();
        return sizesSaid(side);
      };
      const asks = greeted(info);
      const late = new Side({ info, openLater: true }).start();
      const never = greeted(info);
      greet(never, undefined, 0);
      late.take();
      info.bytes = bytesOf(70);
      info.wanted = false;
      expect(learn(asks)).to.deep.equal([70]);
      expect(learn(asks), 'once').to.deep.equal([]);
      expect(learn(never), 'it disabled the extension').to.deep.equal([]);
      expect(learn(late), 'its handshake has not come').to.deep.equal([]);
      greet(late);
      expect(sizesSaid(late)).to.deep.equal([70]);
      request(asks, 0);
      expect(numbers(sentBy(asks), 'data')).to.deep.equal([0]);
    });

    it('rejects what it does not have', () => {
      const side = known(2);
      request(side, 2, 2 ** 31 - 1);
      expect(numbers(sentBy(side), 'reject')).to.deep.equal([2, 2 ** 31 - 1]);
      const unknown = greeted({ bytes: undefined, wanted: true });
      request(unknown, 0);
      expect(numbers(sentBy(unknown), 'reject')).to.deep.equal([0]);
    });

    it('writes four pieces, and more when the system has taken them', () => {
      const side = known(10);
      request(side, ...Array(10).keys());
      expect(numbers(sentBy(side), 'data')).to.deep.equal([0, 1, 2, 3]);
      side.tick(100);
      expect(sentBy(side)).to.deep.equal([]);
      expect(side.session.isWriting).to.equal(true);
      side.session.writeOn(side.nowMs);
      expect(numbers(sentBy(side), 'data')).to.deep.equal([4, 5, 6, 7]);
      side.session.writeOn(side.nowMs);
      side.session.writeOn(side.nowMs);
      expect(numbers(sentBy(side), 'data')).to.deep.equal([8, 9]);
      expect(side.session.isWriting).to.equal(false);
    });

    it('sends 128 pieces at once, then 64 a second', () => {
      const side = known(400);
      request(side, ...Array(400).keys());
      let sent = 0;
      const drain = (): number => {
        const before = sent;
        for (;;) {
          const now = numbers(sentBy(side), 'data').length;
          sent += now;
          if (now === 0) return sent - before;
          side.session.writeOn(side.nowMs);
        }
      };
      expect(drain()).to.be.within(128, 132);
      expect(side.session.nextDeadlineMs).to.be.within(side.nowMs, side.nowMs + 40);
      for (let second = 0; second < 3; second++) {
        let inSecond = 0;
        for (let tick = 0; tick < 8; tick++) inSecond += (side.tick(125), drain());
        expect(inSecond).to.be.within(60, 68);
      }
    });

    it('serves each piece four times to a peer, and charges it for more', () => {
      const side = known(2);
      let served = 0;
      let rejected = 0;
      for (let time = 0; time < 300; time++) {
        request(side, time % 2);
        const sent = sentBy(side);
        served += numbers(sent, 'data').length;
        rejected += numbers(sent, 'reject').length;
        if (side.session.isWriting) side.session.writeOn(side.nowMs);
        side.nowMs += 1;
      }
      expect(served).to.equal(8);
      expect(rejected).to.equal(292);
      expect(side.session.readAgainMs, 'it is left unread').to.be.above(side.nowMs);
    });

    it('queues a piece once, however often it is requested before it is sent', () => {
      const side = known(10);
      request(side, ...[0, 1, 2, 3, 4, 5, 5, 5, 5, 5]);
      sentBy(side);
      side.session.writeOn(side.nowMs);
      expect(numbers(sentBy(side), 'data')).to.deep.equal([4, 5]);
    });
  });

  describe('when it fetches', () => {
    const wanted = (): Side => greeted({ bytes: undefined, wanted: true }, 2 * PIECE);
    const data = (piece: number, lengthBytes = PIECE, totalBytes: number | undefined = 2 * PIECE) =>
      ({ type: 'data', piece, totalBytes, bytes: bytesOf(lengthBytes) }) as const;

    it('reports what the peer offers when that changes, eight times', () => {
      const side = greeted({ bytes: undefined, wanted: true });
      for (const size of [undefined, 0, -1, 2 ** 32, 500, 500, 600]) greet(side, size);
      greet(side);
      const sizes = (): unknown[] => side.of('metadata-offer').map(({ totalBytes }) => totalBytes);
      expect(sizes()).to.deep.equal([undefined, 500, 600]);
      for (let size = 1; size < 50; size++) greet(side, size);
      expect(sizes()).to.have.length(8);
      const content = greeted({ bytes: undefined, wanted: false }, 10);
      expect(content.of('metadata-offer')).to.deep.equal([]);
    });

    it('reports data that was ordered, and no other', () => {
      const side = wanted();
      tell(side, data(0));
      expect(side.of('metadata-piece')).to.deep.equal([]);
      order(side, 0, 2 * PIECE);
      expect(numbers(sentBy(side), 'request')).to.deep.equal([0]);
      const message = new Side().start(); // its writer's buffer is used again
      message.writer.extended(OUR_ID, encodeMetadataMessage(data(0)));
      const bytes = Buffer.from(message.writer.take() ?? []);
      side.feed(bytes);
      bytes.fill(0);
      tell(side, data(0));
      const [piece, ...more] = side.of('metadata-piece');
      expect(more).to.deep.equal([]);
      expect(piece).to.deep.include({ connection: 32, piece: 0, totalBytes: 2 * PIECE });
      expect(Buffer.from(piece?.bytes ?? []).equals(bytesOf(PIECE)), 'a copy').to.equal(true);
    });

    it("takes the ordered length where data names none, and the data's where none was ordered", () => {
      const side = wanted();
      order(side, 0, 2 * PIECE);
      tell(side, { ...data(0), totalBytes: undefined });
      order(side, 0);
      tell(side, data(0, 300, 300));
      expect(side.of('metadata-piece').map(({ totalBytes }) => totalBytes)).to.deep.equal([
        2 * PIECE,
        300,
      ]);
    });

    it('reports a refusal: a reject, a wrong length, a peer that accepts no requests', () => {
      const refusals: readonly ((side: Side) => void)[] = [
        (side) => tell(side, { type: 'reject', piece: 1 }),
        (side) => tell(side, data(1, PIECE - 1)),
        (side) => tell(side, data(1, 0)),
        (side) => tell(side, data(1, PIECE, PIECE + 1)),
        (side) => tell(side, data(1, PIECE, 2 ** 40)),
        (side) => tell(side, data(1, 0, PIECE)),
      ];
      for (const refuse of refusals) {
        const side = wanted();
        order(side, 1, 2 * PIECE);
        refuse(side);
        const refused = { type: 'metadata-refused', connection: 32, piece: 1 };
        expect(side.of('metadata-refused')).to.deep.equal([refused]);
        refuse(side);
        expect(side.of('metadata-refused'), 'once').to.have.length(1);
        expect(side.of('metadata-piece')).to.deep.equal([]);
      }
      const mute = wanted();
      greet(mute, undefined, 0);
      order(mute, 1, 2 * PIECE);
      expect(mute.of('metadata-refused')).to.have.length(1);
    });

    it('charges a peer for data that was not ordered', () => {
      const side = wanted();
      for (let time = 0; time < 10; time++) tell(side, data(0));
      expect(side.session.readAgainMs).to.be.above(side.nowMs);
      expect(side.closed).to.equal(undefined);
    });

    it('ends with a peer that sends what is no such message', () => {
      const side = wanted();
      side.receive((writer) => writer.extended(OUR_ID, Buffer.from('le')));
      expect(side.closed?.reason).to.equal('bad-extended-message');
      const long = wanted();
      order(long, 0, 2 * PIECE);
      tell(long, data(0, PIECE + 1024));
      expect(long.closed?.reason).to.equal('message-too-long');
    });
  });

  it('survives every sequence of messages, orders and handshakes', () => {
    const piece = fc.integer({ min: 0, max: 4 });
    const message = fc.oneof(
      fc.record({ type: fc.constantFrom('request' as const, 'reject' as const), piece }),
      fc.record({
        type: fc.constant('data' as const),
        piece,
        totalBytes: fc.option(fc.integer({ min: 0, max: 4 * PIECE }), { nil: undefined }),
        bytes: fc.constantFrom(0, 1, PIECE - 1, PIECE).map(bytesOf),
      }),
    );
    const step = fc.oneof(
      message.map((what) => (side: Side) => tell(side, what)),
      fc.tuple(piece, fc.constantFrom(undefined, 1, 3 * PIECE)).map(
        ([which, total]) =>
          (side: Side) =>
            order(side, which, total),
      ),
      fc.tuple(fc.constantFrom(undefined, 1, 3 * PIECE), fc.constantFrom(0, THEIR_ID)).map(
        ([size, id]) =>
          (side: Side) =>
            greet(side, size, id),
      ),
      fc.constant((side: Side) => side.session.writeOn(side.nowMs)),
    );
    fc.assert(
      fc.property(fc.boolean(), fc.array(step, { maxLength: 40 }), (isKnown, steps) => {
        const bytes = isKnown ? bytesOf(3 * PIECE) : undefined;
        const side = greeted({ bytes, wanted: !isKnown });
        for (const take of steps) if (side.closed === undefined) take(side);
        expect(side.closed).to.equal(undefined);
        expect(side.of('log')).to.deep.equal([]);
        for (const { piece, totalBytes, bytes } of side.of('metadata-piece'))
          expect(bytes.length).to.equal(Math.min(PIECE, totalBytes - piece * PIECE));
      }),
      { numRuns: 100 },
    );
  });
});
