// Checks of what every dissection guarantees, whatever the bytes are.

import { expect } from 'chai';
import type { ByteRange } from '../../lib/inspect/hexdump';

/** Expects every byte once and in order, and labels and values that are safe to print. */
export function expectCover(ranges: readonly ByteRange[], lengthBytes: number): void {
  let at = 0;
  for (const { startByte, endByte, label, value } of ranges) {
    expect(startByte).to.equal(at);
    expect(endByte).to.be.above(startByte);
    expect(label).to.not.equal('');
    expect(/\p{Cc}/u.test(label + value)).to.equal(false);
    at = endByte;
  }
  expect(at).to.equal(lengthBytes);
}

/** `label=value` of every range that is not a frame. */
export function fieldsOf(ranges: readonly ByteRange[]): string[] {
  return ranges.flatMap(({ kind, label, value }) =>
    kind === 'frame' ? [] : [`${label}=${value}`],
  );
}
