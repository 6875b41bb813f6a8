import type { AsyncResource } from 'node:async_hooks'
import { Readable } from 'node:stream'
import type { BodySink } from '../upstream/pool.js'
import { GatewayError } from './errors.js'
import { readStream } from './stream-body.js'

/** A response's body as a stream, for code that takes its time or wants to change it: it costs each piece several ticks. */
export class HeldBody implements BodySink {
  readonly stream: Readable
  readonly #scope: AsyncResource
  #hasEnded = false

  /** @param scope of the exchange; the connection that the body comes on has none */
  constructor (resume: () => void, scope: AsyncResource) {
    this.stream = new Readable({ read: resume })
    this.#scope = scope
    // An error that nobody hears ends the process.
    this.stream.on('error', ignore)
  }

  write (chunk: Buffer): boolean {
    return this.#scope.runInAsyncScope(push, undefined, this.stream, chunk)
  }

  /** Whoever reads the stream decides when the head leaves. */
  flush (): void {}

  end (): void {
    this.#hasEnded = true
    this.#scope.runInAsyncScope(push, undefined, this.stream, null)
  }

  /** Over HTTP/2 an upstream may still refuse the rest of an upload when its response has ended. */
  fail (error: Error): void {
    if (!this.#hasEnded) this.#scope.runInAsyncScope(destroy, undefined, this.stream, error)
  }

  /** What it broke with; `undefined` while it is well. */
  get error (): Error | undefined {
    return this.stream.errored ?? undefined
  }
}

function push (stream: Readable, chunk: Buffer | null): boolean {
  return stream.push(chunk)
}

function destroy (stream: Readable, error: Error): void {
  stream.destroy(error)
}

function ignore (): void {}

/** A body that comes by a stream: the held one, or what a hook has made of it. */
export class StreamedBody {
  readonly #held: HeldBody
  readonly #stream: Readable
  readonly #timeout: number
  #sink: BodySink | undefined
  #clock: NodeJS.Timeout | undefined

  /** @param timeout milliseconds without a byte that anybody waits for */
  constructor (held: HeldBody, stream: Readable, timeout: number) {
    this.#held = held
    this.#stream = stream
    this.#timeout = timeout
  }

  /** Gives it to `sink`, which is told as well when it breaks off. `pipe` does not pass errors on, so both streams are heard. */
  deliverTo (sink: BodySink): void {
    const stream = this.#stream
    this.#sink = sink
    this.#startClock()
    for (const one of new Set([this.#held.stream, stream])) one.on('error', error => this.#fail(error))
    stream.once('close', () => this.#closed())
    readStream(stream, this)
    setImmediate(() => { if (!stream.destroyed) sink.flush() })
  }

  write (chunk: unknown): boolean {
    const bytes = bytesOf(chunk)
    if (bytes === undefined) {
      this.#stream.destroy(new TypeError('a body is made of bytes and text'))
      return false
    }
    this.#clock?.refresh()
    if (this.#sink?.write(bytes) !== false) return true
    // The client is waited for, which has a clock of its own.
    clearTimeout(this.#clock)
    return false
  }

  end (): void {
    clearTimeout(this.#clock)
    this.#sink?.end()
  }

  resume (): void {
    this.#startClock()
    this.#stream.resume()
  }

  /** When all of a service's response has come, its connection has no clock for it any more. */
  #startClock (): void {
    this.#clock = setTimeout(() => this.#stream.destroy(new Error(`silent for ${this.#timeout} ms`)), this.#timeout)
  }

  /** The exchange has ended. */
  destroy (): void {
    this.#stream.destroy()
  }

  /** The stream of a hook that only ever ends its source is closed without an error. */
  #closed (): void {
    clearTimeout(this.#clock)
    if (!this.#stream.readableEnded) this.#fail(new Error('the stream was closed before its end'))
  }

  /** Whose fault it is, is seen by the source. */
  #fail (error: Error): void {
    this.#sink?.fail(this.#held.error === undefined ? new GatewayError('INTERNAL_ERROR', undefined, error) : error)
  }
}

/** A stream may be one of text, or of anything at all. */
function bytesOf (chunk: unknown): Buffer | undefined {
  if (Buffer.isBuffer(chunk)) return chunk
  return typeof chunk === 'string' || chunk instanceof Uint8Array ? Buffer.from(chunk) : undefined
}

/** What a `transformResponse` has returned, as a stream. */
export function streamOf (made: unknown): Readable {
  if (made instanceof Readable) return made
  if (isIterable(made)) return Readable.from(made)
  throw new TypeError('a stream or an async iterable was to be returned')
}

function isIterable (made: unknown): made is AsyncIterable<unknown> {
  return typeof made === 'object' && made !== null && Symbol.asyncIterator in made
}
