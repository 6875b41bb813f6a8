/** Where lines go in the end: takes one chunk at a time. */
export interface Sink {
  /** Characters that are written at once. */
  readonly chunkSize: number
  /** @param done is told how it went; an error says whether to try again, and what was left to write then */
  write (chunk: Buffer, done: (failure?: SinkFailure) => void): void
  /** Writes what it can without waiting. */
  writeNow (chunk: Buffer): void
}

export interface SinkFailure {
  readonly error: NodeJS.ErrnoException
  /** What was not written; absent: nobody will ever read it. */
  readonly rest?: Buffer
}

export interface LogOutputOptions {
  /** Characters that wait at most; what comes beyond is dropped and counted. */
  maxWaiting: number
  /** Of the line that says how many were dropped: makes it of their number. */
  lostLine: (dropped: number) => string
  /** Is told once that lines cannot be written. */
  warn: (message: string) => void
}

/** Milliseconds that a line waits for others at most. */
const LINGER = 100
/** Milliseconds until a write that failed is tried again: a disk that is full seldom stays so. */
const RETRY = 1_000

/** Control characters beyond ASCII, which some terminals obey (ECMA-48); JSON escapes only those below U+0020. */

const CONTROLS = /[\x7f-\x9f]/

const EACH_CONTROL = /[\x7f-\x9f]/g

/**
 * Where the lines of a log are written to, several at a time: a write for each would cost more than the request that
 * it tells of. A disk that is full, or a reader that stopped, never ends the process, never makes it wait, and never
 * takes more than a bounded memory: lines that have no room are dropped and counted.
 */
export class LogOutput {
  readonly #sink: Sink
  readonly #options: LogOutputOptions
  #current = ''
  #full: string[] = []
  /** Of all that waits, what is being written included. */
  #size = 0
  #writing = 0
  #dropped = 0
  #isClosed = false
  #hasWarned = false
  #timer: NodeJS.Timeout | undefined
  #onWritten: (() => void) | undefined
  #captured: string | undefined

  constructor (sink: Sink, options: LogOutputOptions) {
    this.#sink = sink
    this.#options = options
  }

  /** @param line with its line break */
  write (line: string): void {
    if (this.#captured !== undefined) {
      this.#captured += line
    } else if (this.#size + line.length > this.#options.maxWaiting) {
      this.#dropped++
      this.#warn('nobody reads it')
    } else if (!this.#isClosed) {
      this.#add(line)
    }
  }

  /** What is written meanwhile, which goes nowhere else. */
  capture (run: () => void): string {
    this.#captured = ''
    run()
    const captured = this.#captured
    this.#captured = undefined
    return captured
  }

  /**
   * Waits until everything is written, or cannot be.
   *
   * @param timeout milliseconds
   */
  async drain (timeout: number): Promise<void> {
    this.#flush()
    if (this.#writing === 0) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, timeout)
      this.#onWritten = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** At the end of the process, when nothing can be waited for. */
  writeNow (): void {
    const text = this.#full.join('') + this.#current
    this.#full = []
    this.#current = ''
    if (text !== '') this.#sink.writeNow(bytesOf(text))
  }

  #add (line: string): void {
    this.#size += line.length
    // Whole lines: on a pipe, a write of up to 4 KiB is never mixed with that of another process.
    if (this.#current.length + line.length > this.#sink.chunkSize) this.#flush()
    this.#current += line
    if (this.#writing === 0) this.#flushSoon()
  }

  #flushSoon (): void {
    this.#timer ??= setTimeout(() => this.#flush(), LINGER).unref()
  }

  #flush (): void {
    if (this.#current !== '') this.#full.push(this.#current)
    this.#current = ''
    if (this.#writing === 0) this.#next()
  }

  #next (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const chunk = this.#full.shift()
    if (chunk === undefined) return
    this.#writing = chunk.length
    this.#sink.write(bytesOf(chunk), this.#written)
  }

  readonly #written = (failure?: SinkFailure): void => {
    if (failure !== undefined) {
      this.#failed(failure)
      return
    }
    this.#size -= this.#writing
    this.#writing = 0
    if (this.#dropped > 0 && this.#size < this.#options.maxWaiting / 2) this.#tellDropped()
    if (this.#full.length > 0) {
      this.#next()
    } else {
      this.#onWritten?.()
      if (this.#current !== '') this.#flushSoon()
    }
  }

  #failed ({ error, rest }: SinkFailure): void {
    this.#warn(error.message)
    if (rest === undefined) {
      this.#close()
    } else {
      // It stays what is being written, so that nothing overtakes it.
      setTimeout(() => this.#sink.write(rest, this.#written), RETRY).unref()
    }
  }

  #tellDropped (): void {
    const line = this.#options.lostLine(this.#dropped)
    this.#dropped = 0
    this.#add(line)
  }

  #close (): void {
    this.#isClosed = true
    this.#full = []
    this.#current = ''
    this.#size = 0
    this.#onWritten?.()
  }

  #warn (reason: string): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#options.warn(`The log cannot be written (${reason}). The service goes on; lines wait for a while, then they are dropped and counted.`)
  }
}

function bytesOf (text: string): Buffer {
  return Buffer.from(CONTROLS.test(text) ? text.replace(EACH_CONTROL, escaped) : text)
}

function escaped (character: string): string {
  return `\\u00${character.charCodeAt(0).toString(16)}`
}
