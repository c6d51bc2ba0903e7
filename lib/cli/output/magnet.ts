// What the command line shows of a magnet link. Pure.

import { hostPort } from '../../address/text';
import { toHex } from '../../bytes/hex';
import type { MagnetLink } from '../../index';
import { plural } from '../../text/counts';
import { formatBytes } from '../../text/quantities';
import type { Place } from '../transfer/report';
import { printable } from './text';

/** Most ranges of files in a line; `--json` has all. */
const MAX_RANGES_SHOWN = 20;

type ShowUrl = (url: string) => string;

/** The line at the beginning of a transfer. */
export function linkLine(link: MagnetLink, { folder, port }: Place): string {
  const sources = [plural(link.trackers.length, 'tracker'), plural(link.peers.length, 'peer')];
  const listening = port === undefined ? '' : `; listening on port ${port}`;
  const name = link.name ?? toHex(link.infoHash);
  return printable(
    `${name}: magnet link with ${sources.join(' and ')}; folder ${folder}${listening}`,
  );
}

/** Parameters that Millrace uses if they are valid. */
const KNOWN = ['xt', 'dn', 'tr', 'x.pe', 'ws', 'xl', 'so'];

/** The parts of the link that a download does not use, one sentence each. */
export function linkNotes(link: MagnetLink, showUrl: ShowUrl): string[] {
  const { selection, webSeeds, ignored = [] } = link;
  const notes: string[] = [];
  if (selection)
    notes.push(
      `the magnet link selects files (so=${selectionText(selection)}); files cannot be selected yet, so all are downloaded`,
    );
  if (webSeeds.length > 0)
    notes.push(`web seeds are not used yet: the magnet link names ${webSeeds.length}`);
  const broken = ignored.filter(({ parameter }) => KNOWN.includes(parameter));
  const [first] = broken;
  if (first !== undefined) {
    const others = broken.length - 1;
    const more = others > 0 ? `, and ${plural(others, 'other')}: \`millrace info\` lists them` : '';
    notes.push(`not used of the magnet link: ${ignoredText(first, showUrl)}${more}`);
  }
  return notes.map(printable);
}

/** The fields that are printed with `--json`. */
export function linkRecord(link: MagnetLink, showUrl: ShowUrl): object {
  const { infoHash, infoHashV2, name, rawName, lengthBytes, peers, selection } = link;
  return {
    infoHash: toHex(infoHash),
    infoHashV2: infoHashV2 ? toHex(infoHashV2) : null,
    name: name ?? null,
    ...(rawName !== undefined && { rawName }),
    lengthBytes: lengthBytes ?? null,
    trackers: link.trackers.map(showUrl),
    peers: peers.map(({ host, port }) => hostPort(host, port)),
    webSeeds: link.webSeeds.map(showUrl),
    selection: selection ?? null,
    ignored: (link.ignored ?? []).map(({ parameter, value, reason }) => ({
      parameter: showUrl(parameter),
      value: showUrl(value),
      reason,
    })),
    ignoredCount: link.ignoredCount ?? 0,
  };
}

/** Facts about the link, one per line. */
export function linkFacts(link: MagnetLink, showUrl: ShowUrl): string {
  const { infoHash, infoHashV2, name, rawName, lengthBytes, selection, ignored = [] } = link;
  const facts: [string, string | undefined][] = [
    ['name', name ?? 'not in the link'],
    ['in the link', rawName],
    ['info hash', toHex(infoHash)],
    ['v2 hash', infoHashV2 && `${toHex(infoHashV2)} (hybrid; transferred as version 1)`],
    [
      'size',
      lengthBytes === undefined
        ? undefined
        : `${lengthBytes} bytes (${formatBytes(lengthBytes)}), as the link says`,
    ],
    ...listFacts('trackers', link.trackers.map(showUrl)),
    ...listFacts(
      'peers',
      link.peers.map(({ host, port }) => hostPort(host, port)),
    ),
    ...listFacts('web seeds', link.webSeeds.map(showUrl), ' (not used yet)'),
    ['files', selection && `${selectionText(selection)} (cannot be selected yet: all are)`],
    ...listFacts(
      'not used',
      ignored.map((each) => ignoredText(each, showUrl)),
    ),
  ];
  const more = (link.ignoredCount ?? 0) - ignored.length;
  if (more > 0) facts.push(['', `and ${plural(more, 'more parameter')}`]);
  return facts
    .flatMap(([label, value]) =>
      value === undefined ? [] : `${label.padEnd(12)}${printable(value)}\n`,
    )
    .join('');
}

function listFacts(label: string, values: readonly string[], remark = ''): [string, string][] {
  return values.map((value, at) => [at === 0 ? label : '', value + remark]);
}

function ignoredText(
  { parameter, value, reason }: NonNullable<MagnetLink['ignored']>[number],
  showUrl: ShowUrl,
): string {
  return `${showUrl(parameter)}=${showUrl(value)} (${reason})`;
}

function selectionText(selection: NonNullable<MagnetLink['selection']>): string {
  const shown = selection
    .slice(0, MAX_RANGES_SHOWN)
    .map(({ first, last }) => (first === last ? first : `${first}-${last}`))
    .join(',');
  return selection.length > MAX_RANGES_SHOWN ? `${shown},…` : shown;
}
