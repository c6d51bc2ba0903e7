// The IP filter: the time to read a list, and to check one peer against it. The largest public lists have
// 300,000 ranges.

import { load } from '../support/engine';
import type { Engine } from '../support/engine';
import { seededRandom } from './task';
import type { MicroTask } from './task';
import type * as FilterModule from '../../lib/address/ip-filter';
import type * as ListModule from '../../lib/address/ip-list';
import type * as RangesModule from '../../lib/address/ip-ranges';

const RANGES = [1000, 300_000];
const CHECKS = 256;

export function* ipFilterTasks(engine: Engine): Generator<MicroTask> {
  const { IpFilter } = load<typeof FilterModule>(engine, 'address/ip-filter');
  const { IpListReader } = load<typeof ListModule>(engine, 'address/ip-list');
  const { RangeList } = load<typeof RangesModule>(engine, 'address/ip-ranges');
  for (const ranges of RANGES) {
    const random = seededRandom(ranges);
    const ipv4 = (): string => {
      const address = Math.floor(random() * 2 ** 32);
      return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
    };
    const ipv6 = (): string =>
      `2001:${Array.from({ length: 7 }, () => Math.floor(random() * 65_536).toString(16)).join(':')}`;
    let text = '';
    for (let range = 0; range < ranges; range++) {
      const address = ipv4();
      // One in sixteen is IPv6.
      if (range % 16 === 0) text += `${ipv6()}/120\n`;
      else text += `Some Organization, Inc:${address}-${address}\n`;
    }
    const read = (): FilterModule.IpFilter => {
      const list = new RangeList();
      const reader = new IpListReader(list);
      reader.read(text);
      reader.finish();
      return IpFilter.refusing(list, undefined);
    };
    yield {
      subject: 'IP filter: read a line of a list',
      case: { ranges },
      units: ranges,
      run: read,
    };
    const filter = read();
    for (const [family, host] of [
      ['ipv4', ipv4],
      ['ipv6', ipv6],
    ] as const) {
      const hosts = Array.from({ length: CHECKS }, host);
      yield {
        subject: `IP filter: check an ${family} peer`,
        case: { ranges },
        units: CHECKS,
        run: () => hosts.filter((each) => filter.refuses(each)).length,
      };
    }
  }
}
