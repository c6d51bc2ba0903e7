// Lint rules, and the import directions of the house: which room may look into which.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

// Each room lists the rooms it may import from; everything else is a lint error,
// and spec/contract/rooms.spec.ts fails for a permission that nobody uses.
export const MAY_IMPORT = {
  address: [],
  async: [],
  bytes: [],
  text: [],
  bencode: ['bytes'],
  metainfo: ['address', 'bytes', 'bencode'],
  wire: ['address', 'bytes', 'bencode', 'text'],
  picker: ['bytes'],
  choke: ['address', 'bytes'],
  rate: ['bytes'],
  memory: ['bytes'],
  messages: ['metainfo', 'text'],
  peer: ['address', 'bytes', 'bencode', 'choke', 'rate', 'wire', 'memory', 'messages', 'metainfo'],
  http: ['address', 'async', 'text'],
  tracker: ['address', 'async', 'bytes', 'bencode', 'http', 'text'],
  'tracker-server': ['address', 'bytes', 'bencode', 'tracker'],
  inspect: ['address', 'bytes', 'text', 'tracker'],
  trace: ['address', 'bytes', 'wire', 'messages'],
  threads: [],
  transport: ['address'],
  storage: ['async', 'bytes', 'bencode', 'messages', 'metainfo'],
  verify: ['bytes', 'messages', 'metainfo', 'storage', 'threads'],
  net: [
    'address',
    'bytes',
    'choke',
    'wire',
    'memory',
    'messages',
    'metainfo',
    'peer',
    'rate',
    'storage',
    'text',
    'threads',
    'trace',
    'transport',
  ],
  coordinator: [
    'address',
    'async',
    'bytes',
    'choke',
    'memory',
    'messages',
    'metainfo',
    'picker',
    'rate',
    'storage',
    'text',
    'threads',
    'tracker',
    'transport',
    'verify',
    'wire',
  ],
  doctor: ['address', 'async', 'bytes', 'http', 'messages', 'metainfo', 'text', 'tracker', 'wire'],
  api: [
    'address',
    'async',
    'bytes',
    'doctor',
    'http',
    'inspect',
    'messages',
    'metainfo',
    'storage',
    'text',
    'threads',
    'trace',
    'tracker',
    'tracker-server',
    'transport',
    'verify',
  ],
};

// Beside the public API: small rooms that stand on nothing.
const CLI_MAY_IMPORT = ['cli', 'address', 'async', 'bytes', 'text'];

const ROOMS = [...Object.keys(MAY_IMPORT), 'cli'];

// `require` loads a module when it is needed first: start-up counts, and a dynamic import of a relative
// path would need a file extension that differs between source and compiled code.
const TYPED_REQUIRE = {
  selector: ':not(TSAsExpression) > CallExpression[callee.name="require"]',
  message: "a late load says what it loads: require('./x') as typeof x",
};

// Members are private by the keyword, except where embedders hold the object (CONTRIBUTING.md, "Style").
const NO_HASH_NAMES = {
  selector: 'PrivateIdentifier',
  message: 'members are private by the keyword; only in lib/api by #',
};
const NO_PRIVATE_KEYWORD = {
  // A constructor has no other way.
  selector:
    ':matches(PropertyDefinition, MethodDefinition[kind!="constructor"])[accessibility="private"]',
  message: 'members of lib/api are private by #: embedders hold these objects',
};

// Rooms that get everything as parameters: no socket, file, timer, clock, random source or logger.
export const PURE_ROOMS = [
  'address',
  'async',
  'bencode',
  'bytes',
  'choke',
  'inspect',
  'metainfo',
  'peer',
  'picker',
  'rate',
  'text',
  'trace',
  'wire',
];
const SYSTEM_MODULES = [
  'node:child_process',
  'node:dgram',
  'node:dns',
  'node:dns/promises',
  'node:fs',
  'node:fs/promises',
  'node:http',
  'node:https',
  'node:os',
  'node:perf_hooks',
  'node:timers',
  'node:timers/promises',
  'node:tls',
  'node:worker_threads',
  'comlink',
  'p-queue',
  'pino',
  'piscina',
];
const PURE_FORBIDDEN_MODULES = [
  ...SYSTEM_MODULES.map((name) => ({ name })),
  { name: 'node:net', allowImportNames: ['isIP', 'isIPv4', 'isIPv6', 'BlockList'] },
  { name: 'node:crypto', allowImportNames: ['createHash', 'hash'] },
];

const LIB = path.join(import.meta.dirname, 'lib');

/** Files of other rooms that say of themselves, in their first words, that they are pure. */
function pureFilesOf(room) {
  return readdirSync(path.join(LIB, room), { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .filter((file) => readFileSync(path.join(LIB, room, file), 'utf8').startsWith('// PURE.'))
    .map((file) => `lib/${room}/${file}`);
}

// Peer connections know streams, not sockets: only `transport` makes these for them.
const ROOMS_OF_STREAMS = ['net', 'coordinator'];
const SOCKET_MODULES = ['node:net', 'node:tls', 'node:dgram'];

function roomRules(room) {
  if (PURE_ROOMS.includes(room)) return [rulesOf(room, [`lib/${room}/**/*.ts`], true)];
  const pureFiles = pureFilesOf(room);
  return [
    rulesOf(room, [`lib/${room}/**/*.ts`], false),
    ...(pureFiles.length > 0 ? [rulesOf(room, pureFiles, true)] : []),
  ];
}

function rulesOf(room, files, pure) {
  const forbidden = ROOMS.filter((other) => other !== room && !MAY_IMPORT[room].includes(other));
  return {
    files,
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [
            ...(pure ? PURE_FORBIDDEN_MODULES : []).map((module) => ({
              ...module,
              message: 'pure code gets what it needs of the system as a parameter',
            })),
            ...(ROOMS_OF_STREAMS.includes(room) ? SOCKET_MODULES : []).map((name) => ({
              name,
              message: `lib/${room} knows streams only: sockets are made in lib/transport`,
            })),
          ],
          patterns: [
            {
              group: [...forbidden.map((other) => `**/${other}/*`), '**/index', '**/workers/*'],
              message: `lib/${room} may import only: ${MAY_IMPORT[room].join(', ') || 'nothing'} (docs/ARCHITECTURE.md)`,
            },
          ],
        },
      ],
      ...(pure
        ? {
            'no-restricted-globals': [
              'error',
              'setTimeout',
              'setInterval',
              'setImmediate',
              'performance',
              'console',
              'fetch',
            ],
            'no-restricted-properties': [
              'error',
              {
                object: 'AbortSignal',
                property: 'timeout',
                message: 'time is a parameter of pure code',
              },
              { object: 'Date', property: 'now', message: 'time is a parameter of pure code' },
              {
                object: 'Math',
                property: 'random',
                message: 'randomness is a parameter of pure code',
              },
            ],
          }
        : {}),
    },
  };
}

// The coordinator reaches the system by its outlets (`Engine`), so that specs hand in their own. These files are
// the outlets, and `run.ts` puts them together.
const COORDINATOR_OUTLETS = [
  'outlets/app-events',
  'outlets/clock',
  'outlets/disk',
  'outlets/pacers',
  'outlets/peer-threads',
  'run',
];

const ONLY_OUTLETS = {
  files: ['lib/coordinator/**/*.ts'],
  ignores: COORDINATOR_OUTLETS.map((name) => `lib/coordinator/${name}.ts`),
  rules: {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      {
        paths: [
          ...SYSTEM_MODULES.filter((name) => name !== 'p-queue'),
          'node:net',
          'node:crypto',
        ].map((name) => ({ name, message: 'the coordinator reaches the system by its outlets' })),
        patterns: [
          {
            group: ['**/storage/*'],
            // Types, and what only computes.
            allowTypeImports: true,
            allowImportNames: ['entryOf', 'inodeKey', 'stateFile'],
            message: 'the coordinator reaches disks by `engine.disk`',
          },
        ],
      },
    ],
    'no-restricted-globals': [
      'error',
      'setTimeout',
      'setInterval',
      'setImmediate',
      'performance',
      'crypto',
      'console',
      'fetch',
    ],
    'no-restricted-properties': [
      'error',
      { object: 'Date', property: 'now', message: 'use engine.clock.wallMs()' },
      { object: 'Math', property: 'random', message: 'use engine.random()' },
      { object: 'AbortSignal', property: 'timeout', message: 'use engine.clock.after()' },
    ],
  },
};

export default tseslint.config(
  { ignores: ['dist/**', 'coverage/**', 'node_modules/**', 'mutants/found/**'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommended],
    languageOptions: { parserOptions: { project: './spec/tsconfig.json' } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { attributes: false } },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      eqeqeq: 'error',
      // Control characters are what text from outside is searched for.
      'no-control-regex': 'off',
      '@typescript-eslint/no-require-imports': 'off', // see TYPED_REQUIRE
      'no-restricted-syntax': ['error', TYPED_REQUIRE],
    },
  },
  {
    files: ['spec/**/*.ts'],
    rules: { '@typescript-eslint/no-unused-expressions': 'off' }, // chai's property assertions
  },
  {
    files: ['**/*.cjs', '**/*.js'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: {
        require: 'readonly',
        module: 'writable',
        console: 'readonly',
        process: 'readonly',
        __dirname: 'readonly',
      },
    },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: {
      globals: {
        console: 'readonly',
        process: 'readonly',
        URL: 'readonly',
        AbortSignal: 'readonly',
      },
    },
  },
  ...Object.keys(MAY_IMPORT).flatMap(roomRules),
  {
    files: ['lib/**/*.ts', 'workers/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', TYPED_REQUIRE, NO_HASH_NAMES] },
  },
  {
    files: ['lib/api/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', TYPED_REQUIRE, NO_PRIVATE_KEYWORD] },
  },
  ONLY_OUTLETS,
  {
    files: ['lib/cli/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ROOMS.filter((room) => !CLI_MAY_IMPORT.includes(room)).map(
                (room) => `**/${room}/*`,
              ),
              message: 'the command line uses only the public API (lib/index), and small rooms',
            },
          ],
        },
      ],
    },
  },
);
