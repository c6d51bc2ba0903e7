// What the interop specs need from the machine. Where something is missing they are skipped and
// print why, except in CI (CI=true), where a skipped spec would hide a failure.

import { spawnSync } from 'node:child_process';

/** How each need is tested, and which Debian package provides it. */
const NEEDS = {
  opentracker: { try: ['sh', '-c', 'command -v opentracker'], from: 'package opentracker' },
  libtorrent: {
    try: ['/usr/bin/python3', '-c', 'import libtorrent'],
    from: 'package python3-libtorrent',
  },
  aria2: { try: ['aria2c', '--version'], from: 'package aria2' },
  transmission: {
    try: ['sh', '-c', 'command -v transmission-cli'],
    from: 'package transmission-cli',
  },
  qbittorrent: { try: ['qbittorrent-nox', '--version'], from: 'package qbittorrent-nox' },
  rtorrent: { try: ['sh', '-c', 'command -v rtorrent'], from: 'package rtorrent' },
  tshark: { try: ['tshark', '--version'], from: 'package tshark' },
  namespaces: {
    try: ['sh', '-c', 'n=millrace-try-$$; ip netns add $n && ip netns delete $n'],
    from: 'root and package iproute2',
  },
} as const;

export type Need = keyof typeof NEEDS;

const found = new Map<Need, boolean>();

function has(need: Need): boolean {
  let present = found.get(need);
  if (present === undefined) {
    const [file = '', ...args] = NEEDS[need].try;
    present = spawnSync(file, args, { stdio: 'ignore' }).status === 0;
    found.set(need, present);
  }
  return present;
}

/** A `describe` that runs where everything it needs is there. */
export function describeWith(needs: readonly Need[], title: string, body: () => void): void {
  const missing = needs.filter((need) => !has(need));
  if (missing.length === 0) {
    describe(title, body);
    return;
  }
  const reason = missing.map((need) => `${need} (${NEEDS[need].from})`).join(', ');
  if (process.env.CI === 'true') {
    describe(title, () => {
      it('has what it needs', () => {
        throw new Error(`missing on this machine: ${reason}`);
      });
    });
  } else {
    describe.skip(`${title} [skipped, missing: ${reason}]`, body);
  }
}
