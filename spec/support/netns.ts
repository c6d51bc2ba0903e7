// Two network namespaces with a cable between them: addresses that are not loopback (some clients
// refuse peers on 127/8), and nothing of the machine's own network touched.

import { execFileSync } from 'node:child_process';
import type { Place } from './clients-process';

export interface Cable {
  readonly here: Place;
  readonly there: Place;
  remove(): void;
}

const ip = (...args: string[]): Buffer => execFileSync('ip', args, { stdio: 'pipe' });

/** Needs root. The names carry the process id, so that runs side by side do not meet. */
export function layCable(): Cable {
  const names = [`millrace-${process.pid}-a`, `millrace-${process.pid}-b`] as const;
  const remove = (): void => {
    for (const name of names) {
      try {
        ip('netns', 'delete', name); // Takes its end of the cable with it.
      } catch {
        // Never made, or gone already.
      }
    }
  };
  process.once('exit', remove);
  try {
    for (const name of names) ip('netns', 'add', name);
    const [a, b] = names;
    ip('-n', a, 'link', 'add', 'cable', 'type', 'veth', 'peer', 'name', 'cable', 'netns', b);
    const places = names.map((name, index): Place => {
      const address = `10.73.0.${index + 1}`;
      ip('-n', name, 'address', 'add', `${address}/24`, 'dev', 'cable');
      for (const device of ['lo', 'cable']) ip('-n', name, 'link', 'set', device, 'up');
      return { address, enter: ['ip', 'netns', 'exec', name] };
    });
    return { here: places[0] as Place, there: places[1] as Place, remove };
  } catch (error) {
    remove();
    throw error;
  }
}
