// Opens files for their data. A FIFO without a partner would block for ever, and a device may do
// anything: files are opened without blocking, examined, and refused unless they are regular.
import * as fs from 'node:fs';
import type { Stats } from 'node:fs';
import { MillraceError } from '../errors/millrace-error';

const { O_RDONLY, O_APPEND, O_CREAT, O_WRONLY } = fs.constants;
// Windows has none of these; there 0 leaves the other flags unchanged.
const NO_BLOCK = fs.constants.O_NONBLOCK ?? 0;
const NO_TERMINAL = fs.constants.O_NOCTTY ?? 0;
const NO_FOLLOW = fs.constants.O_NOFOLLOW ?? 0;

export const OPEN_TO_READ = O_RDONLY;
/**
 * Creates the file if it is missing. Does not truncate: use `ftruncate` once the file is known to
 * be regular.
 */
export const OPEN_TO_WRITE = O_WRONLY | O_CREAT;
export const OPEN_TO_APPEND = OPEN_TO_WRITE | O_APPEND;

export interface OpenOptions {
  /** Open the target of a link at the end of the path. Default true. */
  readonly followLink?: boolean;
}

/**
 * Opens a regular file; never blocks on others. Throws system errors, and `not-a-regular-file`,
 * which names the path and the kind of file.
 */
export function openRegular(file: string, flags: number, options: OpenOptions = {}): number {
  let fd: number;
  try {
    fd = fs.openSync(file, safeFlags(flags, options), 0o666);
  } catch (error) {
    throw explain(file, error, () =>
      options.followLink === false ? fs.lstatSync(file) : fs.statSync(file),
    );
  }
  try {
    refuseOthers(file, fs.fstatSync(fd));
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/** Like `openRegular`, without blocking the thread. */
export async function openRegularAsync(
  file: string,
  flags: number,
  options: OpenOptions = {},
): Promise<fs.promises.FileHandle> {
  let handle: fs.promises.FileHandle;
  try {
    handle = await fs.promises.open(file, safeFlags(flags, options), 0o666);
  } catch (error) {
    const look = options.followLink === false ? fs.promises.lstat : fs.promises.stat;
    const found = await look(file).catch(() => undefined);
    throw explain(file, error, () => found);
  }
  try {
    refuseOthers(file, await handle.stat());
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Throws `not-a-regular-file` for a path that exists and is not regular; links are followed. */
export function requireRegular(file: string): void {
  const found = fs.statSync(file, { throwIfNoEntry: false });
  if (found !== undefined) refuseOthers(file, found);
}

/** The kind of file, worded to follow "it is". */
export function kindOf(found: Pick<Stats, keyof Stats & `is${string}`>): string {
  if (found.isFile()) return 'a regular file';
  if (found.isDirectory()) return 'a folder';
  if (found.isSymbolicLink()) return 'a symbolic link';
  if (found.isFIFO()) return 'a named pipe (FIFO)';
  if (found.isSocket()) return 'a socket';
  return 'a device';
}

function safeFlags(flags: number, { followLink = true }: OpenOptions): number {
  return flags | NO_BLOCK | NO_TERMINAL | (followLink ? 0 : NO_FOLLOW);
}

function refuseOthers(file: string, found: Stats): void {
  if (!found.isFile()) throw notRegular(file, found);
}

function notRegular(file: string, found: Stats): MillraceError {
  const kind = kindOf(found);
  return new MillraceError(
    'not-a-regular-file',
    `${file} is ${kind}, not a regular file: move it away, or name another place`,
    { path: file, kind },
  );
}

/**
 * A socket, a FIFO without a reader (ENXIO) and a link that is not followed (ELOOP) cannot be
 * opened: the kind of file is more helpful than the code.
 */
function explain(file: string, error: unknown, look: () => Stats | undefined): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (!['ENXIO', 'ELOOP', 'EISDIR', 'ENODEV', 'EOPNOTSUPP'].includes(code)) return error;
  try {
    const found = look();
    return found === undefined || found.isFile() ? error : notRegular(file, found);
  } catch {
    return error;
  }
}
