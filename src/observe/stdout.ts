import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import type { Sink, SinkFailure } from './log-output.js'

/** What a pipe takes in one piece (PIPE_BUF, at least 4 KiB on Linux). */
const ATOMIC = 4_096
const CHUNK = 16_384

/**
 * The process's standard output as a sink that never makes the process wait. Node's thread pool does: a write to a
 * pipe that nobody reads holds its thread for good, and the process cannot even exit.
 */
export function stdoutSink (fd = 1): Sink {
  const stat = fstatSync(fd)
  return stat.isFIFO() || stat.isSocket() ? streamSink(nonBlocking(fd)) : fileSink(fd)
}

/**
 * A description of the pipe that is this process's own: not to block is a property of the description, and others have
 * it, too (the other workers, the shell). Where it cannot be opened (a socket, another user's pipe, no /proc), it is
 * Node's own stream.
 */
function nonBlocking (fd: number): Writable {
  try {
    const own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
    const socket = new Socket({ fd: own, readable: false, writable: true })
    // The log keeps no process alive.
    socket.unref()
    return socket
  } catch {
    return process.stdout
  }
}

export function streamSink (stream: Writable): Sink {
  // Each write is told of it as well.
  stream.on('error', ignore)
  return {
    chunkSize: ATOMIC,
    write: (chunk, done) => { stream.write(chunk, error => done(error == null ? undefined : { error })) },
    writeNow: chunk => { stream.write(chunk) }
  }
}

/** A file, /dev/null, a terminal: a write may fail, and later succeed. */
export function fileSink (fd: number): Sink {
  function writeAll (bytes: Buffer, done: (failure?: SinkFailure) => void): void {
    write(fd, bytes, (error, written) => {
      if (error !== null) done({ error, rest: bytes })
      else if (written < bytes.length) writeAll(bytes.subarray(written), done)
      else done()
    })
  }

  return {
    chunkSize: CHUNK,
    write: writeAll,
    writeNow (chunk) {
      try {
        writeSync(fd, chunk)
      } catch {
        // The process ends, and there is nobody to tell.
      }
    }
  }
}

function ignore (): void {}
