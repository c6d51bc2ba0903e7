import { expect } from 'chai';
import { peerIdPrefix } from '../../lib/tracker/peer-id';

describe('tracker: peer id', () => {
  it('names us and our version in eight characters (BEP 20)', () => {
    expect(peerIdPrefix('0.1.0')).to.equal('-MR0100-');
    expect(peerIdPrefix('1.12.99')).to.equal('-MR1CZ0-');
  });
});
