// The tracker of the public API: which options it takes.

import { expect } from 'chai';
import { startTracker } from '../../lib/index';
import type { MillraceError, TrackerServerOptions } from '../../lib/index';

describe('api: startTracker', () => {
  it('lists the allowed values of its options', async () => {
    const wrong: [TrackerServerOptions, string][] = [
      [{ port: -1 }, 'port'],
      [{ udpPort: 65_536 }, 'udpPort'],
      [{ intervalSec: 0 }, 'intervalSec'],
      [{ intervalSec: 86_401 }, 'intervalSec'],
      [{ intervalSec: Number.NaN }, 'intervalSec'],
      [{ limits: { maxPeers: 0 } }, 'limits.maxPeers'],
      [{ limits: { maxPeers: 2 ** 31 + 1 } }, 'limits.maxPeers'],
      [{ limits: { maxPeers: -Infinity } }, 'limits.maxPeers'],
      [{ limits: { maxConnections: 1.5 } }, 'limits.maxConnections'],
      [
        { limits: { requestsPerSecPerIp: 'many' as unknown as number } },
        'limits.requestsPerSecPerIp',
      ],
    ];
    for (const [options, option] of wrong) {
      const error = await startTracker(options).then(
        () => undefined,
        (reason: unknown) => reason as MillraceError,
      );
      expect(error, option).to.include({ code: 'bad-option' });
      expect(error?.message).to.match(
        /^option .* must be ((false|Infinity) or )?a whole number from \d+ to \d+, not /,
      );
      const allowed = / must be (.*), not /.exec(error?.message ?? '')?.[1];
      expect(error?.details).to.deep.equal({ option, allowed });
    }
  });

  it('accepts Infinity as no limit', async () => {
    const limits = { maxPeers: Infinity, maxConnections: Infinity, requestsPerSecPerIp: Infinity };
    const tracker = await startTracker({ limits });
    await tracker.close();
  });
});
