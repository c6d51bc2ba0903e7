import { expect } from 'chai';
import fc from 'fast-check';
import { dissectHttpHead, unescapePercent } from '../../lib/inspect/dissect-http';
import { expectCover, fieldsOf } from '../support/ranges';

describe('inspect: dissecting HTTP heads', () => {
  it('names every parameter of the request, info hash and peer id in hexadecimal', () => {
    const hash = '%00%25%FF'.repeat(6);
    const head = `GET /a/announce?pass=k&info_hash=${hash}ab&left=5&flag HTTP/1.1\r\nHost: t:80\r\n\r\n`;
    const ranges = dissectHttpHead(head);
    expectCover(ranges, head.length);
    expect(fieldsOf(ranges)).to.deep.equal([
      'pass=k',
      `info_hash=${'0025ff'.repeat(6)}6162 (20 bytes)`,
      'left=5',
      'flag=',
    ]);
    expect(ranges.filter(({ kind }) => kind === 'frame').map(({ label }) => label)).to.deep.equal([
      'method',
      'path',
      'version',
      'Host',
      'end of head',
    ]);
  });

  it('shows that 40 hex digits are 40 bytes', () => {
    const head = `GET /?info_hash=${'ab'.repeat(20)} HTTP/1.1\r\n\r\n`;
    expect(fieldsOf(dissectHttpHead(head))[0]).to.match(/\(40 bytes\)$/);
  });

  it('takes an answer by lines', () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nodd\r\n\r\n';
    expectCover(dissectHttpHead(head), head.length);
    expect(dissectHttpHead(head).map(({ label, value }) => [label, value])).to.deep.equal([
      ['status line', 'HTTP/1.1 200 OK'],
      ['Content-Type', 'text/plain'],
      ['header', 'odd'],
      ['end of head', ''],
    ]);
  });

  it('lets a broken escape stand for itself', () => {
    expect(Buffer.from(unescapePercent('%4g%41%')).toString()).to.equal('%4gA%');
  });

  it('covers every byte of anything, and never throws', () => {
    const text = fc
      .uint8Array({ maxLength: 200 })
      .map((bytes) => Buffer.from(bytes).toString('latin1'));
    const likely = fc.stringMatching(/^(GET )?[a:&=?%\r\n -]{0,50}$/);
    fc.assert(
      fc.property(fc.oneof(text, likely), (head) =>
        expectCover(dissectHttpHead(head), head.length),
      ),
      { numRuns: 500 },
    );
  });
});
