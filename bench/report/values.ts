// How the report shows each value of the results: heading, unit, and the better direction.

interface ValueName {
  readonly heading: string;
  readonly better: 'more' | 'less';
}

const NAMES: Readonly<Record<string, ValueName>> = {
  mibPerSec: { heading: 'MiB/s', better: 'more' },
  cpuSecPerGib: { heading: 'CPU s/GiB', better: 'less' },
  userSecPerGib: { heading: 'user s/GiB', better: 'less' },
  systemSecPerGib: { heading: 'system s/GiB', better: 'less' },
  peakRssMib: { heading: 'peak resident MiB', better: 'less' },
  peakAnonymousMib: { heading: 'of it anonymous MiB', better: 'less' },
  rssMib: { heading: 'resident MiB', better: 'less' },
  seedersCpuSecPerGib: { heading: 'seeders CPU s/GiB', better: 'less' },
  waitSec: { heading: 's until unchoked', better: 'less' },
  wallSec: { heading: 'wall s', better: 'less' },
  nsPerUnit: { heading: 'ns (median)', better: 'less' },
  meanNsPerUnit: { heading: 'ns (mean)', better: 'less' },
  p99NsPerUnit: { heading: 'ns (p99)', better: 'less' },
  usPerPiece: { heading: 'µs per piece', better: 'less' },
  addSec: { heading: 's to add', better: 'less' },
  idleCpuPercent: { heading: '% of a core at rest', better: 'less' },
  idleP99Ms: { heading: 'idle p99 ms', better: 'less' },
  idleMaxMs: { heading: 'idle max ms', better: 'less' },
  busyP99Ms: { heading: 'busy p99 ms', better: 'less' },
  busyMaxMs: { heading: 'busy max ms', better: 'less' },
  aboveIdleP99Ms: { heading: 'p99 above idle, ms', better: 'less' },
  downloadSec: { heading: 'download s', better: 'less' },
};

export function headingOf(value: string): string {
  return NAMES[value]?.heading ?? value;
}

export function unitOf(value: string): string {
  return `${headingOf(value)}, ${NAMES[value]?.better ?? 'less'} is better`;
}
