import { close, constants, openSync } from 'node:fs'
import { LogOutput } from './log-output.js'
import type { LogOutputOptions, Sink, SinkFailure } from './log-output.js'
import { fileSink } from './stdout.js'

/** Nobody but the gateway's user and group reads addresses of clients. */
export const MODE = 0o640
/** Of a pipe without a reader, opening fails at once: it would wait, and the process with it. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK

/** A sink that can let go of its file. */
export interface FileSink extends Sink {
  /** Goes on in the file that has the name now. @throws when it cannot be opened; lines go on to where they went then */
  reopen (): void
  close (): void
}

/** A file that lines are appended to, which may be rotated by whoever likes. */
export class LogFile {
  readonly output: LogOutput
  readonly #sink: FileSink

  constructor (sink: FileSink, options: LogOutputOptions) {
    this.#sink = sink
    this.output = new LogOutput(sink, options)
  }

  reopen (): void {
    this.#sink.reopen()
  }

  /** @param timeout milliseconds until which the last lines must be written */
  async close (timeout: number): Promise<void> {
    await this.output.drain(timeout)
    this.#sink.close()
  }
}

/** @throws when the file cannot be opened */
export function appendingSink (path: string): FileSink {
  let fd = openSync(path, FLAGS, MODE)
  let sink = fileSink(fd)
  let isWriting = false
  return {
    chunkSize: sink.chunkSize,
    write (chunk, done) {
      const own = fd
      isWriting = true
      sink.write(chunk, (failure?: SinkFailure) => {
        isWriting = false
        if (own !== fd) close(own)
        done(failure)
      })
    },
    writeNow: chunk => { sink.writeNow(chunk) },
    reopen () {
      const next = openSync(path, FLAGS, MODE)
      // What is being written goes to the old one still.
      if (!isWriting) close(fd)
      fd = next
      sink = fileSink(fd)
    },
    close: () => { if (!isWriting) close(fd) }
  }
}
