// Network namespaces with cables between them: addresses that are not loopback (some clients refuse
// peers on 127/8), and the machine's own network stays untouched.

import { execFileSync } from 'node:child_process';
import type { Place } from './process';

export interface Cable {
  readonly here: Place;
  readonly there: Place;
  remove(): void;
}

const ip = (...args: string[]): Buffer => execFileSync('ip', args, { stdio: 'pipe' });

/** Needs root. The names contain the process id, so that parallel runs do not collide. */
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

/** A second cable between the two places, by which the first one must not send. */
export interface SecondWay {
  /** An address of `there` to which both cables lead: the first as long as it is there. */
  readonly far: string;
  /** Takes the first cable's addresses away, as a VPN that goes down does. */
  cut(): void;
  /** Gives its address back. */
  mend(): void;
  /** Packets that `here` has sent over the second cable. */
  sent(): number;
}

export function laySecondWay({ here, there }: Cable): SecondWay {
  const [a, b] = [here, there].map(({ enter }) => enter.at(-1) ?? '') as [string, string];
  const enter = (name: string, ...args: string[]): void =>
    void execFileSync('ip', ['netns', 'exec', name, ...args], { stdio: 'pipe' });
  const far = '10.76.0.1';
  ip('-n', a, 'link', 'add', 'second', 'type', 'veth', 'peer', 'name', 'second', 'netns', b);
  for (const [index, name] of [a, b].entries()) {
    // IPv6 would send by itself.
    enter(name, 'sysctl', '-q', 'net.ipv6.conf.second.disable_ipv6=1');
    ip('-n', name, 'address', 'add', `10.75.0.${index + 1}/24`, 'dev', 'second');
    ip('-n', name, 'link', 'set', 'second', 'up');
  }
  ip('-n', b, 'address', 'add', `${far}/32`, 'dev', 'lo');
  const route = (): void =>
    void ip('-n', a, 'route', 'add', 'default', 'via', there.address, 'metric', '10');
  route();
  ip('-n', a, 'route', 'add', 'default', 'via', '10.75.0.2', 'metric', '100');
  return {
    far,
    cut: () => void ip('-n', a, 'address', 'flush', 'dev', 'cable'),
    mend: () => {
      ip('-n', a, 'address', 'add', `${here.address}/24`, 'dev', 'cable');
      route();
    },
    sent: () =>
      Number(
        execFileSync('ip', [
          'netns',
          'exec',
          a,
          'cat',
          '/sys/class/net/second/statistics/tx_packets',
        ]),
      ),
  };
}

export interface Lan {
  /** One namespace each, all on one switch. */
  readonly places: readonly Place[];
  /** Sets the uplink of the first namespace. */
  setUplink(kbit: number): void;
  remove(): void;
}

/**
 * Namespaces on a switch. A token bucket limits what the first one sends to `uplinkKbit`; the
 * others are not limited. Needs root.
 */
export function layLan(count: number, uplinkKbit: number): Lan {
  const name = (which: string): string => `millrace-${process.pid}-${which}`;
  const hub = name('hub');
  const names = Array.from({ length: count }, (_, index) => name(`lan${index}`));
  const remove = (): void => {
    for (const each of [...names, hub]) {
      try {
        ip('netns', 'delete', each);
      } catch {
        // Never made, or gone already.
      }
    }
  };
  process.once('exit', remove);
  try {
    ip('netns', 'add', hub);
    ip('-n', hub, 'link', 'add', 'switch', 'type', 'bridge');
    ip('-n', hub, 'link', 'set', 'switch', 'up');
    const places = names.map((each, index): Place => {
      const port = `port${index}`;
      const address = `10.74.0.${index + 1}`;
      ip('netns', 'add', each);
      ip('-n', each, 'link', 'add', 'lan', 'type', 'veth', 'peer', 'name', port, 'netns', hub);
      ip('-n', hub, 'link', 'set', port, 'master', 'switch', 'up');
      ip('-n', each, 'address', 'add', `${address}/24`, 'dev', 'lan');
      for (const device of ['lo', 'lan']) ip('-n', each, 'link', 'set', device, 'up');
      return { address, enter: ['ip', 'netns', 'exec', each] };
    });
    const tc = (verb: 'add' | 'change', kbit: number): void => {
      const bucket = ['tbf', 'rate', `${kbit}kbit`, 'burst', '64kb', 'latency', '100ms'];
      execFileSync('tc', ['-n', name('lan0'), 'qdisc', verb, 'dev', 'lan', 'root', ...bucket]);
    };
    tc('add', uplinkKbit);
    return { places, setUplink: (kbit) => tc('change', kbit), remove };
  } catch (error) {
    remove();
    throw error;
  }
}
