// Loaded before everything else: if the process may open too few files to load the command, this
// prints one line where Node would print a stack.

const WORDS: Readonly<Record<string, string>> = {
  EMFILE:
    'this process may have too few files open to begin with: raise that limit (see `ulimit -n`), 256 are enough',
  ENFILE:
    'the system has as many files open as it can: close other programs, or raise its limit (`fs.file-max`)',
};

process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
  // The message of a MillraceError is one line that says what to do.
  const words = error.code === 'thread-start-failed' ? error.message : WORDS[error.code ?? ''];
  // Anything else is a bug, so its stack is printed.
  process.stderr.write(words === undefined ? `${error.stack ?? error}\n` : `millrace: ${words}\n`);
  process.exit(1);
});
