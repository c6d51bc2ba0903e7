// Requests of a peer: which are queued, refused or ignored.
import { expect } from 'chai';
import fc from 'fast-check';
import { Pair, Side } from '../support/pair';

function serving(options: ConstructorParameters<typeof Side>[0] = {}): Side {
  const side = new Side({ have: 'all', ...options });
  side.answers = false;
  side.session.setChoked(false);
  side.take();
  return side;
}

/** What waits, oldest first: piece, begin, length. */
function waiting({ session }: Side): number[][] {
  const { queue } = session.serving;
  const requests: number[][] = [];
  for (let slot = queue.first; slot !== -1; slot = queue.next(slot)) {
    requests.push([queue.pieceAt(slot), queue.beginAt(slot), queue.lengthBytesAt(slot)]);
  }
  expect(requests).to.have.length(session.serving.waiting);
  return requests;
}

function reject(piece: number, begin: number, lengthBytes: number) {
  return { type: 'reject' as const, piece, begin, lengthBytes };
}

describe('peer/serving', () => {
  it('queues requests in order and up to 128 KiB long', () => {
    const side = serving({ pieceLengthBytes: 262_144 });
    side.receive((writer) => {
      writer.request(1, 100, 131_072);
      writer.request(0, 0, 1);
    });
    expect(waiting(side)).to.deep.equal([
      [1, 100, 131_072],
      [0, 0, 1],
    ]);
    side.session.serving.queue.shift();
    expect(waiting(side)).to.deep.equal([[0, 0, 1]]);
  });

  it('ignores requests while it chokes, and forgets those queued when it begins to', () => {
    const side = serving();
    side.receive((writer) => writer.request(0, 0, 16_384));
    side.session.setChoked(true);
    side.receive((writer) => writer.request(0, 0, 16_384));
    expect(side.session.serving.waiting).to.equal(0);
    expect(side.closed).to.equal(undefined);
  });

  it('serves only the pieces that it revealed while it conceals the others', () => {
    const side = serving({ concealed: true, fast: true });
    side.session.reveal(1);
    side.take();
    side.receive((writer) => {
      writer.request(0, 0, 16_384);
      writer.request(1, 0, 16_384);
    });
    expect(waiting(side)).to.deep.equal([[1, 0, 16_384]]);
    expect(side.sent()).to.deep.equal([reject(0, 0, 16_384)]);
    side.session.revealAll();
    side.receive((writer) => writer.request(0, 0, 16_384));
    expect(side.session.serving.waiting).to.equal(2);
    expect(side.closed).to.equal(undefined);
  });

  it('ignores requests for pieces that it does not have', () => {
    const side = serving({ have: [1] });
    side.receive((writer) => {
      writer.request(0, 0, 16_384);
      writer.request(1, 0, 16_384);
    });
    expect(side.session.serving.waiting).to.equal(1);
    expect(side.closed).to.equal(undefined);
  });

  it('refuses more than 128 KiB at once also where the piece is longer', () => {
    const side = serving({ pieceLengthBytes: 262_144 });
    side.receive((writer) => writer.request(0, 0, 131_073));
    expect(side.closed).to.deep.equal({
      reason: 'bad-request',
      detail: 'a request for 131073 bytes: 1 to 131072 are allowed',
    });
  });

  it('sends no reject unless the fast extension is negotiated', () => {
    const side = serving({ have: [1] });
    side.receive((writer) => {
      writer.request(0, 0, 16_384);
      writer.request(1, 0, 16_384);
    });
    side.session.setChoked(true);
    side.receive((writer) => writer.request(1, 0, 16_384));
    expect(side.sent()).to.deep.equal([{ type: 'choke' }]);
  });

  it('with the fast extension answers each request, also those that a choke voids (BEP 6)', () => {
    const side = serving({ have: [1], fast: true });
    side.receive((writer) => {
      writer.request(1, 0, 16_384);
      writer.request(0, 0, 16_384);
      writer.request(1, 16_384, 100);
    });
    side.session.setChoked(true);
    side.receive((writer) => writer.request(1, 32_768, 16_384));
    expect(side.sent()).to.deep.equal([
      reject(0, 0, 16_384),
      { type: 'choke' },
      reject(1, 0, 16_384),
      reject(1, 16_384, 100),
      reject(1, 32_768, 16_384),
    ]);
    expect(side.session.serving.waiting).to.equal(0);
  });

  it('with the fast extension rejects what is cancelled, and what cannot be read', () => {
    const side = serving({ fast: true });
    side.receive((writer) => {
      for (const piece of [0, 1, 2, 1]) writer.request(piece, 0, 16_384);
      writer.cancel(0, 0, 16_384);
      writer.cancel(0, 0, 16_384); // It is answered already.
    });
    side.session.serving.dropPiece(1);
    expect(side.sent()).to.deep.equal([
      reject(0, 0, 16_384),
      reject(1, 0, 16_384),
      reject(1, 0, 16_384),
    ]);
    expect(waiting(side)).to.deep.equal([[2, 0, 16_384]]);
  });

  it('serves allowed pieces while it chokes, each about once, and keeps requests for them', () => {
    const side = new Side({ have: [3], fast: true });
    side.answers = false;
    side.session.allowFast([3, 4]);
    expect(side.sent()).to.deep.equal([
      { type: 'allowed-fast', piece: 3 },
      { type: 'allowed-fast', piece: 4 },
    ]);
    side.receive((writer) => {
      for (const [piece, begin] of [
        [3, 0],
        [3, 16_384],
        [4, 0], // allowed, but not here
        [5, 0],
      ] as const)
        writer.request(piece, begin, 16_384);
    });
    expect(waiting(side)).to.deep.equal([
      [3, 0, 16_384],
      [3, 16_384, 16_384],
    ]);
    side.session.setChoked(false);
    side.session.setChoked(true);
    expect(waiting(side)).to.have.length(2);
    side.receive((writer) => {
      for (let time = 0; time < 5; time++) writer.request(3, 0, 16_384);
    });
    expect(side.session.serving.waiting, 'no more than the piece is long').to.equal(4);
    side.session.allowFast([]);
    side.receive((writer) => writer.request(3, 0, 16_384));
    expect(side.session.serving.waiting).to.equal(4);
    expect(side.closed).to.equal(undefined);
  });

  it('keeps of the requests that it queued in a turn no more than it allows, when the turn ends', () => {
    const side = new Side({ have: [3], fast: true });
    side.answers = false;
    side.session.allowFast([3]);
    side.session.setChoked(false);
    side.receive((writer) => {
      for (let time = 0; time < 50; time++) writer.request(3, 0, 16_384);
    });
    expect(side.session.serving.waiting).to.equal(50);
    side.session.setChoked(true);
    expect(side.session.serving.waiting).to.equal(4);
  });

  it('says nothing of allowed pieces that the peer has', () => {
    const side = new Side({ have: 'all', fast: true });
    side.receive((writer) => writer.bitfield(Uint8Array.of(0x10, 0)));
    side.session.allowFast([3, 4]);
    expect(side.sent()).to.deep.equal([{ type: 'allowed-fast', piece: 4 }]);
  });

  it('answers each request exactly once with the fast extension (property)', () => {
    const BLOCKS = 4;
    const step = fc.oneof(
      fc.record({ request: fc.nat(BLOCKS - 1), piece: fc.nat(2) }),
      fc.record({ cancel: fc.nat(BLOCKS - 1), piece: fc.nat(2) }),
      fc.record({ choke: fc.boolean() }),
      fc.constant({ serve: true }),
      fc.record({ unreadable: fc.nat(2) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const side = serving({ have: [0, 1], fast: true });
        const asked: string[] = [];
        const answered: string[] = [];
        for (const one of steps) {
          if ('choke' in one) side.session.setChoked(one.choke);
          else if ('serve' in one) {
            side.answers = true;
            side.serve();
            side.answers = false;
          } else if ('unreadable' in one) side.session.serving.dropPiece(one.unreadable);
          else if ('request' in one) {
            asked.push(`${one.piece} ${one.request * 16_384}`);
            side.receive((writer) => writer.request(one.piece, one.request * 16_384, 16_384));
          } else side.receive((writer) => writer.cancel(one.piece, one.cancel * 16_384, 16_384));
        }
        side.session.setChoked(true);
        for (const message of side.sent())
          if (message.type === 'piece' || message.type === 'reject')
            answered.push(`${message.piece} ${message.begin}`);
        expect(answered.toSorted()).to.deep.equal(asked.toSorted());
      }),
      { numRuns: 100 },
    );
  });

  it('takes back what is cancelled, wherever it stands', () => {
    const side = serving();
    side.receive((writer) => {
      for (let block = 0; block < 4; block++) writer.request(0, block * 16_384, 16_384);
      writer.cancel(0, 16_384, 16_384);
      writer.cancel(0, 49_152, 16_384);
      writer.cancel(7, 0, 16_384);
    });
    expect(waiting(side).map(([, begin]) => begin)).to.deep.equal([0, 32_768]);
  });

  it('holds as many as it announced, and closes on one more', () => {
    const side = serving({ limits: { requestQueue: 100 } });
    const ask = (count: number) =>
      side.receive((writer) => {
        for (let index = 0; index < count; index++) writer.request(index % 16, 0, 16_384);
      });
    ask(60);
    for (let index = 0; index < 30; index++) side.session.serving.queue.shift();
    ask(70);
    expect(side.session.serving.waiting).to.equal(100);
    expect(waiting(side)[30]?.[0]).to.equal(0);
    expect(side.closed).to.equal(undefined);
    ask(1);
    expect(side.closed).to.deep.equal({
      reason: 'request-flood',
      detail: 'more than 100 requests outstanding (reqq)',
    });
  });

  it('drops the requests for a piece that cannot be read', () => {
    const side = serving();
    side.receive((writer) => {
      for (const piece of [0, 1, 0, 2]) writer.request(piece, 0, 16_384);
    });
    side.session.serving.dropPiece(0);
    expect(waiting(side).map(([piece]) => piece)).to.deep.equal([1, 2]);
  });

  it('counts what was served', () => {
    const pair = new Pair({}, { have: 'all' }).open();
    pair.left.lease(0);
    pair.exchange();
    expect(pair.right.session.uploadedBytes).to.equal(65_536);
    expect(pair.left.session.download.downloadedBytes).to.equal(65_536);
  });
});
