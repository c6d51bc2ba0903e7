// `millrace info`: shows the content of a .torrent, or of a magnet link. Contacts only the site
// of a URL.

import { toHex } from '../../bytes/hex';
import type { Command } from 'commander';
import type { Metainfo } from '../../index';
import { EXIT } from '../context';
import type { Context, RunFlags, Runner } from '../context';
import { torrentOrMagnet } from '../options/parsers';
import { jsonOption, secretsOption } from '../options/shared';
import { shownUrl } from '../output/secrets';
import { plural } from '../../text/counts';
import { formatBytes } from '../../text/quantities';
import { contentBytesOf } from '../output/content';
import { linkFacts, linkRecord } from '../output/magnet';
import { jsonLine, printable } from '../output/text';
import { isLink, readSource } from '../transfer/source';

/** Shown instead of a size. */
const LINK = 'link';

const HELP = `
Examples:
  millrace info debian.iso.torrent
  millrace info https://example.org/dataset.torrent --json
  millrace info 'magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a'

Of a magnet link it shows what the link says: peers are not asked what the torrent holds.`;

export function define(command: Command, run: Runner): void {
  command
    .argument(
      '<torrent>',
      'path or http(s) URL of a .torrent file, or a magnet link',
      torrentOrMagnet,
    )
    .addOption(jsonOption())
    .addOption(secretsOption())
    .addHelpText('after', HELP)
    .action((source: string, flags: InfoFlags) =>
      run(flags, (context) => info(source, flags, context)),
    );
}

interface InfoFlags extends RunFlags {
  readonly showSecrets?: boolean;
}

export async function info(
  source: string,
  flags: InfoFlags,
  { api, io, signal }: Context,
): Promise<number> {
  const showUrl = shownUrl(flags, api);
  const read = await readSource(source, api, { signal });
  if (isLink(read)) {
    const record = { type: 'magnet', ...linkRecord(read, showUrl) };
    io.stdout(flags.json ? jsonLine(record) : linkFacts(read, showUrl));
    return EXIT.done;
  }
  const magnet = magnetLinkOf(read, showUrl, api);
  const shown = withTrackers(read, showUrl);
  for (const text of flags.json ? jsonParts(shown, magnet) : describe(shown, magnet))
    io.stdout(text);
  return EXIT.done;
}

/** The link to a torrent, for others to use. */
interface ShownMagnet {
  readonly link: string;
  /** Number of trackers that the link leaves out, because their URLs contain secrets. */
  readonly trackersLeftOut: number;
}

function magnetLinkOf(
  metainfo: Metainfo,
  showUrl: (url: string) => string,
  api: Context['api'],
): ShownMagnet {
  const trackers = metainfo.trackers.map((tier) => tier.filter((url) => showUrl(url) === url));
  const trackersLeftOut = metainfo.trackers.flat().length - trackers.flat().length;
  return { link: api.formatMagnet({ ...metainfo, trackers }), trackersLeftOut };
}

/** The same torrent with its tracker URLs in printable form. */
export function withTrackers(metainfo: Metainfo, showUrl: (url: string) => string): Metainfo {
  const { trackers, ignoredTrackers } = metainfo;
  return {
    ...metainfo,
    trackers: trackers.map((tier) => tier.map(showUrl)),
    ...(ignoredTrackers && {
      ignoredTrackers: ignoredTrackers.map(({ url, reason }) => ({ url: showUrl(url), reason })),
    }),
  };
}

/** The fields that `info`, `create` and `share` print with `--json`. */
export function recordOf(metainfo: Metainfo): object {
  return {
    ...headOf(metainfo),
    files: metainfo.files.map(fileRecord),
    symlinks: (metainfo.symlinks ?? []).map(symlinkRecord),
  };
}

/** The JSON line, in parts. */
export function* jsonParts(metainfo: Metainfo, magnet: ShownMagnet): Generator<string, void, void> {
  const head = jsonLine({ type: 'info', ...headOf(metainfo), magnet: magnet.link });
  yield `${head.slice(0, -'}\n'.length)},"files":[`;
  yield* listParts(metainfo.files, fileRecord);
  yield '],"symlinks":[';
  yield* listParts(metainfo.symlinks ?? [], symlinkRecord);
  yield ']}\n';
}

/** The entries of a list as JSON, with commas between them. */
function* listParts<Entry>(
  entries: readonly Entry[],
  record: (entry: Entry) => object,
): Generator<string, void, void> {
  for (let at = 0; at < entries.length; at += LINES_AT_ONCE) {
    const some = jsonLine(entries.slice(at, at + LINES_AT_ONCE).map(record));
    yield (at === 0 ? '' : ',') + some.slice('['.length, -']\n'.length);
  }
}

/** Everything except the lists, which may be long. */
function headOf(metainfo: Metainfo): object {
  return {
    infoHash: toHex(metainfo.infoHash),
    infoHashV2: metainfo.infoHashV2 ? toHex(metainfo.infoHashV2) : null,
    name: metainfo.name,
    ...(metainfo.rawName !== undefined && { rawName: metainfo.rawName }),
    ...(metainfo.names !== undefined && { names: metainfo.names }),
    multiFile: metainfo.multiFile,
    totalBytes: contentBytesOf(metainfo),
    paddingBytes: metainfo.paddingBytes ?? 0,
    pieceLengthBytes: metainfo.pieceLengthBytes,
    pieceCount: metainfo.pieceCount,
    private: metainfo.private,
    trackers: metainfo.trackers,
    ignoredTrackers: metainfo.ignoredTrackers ?? [],
    ignoredTrackerCount: metainfo.ignoredTrackerCount ?? 0,
    comment: metainfo.comment ?? null,
    createdBy: metainfo.createdBy ?? null,
    creationDateSec: metainfo.creationDateSec ?? null,
  };
}

function fileRecord(file: Metainfo['files'][number]): object {
  const { path, rawPath, lengthBytes, executable, hidden } = file;
  return {
    path: path.join('/'),
    ...(rawPath && { rawPath }),
    lengthBytes,
    ...(executable && { executable }),
    ...(hidden && { hidden }),
  };
}

function symlinkRecord({ path, target }: NonNullable<Metainfo['symlinks']>[number]): object {
  return { path: path.join('/'), target: target.join('/') };
}

/** Lines that are joined before they are printed: a torrent may have 200,000 files. */
const LINES_AT_ONCE = 500;

/** The same as text, some lines at a time: one fact per line, then the files. */
export function* describe(metainfo: Metainfo, magnet: ShownMagnet): Generator<string, void, void> {
  let lines: string[] = [];
  yield [...factLines(metainfo), ...magnetLines(magnet)].join('');
  for (const line of fileLines(metainfo)) {
    if (lines.push(line) < LINES_AT_ONCE) continue;
    yield lines.join('');
    lines = [];
  }
  yield lines.join('');
}

/** Facts about the whole torrent, one per line. */
export function* factLines(metainfo: Metainfo): Generator<string, void, void> {
  const { pieceCount, pieceLengthBytes, creationDateSec, infoHashV2, paddingBytes = 0 } = metainfo;
  const facts: [string, string | undefined][] = [
    ['name', metainfo.name],
    ['in torrent', metainfo.rawName],
    ['info hash', toHex(metainfo.infoHash)],
    ['v2 hash', infoHashV2 && `${toHex(infoHashV2)} (hybrid; transferred as version 1)`],
    ['size', sizeOf(contentBytesOf(metainfo))],
    ['padding', paddingBytes === 0 ? undefined : `${sizeOf(paddingBytes)} of zeros, never stored`],
    ['pieces', `${pieceCount} of ${sizeOf(pieceLengthBytes)}`],
    ['private', metainfo.private ? 'yes: peers only from its trackers' : 'no'],
    ['comment', metainfo.comment],
    ['created by', metainfo.createdBy],
    ['created', creationDateSec === undefined ? undefined : dateOf(creationDateSec)],
    ...metainfo.trackers.map((tier, index): [string, string] => [
      index === 0 ? 'trackers' : '',
      tier.join(' '),
    ]),
    ...ignoredFacts(metainfo),
  ];
  for (const [label, value] of facts) {
    if (value !== undefined) yield `${label.padEnd(12)}${printable(value)}\n`;
  }
}

function* magnetLines({ link, trackersLeftOut }: ShownMagnet): Generator<string, void, void> {
  yield `${'magnet'.padEnd(12)}${printable(link)}\n`;
  if (trackersLeftOut === 0) return;
  const left = `${plural(trackersLeftOut, 'tracker')} with keys in the URL`;
  yield `${''.padEnd(12)}(without ${left}: --show-secrets adds them)\n`;
}

function* fileLines(metainfo: Metainfo): Generator<string, void, void> {
  yield `${'files'.padEnd(12)}${metainfo.files.length}${renamedRemark(metainfo)}\n`;
  const longest = metainfo.files.reduce((most, file) => Math.max(most, file.lengthBytes), 0);
  const width = Math.max(String(longest).length, metainfo.symlinks === undefined ? 0 : LINK.length);
  for (const file of metainfo.files) {
    const shown = `${printable(file.path.join('/'))}${marksOf(file)}`;
    yield `  ${String(file.lengthBytes).padStart(width)}  ${shown}\n`;
  }
  for (const { path, target } of metainfo.symlinks ?? []) {
    yield `  ${LINK.padStart(width)}  ${printable(`${path.join('/')} → ${target.join('/')}`)}\n`;
  }
}

/** Tracker URLs of the torrent that are not used, with reasons. */
function ignoredFacts({
  ignoredTrackers = [],
  ignoredTrackerCount = 0,
}: Metainfo): [string, string][] {
  const facts = ignoredTrackers.map(({ url, reason }): [string, string] => [
    'not used',
    `${url}: ${reason}`,
  ]);
  const more = ignoredTrackerCount - ignoredTrackers.length;
  if (more > 0) facts.push(['', `and ${plural(more, 'more tracker URL')}`]);
  return facts;
}

/** Number of files with another name on disk than in the torrent. */
function renamedRemark({ files }: Metainfo): string {
  const renamed = files.filter(({ rawPath }) => rawPath !== undefined).length;
  return renamed === 0 ? '' : `, ${renamed} of them renamed so that they can be stored`;
}

function marksOf({ executable, hidden, rawPath }: Metainfo['files'][number]): string {
  const marks = [...(executable ? ['executable'] : []), ...(hidden ? ['hidden'] : [])];
  if (rawPath)
    marks.push(`in the torrent: ${rawPath.map((part) => `"${printable(part)}"`).join(' / ')}`);
  return marks.length === 0 ? '' : ` (${marks.join(', ')})`;
}

function sizeOf(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : `${bytes} bytes (${formatBytes(bytes)})`;
}

/**
 * The creation date may be any number; dates that JavaScript cannot represent are shown as numbers.
 */
function dateOf(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds} s after 1970` : date.toISOString();
}
