// A recurring event is logged once a minute.

import { expect } from 'chai';
import { LogThrottle } from '../../lib/errors/log-throttle';

describe('errors: the log throttle', () => {
  it('lets an event through at once, then once a minute with the number of occurrences', () => {
    const throttle = new LogThrottle();
    const logged: (number | undefined)[] = [];
    for (let ms = 0; ms <= 120_000; ms += 1000) logged.push(throttle.note(ms));
    expect(logged.filter((times) => times !== undefined)).to.deep.equal([1, 60, 60]);
    expect(logged[0]).to.equal(1);
    expect(new LogThrottle().note(0)).to.equal(1);
  });
});
