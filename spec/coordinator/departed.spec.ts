import { expect } from 'chai';
import { Departed } from '../../lib/coordinator/departed';

describe('coordinator/departed', () => {
  const identity = (id: number) => ({ id, host: 'h', port: id, peerId: `p${id}` });

  it('finds who was behind a connection that is gone', () => {
    const departed = new Departed();
    departed.note(identity(33));
    expect(departed.find(33)).to.deep.equal(identity(33));
    expect(departed.find(34)).to.equal(undefined);
  });

  it('keeps only the identity of what it is given', () => {
    const departed = new Departed();
    departed.note({ ...identity(1), leases: ['much'] } as ReturnType<typeof identity>);
    expect(departed.find(1)).to.deep.equal(identity(1));
  });

  it('drops the oldest beyond 4,096', () => {
    const departed = new Departed();
    for (let id = 0; id < 5_000; id++) departed.note(identity(id));
    expect(departed.find(5_000 - 4_096 - 1)).to.equal(undefined);
    expect(departed.find(5_000 - 4_096)).to.deep.equal(identity(5_000 - 4_096));
    expect(departed.find(4_999)).to.deep.equal(identity(4_999));
  });
});
