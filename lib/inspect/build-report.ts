// Builds the report on one conversation with a tracker from its overheard data: bytes are
// dissected, secrets masked, hints added. Pure computation.

import type { ByteRange } from './hexdump';
import { toHex } from '../bytes/hex';
import { percentEncode } from '../bytes/percent';
import type { ErrorRecord } from '../errors/millrace-error';
import type { AnnounceEvent, AnnounceReply, ScrapeReply } from '../tracker/announce';
import { AFTER_THE_END, dissectBencode } from './dissect-bencode';
import { dissectHttpHead } from './dissect-http';
import { dissectUdpReply, dissectUdpRequest, udpPacketName } from './dissect-udp';
import { hintsFor } from './hints';
import type { Overheard } from '../tracker/overhear';
import { maskBytes, maskText, redactUrl, secretsOf } from '../text/redact';
import type { ReportField, ReportPacket, TrackerReport } from './report';

export interface Observation {
  readonly what: Overheard;
  /** Milliseconds since the conversation began. */
  readonly atMs: number;
}

/** One request and its result: one of `announced`, `scraped` and `failure` is set. */
export interface Conversation {
  readonly kind: 'announce' | 'scrape';
  readonly url: string;
  readonly infoHash: Uint8Array;
  readonly event?: AnnounceEvent;
  readonly observations: readonly Observation[];
  readonly elapsedMs: number;
  readonly announced?: AnnounceReply;
  readonly scraped?: ScrapeReply;
  readonly failure?: ErrorRecord;
  readonly stoppedAfter?: boolean;
}

/**
 * Parameters that we add to a tracker's URL: they are not secrets, even in the URL of a redirect.
 */
const OWN_KEYS =
  'info_hash peer_id port uploaded downloaded left compact no_peer_id numwant key event trackerid'.split(
    ' ',
  );

export function buildReport(talk: Conversation, showSecrets: boolean): TrackerReport {
  const { kind, url, infoHash, event, observations, announced, scraped, failure } = talk;
  const secrets = showSecrets ? [] : secretsIn(talk);
  const mask = (text: string): string => maskText(text, secrets);
  const packets = observations.flatMap((each) =>
    packetsOf(each, observations, secrets, showSecrets),
  );

  const sent = packets.filter(({ direction }) => direction === 'sent');
  const received = packets.filter(({ direction }) => direction === 'received');
  const asked = sent.filter(({ what }) => what !== CONNECT_REQUEST).at(-1) ?? sent.at(-1);
  const first = isHttp(url) ? sent[0] : asked;
  const answers = received.filter(({ what }) => !NO_ANSWERS.includes(what));
  const http = lastOf(observations, 'http-answer');
  const counts = scraped?.counts[0];
  const { seeds, leechers } = announced ?? counts ?? {};
  const { peers = [], droppedPeers = 0, intervalSec, warning } = announced ?? {};
  const reason = failure?.details?.reason;

  const hints = hintsFor({
    kind,
    url,
    infoHash,
    event,
    failureCode: failure?.code,
    failureReason: reason === undefined ? undefined : String(reason),
    cause: failure?.details?.cause === undefined ? undefined : String(failure.details.cause),
    status: http?.status,
    body:
      (lastOf(observations, 'http-body') ?? http)?.body ?? lastOf(observations, 'not-http')?.bytes,
    bytesAfterReply: bytesAfterReply(answers.at(-1)),
    redirectedTo: redirectIn(observations),
    packetsReceived: received.map(({ what }) => what),
    packetsSent: sent.length,
    peers: announced && peers.length,
    droppedPeers,
    seeds,
    leechers,
  });
  return {
    kind,
    url: showSecrets ? url : redactUrl(url),
    protocol: /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? '',
    ok: peers.length > 0 || seeds !== undefined || leechers !== undefined,
    infoHash: toHex(infoHash),
    infoHashEscaped: percentEncode(infoHash),
    requestUrl: requestUrlIn(observations, secrets, showSecrets),
    request: fieldsOf(first),
    attempts: sent.length,
    status: http?.status,
    elapsedMs: Math.round(talk.elapsedMs * 10) / 10,
    trackerIp: announced?.trackerIp ?? scraped?.trackerIp ?? trackerIpIn(observations),
    reply: fieldsOf(answers.at(-1)),
    failure: failure && {
      code: failure.code,
      message: mask(failure.message),
      reason: reason === undefined ? undefined : mask(String(reason)),
    },
    warning: warning === undefined ? undefined : mask(warning),
    peers: peers.map(({ host, port }) => ({ host, port })),
    droppedPeers,
    seeds,
    leechers,
    completed: counts?.completed,
    intervalSec,
    stoppedAfter: talk.stoppedAfter,
    hints: hints.map(mask),
    packets,
  };
}

const CONNECT_REQUEST = 'connect request';
/** Received packets that are not the final reply. */
const NO_ANSWERS: readonly string[] = [
  'connect reply',
  'HTTP answer, head',
  'HTTP answer, compressed body',
];

function isHttp(url: string): boolean {
  return /^https?:/i.test(url);
}

function packetsOf(
  { what, atMs }: Observation,
  observations: readonly Observation[],
  secrets: readonly string[],
  showSecrets: boolean,
): ReportPacket[] {
  const received = { direction: 'received', atMs } as const;
  const dissected = (bytes: Uint8Array, ranges: readonly ByteRange[]) => ({
    bytes: maskBytes(bytes, secrets),
    ranges: ranges.map((range) => ({
      ...range,
      label: maskText(range.label, secrets),
      value: maskText(range.value, secrets),
    })),
  });
  const headed = (head: string) => {
    const text = showSecrets ? head : withoutCredentials(maskText(head, secrets));
    return { bytes: Buffer.from(text, 'latin1'), ranges: dissectHttpHead(text) };
  };
  switch (what.type) {
    case 'http-request':
      return [{ direction: 'sent', what: 'HTTP request', atMs, ...headed(what.head) }];
    case 'http-answer': {
      const head = { ...received, what: 'HTTP answer, head', ...headed(what.head) };
      const { body } = what;
      if (body.length === 0) return [head];
      if (!isCompressed(what.head)) {
        return [
          head,
          { ...received, what: 'HTTP answer, body', ...dissected(body, dissectBencode(body)) },
        ];
      }
      // A conversation has only one complete body, so the decompressed one belongs to it.
      const compressed = compressedBody(body, lastOf(observations, 'http-body')?.body, secrets);
      return [head, { ...received, what: 'HTTP answer, compressed body', ...compressed }];
    }
    case 'http-body': {
      const { body } = what;
      return [{ ...received, what: 'HTTP answer, body', ...dissected(body, dissectBencode(body)) }];
    }
    case 'not-http': {
      const { bytes } = what;
      const whole = {
        startByte: 0,
        endByte: bytes.length,
        kind: 'bad',
        label: 'not HTTP',
        value: '',
      } as const;
      return [
        {
          ...received,
          what: 'bytes that are not HTTP',
          ...dissected(bytes, bytes.length > 0 ? [whole] : []),
        },
      ];
    }
    case 'datagram': {
      const { packet, direction, family } = what;
      const ranges =
        direction === 'sent' ? dissectUdpRequest(packet) : dissectUdpReply(packet, family);
      const shown = dissected(packet, ranges);
      const options =
        direction === 'sent' ? ranges.filter(({ label }) => label === 'URL data') : [];
      // A secret that is split over two options would be found in neither.
      const split = options.length > 1 && secrets.length > 0;
      return [
        {
          direction,
          what: udpPacketName(packet, direction),
          atMs,
          ...(split ? withoutRanges(shown, 'URL data') : shown),
        },
      ];
    }
  }
}

function isCompressed(head: string): boolean {
  const encodings = head.matchAll(/^(?:content|transfer)-encoding:[ \t]*(.*?)[ \t]*\r?$/gim);
  return [...encodings].some(([, value = '']) => !/^(identity|chunked)?$/i.test(value));
}

/**
 * Secrets cannot be masked inside compressed bytes, which a reader could decompress: all or nothing
 * is masked.
 */
function compressedBody(
  body: Uint8Array,
  decompressed: Uint8Array | undefined,
  secrets: readonly string[],
): Pick<ReportPacket, 'bytes' | 'ranges'> {
  const clean =
    secrets.length === 0 ||
    (decompressed !== undefined && maskBytes(decompressed, secrets) === decompressed);
  const why = decompressed === undefined ? 'may repeat secrets' : 'repeats secrets';
  const whole: ByteRange = {
    startByte: 0,
    endByte: body.length,
    kind: 'frame',
    label: clean ? 'compressed' : `compressed; masked, as it ${why}`,
    value: '',
  };
  return { bytes: clean ? body : new Uint8Array(body.length).fill(0x2a), ranges: [whole] };
}

function withoutRanges(
  { bytes, ranges }: { readonly bytes: Uint8Array; readonly ranges: readonly ByteRange[] },
  label: string,
): { readonly bytes: Uint8Array; readonly ranges: readonly ByteRange[] } {
  const masked = Uint8Array.from(bytes);
  for (const range of ranges) {
    if (range.label === label) masked.fill(0x2a, range.startByte, range.endByte);
  }
  return {
    bytes: masked,
    ranges: ranges.map((range) => (range.label === label ? { ...range, value: 'masked' } : range)),
  };
}

/** Only values: frames contain them. Invalid parts are shown, too. */
function fieldsOf(packet: ReportPacket | undefined): ReportField[] {
  const ranges = packet?.ranges ?? [];
  return ranges.flatMap(({ kind, label, value }) =>
    kind === 'frame' ? [] : [{ name: label, value }],
  );
}

/** Bytes after a complete reply are a separate range; absent if there are none. */
function bytesAfterReply(packet: ReportPacket | undefined): number | undefined {
  const range = packet?.ranges.find(({ kind, label }) => kind === 'bad' && label === AFTER_THE_END);
  return range && range.endByte - range.startByte;
}

/** Most secrets: a hostile URL may have thousands, and each is searched in every packet. */
const MAX_SECRETS = 100;

/** The secrets of the tracker's URL, also as encoded in URL data, and of redirects. */
function secretsIn({ url, observations }: Conversation): string[] {
  const others = observations.flatMap(({ what }) => {
    if (what.type === 'http-request') return [what.url];
    if (what.type !== 'http-answer') return [];
    const location = /^location:\s*(.*?)\s*$/im.exec(what.head)?.[1] ?? '';
    return URL.canParse(location, url) ? [new URL(location, url).href] : [];
  });
  const own = URL.canParse(url) ? [url, new URL(url).href] : [url];
  const found = [
    ...own.flatMap((each) => secretsOf(each, ['info_hash'])),
    ...others.flatMap((each) => secretsOf(each, OWN_KEYS)),
  ];
  return [...new Set(found)].sort((a, b) => b.length - a.length).slice(0, MAX_SECRETS);
}

/** Basic authentication contains the name and password in another form. */
function withoutCredentials(head: string): string {
  return head.replace(
    /^((?:proxy-)?authorization: )(.*)$/gim,
    (_, name: string, value: string) => name + '*'.repeat(value.length),
  );
}

function requestUrlIn(
  observations: readonly Observation[],
  secrets: readonly string[],
  showSecrets: boolean,
): string | undefined {
  const request = observations.find(({ what }) => what.type === 'http-request')?.what;
  if (request?.type !== 'http-request') return undefined;
  if (showSecrets) return request.url;
  const url = new URL(request.url);
  url.username = '';
  url.password = '';
  return maskText(url.href, secrets);
}

function redirectIn(observations: readonly Observation[]): string | undefined {
  const requests = observations.flatMap(({ what }) =>
    what.type === 'http-request' ? [what.url] : [],
  );
  return requests.length > 1 ? requests.at(-1) : undefined;
}

function trackerIpIn(observations: readonly Observation[]): string | undefined {
  const answer = lastOf(observations, 'http-answer');
  if (answer !== undefined) return answer.remoteIp;
  const datagram = lastOf(observations, 'datagram');
  return datagram?.direction === 'received' ? datagram.address : undefined;
}

function lastOf<Type extends Overheard['type']>(
  observations: readonly Observation[],
  type: Type,
): Extract<Overheard, { readonly type: Type }> | undefined {
  const found = observations.filter(({ what }) => what.type === type).at(-1)?.what;
  return found as Extract<Overheard, { readonly type: Type }> | undefined;
}
