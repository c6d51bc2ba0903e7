import { expect } from 'chai';
import fc from 'fast-check';
import { PEER_FLAG, decodePeerExchange, encodePeerExchange } from '../../lib/wire/peer-exchange';
import type { AddedPeer, PeerExchangeMessage } from '../../lib/wire/peer-exchange';
import { MillraceError } from '../../lib/errors/millrace-error';
import { codeThrown } from '../support/code-of';

const MANY = { maxAdded: 1_000, maxDropped: 1_000 };

const text = (payload: Uint8Array): string => Buffer.from(payload).toString('latin1');
const decodeText = (payload: string, limits = MANY): PeerExchangeMessage =>
  decodePeerExchange(Buffer.from(payload, 'latin1'), limits);
const lengths = ({ added, dropped }: PeerExchangeMessage): number[][] => [
  added.map(({ entry }) => entry.length),
  dropped.map(({ length }) => length),
];

const entry4 = fc.uint8Array({ minLength: 6, maxLength: 6 });
const entry6 = fc.uint8Array({ minLength: 18, maxLength: 18 });
const flags = fc.integer({ min: 0, max: 255 });

describe('wire/peer-exchange', () => {
  it('is one canonical dictionary with compact lists, and flags beside the added peers (BEP 11)', () => {
    const payload = encodePeerExchange({
      added: [
        { entry: Uint8Array.from([10, 0, 0, 1, 0x1a, 0xe1]), flags: PEER_FLAG.seed },
        { entry: Uint8Array.from([...Array<number>(17).fill(0x61), 0x62]), flags: 0x10 },
      ],
      dropped: [Uint8Array.from([10, 0, 0, 2, 0, 1])],
    });
    expect(text(payload)).to.equal(
      'd5:added6:\x0a\0\0\x01\x1a\xe17:added.f1:\x02' +
        `6:added618:${'a'.repeat(17)}b8:added6.f1:\x10` +
        '7:dropped6:\x0a\0\0\x02\0\x01e',
    );
  });

  it('leaves out what is empty', () => {
    expect(text(encodePeerExchange({ added: [], dropped: [] }))).to.equal('de');
  });

  it('survives a round trip, IPv4 before IPv6', () => {
    const added4 = fc.array(fc.record<AddedPeer>({ entry: entry4, flags }));
    const added6 = fc.array(fc.record<AddedPeer>({ entry: entry6, flags }));
    fc.assert(
      fc.property(added4, added6, fc.array(entry4), fc.array(entry6), (four, six, gone4, gone6) => {
        const message = { added: [...six, ...four], dropped: [...gone6, ...gone4] };
        const read = decodePeerExchange(encodePeerExchange(message), MANY);
        expect(structuredClone(read)).to.deep.equal({
          added: [...four, ...six],
          dropped: [...gone4, ...gone6],
        });
      }),
    );
  });

  it('ignores parts of peers, fields of other types and missing flags', () => {
    expect(lengths(decodeText('d5:added7:abcdefge'))).to.deep.equal([[6], []]);
    expect(decodeText('d5:added12:abcdefabcdeg7:added.f1:\x02e').added.map((p) => p.flags))
      .to.deep //
      .equal([2, 0]);
    expect(lengths(decodeText('d5:addedi5e6:added6le7:droppedde8:dropped61:ae'))).to.deep.equal([
      [],
      [],
    ]);
    expect(lengths(decodeText('de trailing'))).to.deep.equal([[], []]);
  });

  it('reads no more than it is allowed to, of both families together', () => {
    const many = encodePeerExchange({
      added: Array.from({ length: 40 }, (_, at) => ({
        entry: new Uint8Array(at < 30 ? 6 : 18),
        flags: 0,
      })),
      dropped: Array.from({ length: 20 }, () => new Uint8Array(6)),
    });
    const read = decodePeerExchange(many, { maxAdded: 35, maxDropped: 7 });
    expect(lengths(read)).to.deep.equal([
      [...Array<number>(30).fill(6), ...Array<number>(5).fill(18)],
      Array(7).fill(6),
    ]);
  });

  it('refuses what is no dictionary, by name', () => {
    for (const payload of ['', 'le', '5:added', 'd5:added'])
      expect(codeThrown(() => decodeText(payload))).to.equal('bad-extended-message');
    expect(() => decodeText('le')).to.throw('a message of ut_pex is not a bencoded dictionary');
  });

  it('reads whole peers from any payload, or refuses it with one code (property)', () => {
    const torn = fc
      .tuple(fc.array(entry4), fc.nat({ max: 60 }), fc.integer({ min: 0, max: 255 }))
      .map(([entries, at, byte]) => {
        const added = entries.map((entry) => ({ entry, flags: 0 }));
        const bytes = encodePeerExchange({ added, dropped: entries });
        if (at < bytes.length) bytes[at] = byte;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(torn, fc.uint8Array({ maxLength: 200 })), (payload) => {
        let read: PeerExchangeMessage;
        try {
          read = decodePeerExchange(payload, { maxAdded: 5, maxDropped: 5 });
        } catch (error) {
          expect(error).to.be.instanceOf(MillraceError);
          expect(codeThrown(() => decodePeerExchange(payload, MANY))).to.equal(
            'bad-extended-message',
          );
          return;
        }
        for (const length of lengths(read).flat()) expect(length).to.be.oneOf([6, 18]);
        expect(read.added.length).to.be.at.most(5);
        expect(read.dropped.length).to.be.at.most(5);
      }),
      { numRuns: 500 },
    );
  });
});
