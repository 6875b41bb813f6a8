import { appendFileSync, readdir, stat, unlink } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { MODE } from './log-file.js'
import type { FileSink } from './log-file.js'
import type { SinkFailure } from './log-output.js'

const CHUNK = 16_384
const ASIDE = /^\.\d{8}T\d{9}Z-/

/** The name of a file that is put aside: those of a folder are in the order of their time. */
export function asideName (path: string, time: Date, suffix: string): string {
  return `${path}.${time.toISOString().replace(/[-:.]/g, '')}-${suffix}`
}

export interface Rotation {
  readonly path: string
  /** Bytes from which on a file is put aside. */
  readonly maxSize: number
  /** That were put aside, and are kept. */
  readonly maxFiles: number
  /**
   * Appends to the file.
   *
   * @param isFull whether it is put aside before, and after what is written then if that fills it again
   */
  readonly open: (isFull: boolean) => Writable
}

/**
 * A file that is put aside when it has become too large. Several processes may write to it (workers, and those that a
 * reload has replaced), and each may rotate it: before each chunk it is looked at, and opened again where another
 * process has put it aside, or where all together have filled it.
 */
export function rotatedSink ({ path, maxSize, maxFiles, open }: Rotation): FileSink {
  let stream: Writable | undefined
  /** Of the file that the stream writes to; 0 while that is not known. */
  let inode = 0

  function letGo (): void {
    stream?.end()
    stream = undefined
    inode = 0
  }

  function opened (isFull: boolean): Writable {
    const made = open(isFull)
    // The write that fails is told of it.
    made.on('error', ignore)
    made.on('rotated', () => { removeOldest(path, maxFiles) })
    return made
  }

  function write (chunk: Buffer, done: (failure?: SinkFailure) => void, isAgain = false): void {
    stat(path, (error, file) => {
      const isFull = error === null && file.size >= maxSize
      // There is none while another process puts it aside.
      if (isFull || (inode !== 0 && (error !== null || file.ino !== inode))) letGo()
      const current = stream ??= opened(isFull)
      current.write(chunk, error => {
        if (error != null) {
          if (current === stream) letGo()
          // Another process has put it aside just before.
          if (isFull && !isAgain) write(chunk, done, true)
          else done({ error, rest: chunk })
        } else if (isFull || current !== stream) {
          // Whoever rotates does that alone: a failure to do so after a write would have it written again.
          if (current === stream) letGo()
          done()
        } else {
          stat(path, (error, file) => {
            inode = error === null && current === stream ? file.ino : 0
            done()
          })
        }
      })
    })
  }

  return {
    chunkSize: CHUNK,
    write: (chunk, done) => { write(chunk, done) },
    writeNow (chunk) {
      try {
        appendFileSync(path, chunk, { mode: MODE })
      } catch {
        // The process ends, and there is nobody to tell.
      }
    },
    reopen: letGo,
    close: letGo
  }
}

function removeOldest (path: string, kept: number): void {
  const [folder, base] = [dirname(path), basename(path)]
  readdir(folder, (_error, names = []) => {
    const aside = names.filter(name => name.startsWith(base) && ASIDE.test(name.slice(base.length))).sort()
    // Another process may have been faster.
    for (const name of aside.slice(0, Math.max(0, aside.length - kept))) unlink(join(folder, name), ignore)
  })
}

function ignore (): void {}
