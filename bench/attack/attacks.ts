// The attacks of `bench:attack`. Each is a way to cost the engine more than it costs the peer.

export const ATTACKS = {
  'never-read': 'ask for blocks and read none of them',
  trickle: 'ask for blocks and read a byte a second',
  crumbs: 'ask for single bytes of blocks',
  'flapping-requests': 'ask for a block and take it back at once',
  cancel: 'have 1,900 requests wait, and take back one that was never made',
  'dropped-request': 'ask while choked',
  idle: 'be interested, and ask for nothing',
  crawl: 'ask for blocks, and read one a second',
  'keep-alive': 'keep-alives',
  choke: 'choke and unchoke in turn',
  interest: 'not interested and interested in turn',
  segments: 'the same, each in a TCP segment of its own',
  have: 'the same piece again and again',
  unknown: 'messages of an unknown id',
  'long-unknown': 'the same, 32 kB each',
  extended: 'extended handshakes',
  'late-bitfield': 'bitfields that say nothing new',
  'come-and-go': 'connect, shake hands, leave, come back',
  reconnect: 'connect, send a bitfield of 2,097,152 pieces but one, leave, come back',
} as const;

export type AttackName = keyof typeof ATTACKS;
