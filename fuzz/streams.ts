import { ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HAS_PRIORITY, HEADERS, MAX_PAYLOAD, PADDED, PING, PREFACE, PUSH_PROMISE, readFrames, readUint32, RST_STREAM, SETTINGS, writeFrame } from './frames.js'
import type { Frame } from './frames.js'
import type { Field } from './grammar.js'
import { FieldDecoder } from './hpack.js'

/** What one side of a connection sent on a stream, as long as it was not ended. */
export interface Stream {
  readonly id: number
  /** Field blocks, each with how much data came before it. */
  readonly blocks: { fields: Field[], at: number, ends: boolean }[]
  data: string
  /** END_STREAM came. */
  ended: boolean
  /** The code of its RST_STREAM, also after its end. */
  reset: number | undefined
}

/** Reads what one side of a connection sends. It sees no less than any other reader, and what is an error to all is its end. */
export class StreamReader {
  readonly streams = new Map<number, Stream>()
  /** PING and SETTINGS, which the other side has to acknowledge. */
  readonly #asked: Frame[] = []
  /** The data frames' payloads that are not given back to the sender's windows yet. */
  readonly taken: Frame[] = []
  goaway = false
  /** Nothing that follows means anything. */
  broken = false
  readonly #decoder = new FieldDecoder()
  readonly #isClient: boolean
  #hasPreface = false
  #text = ''
  /** Of a field block without its end. */
  #open: { frame: Frame, block: string } | undefined

  constructor (side: 'client' | 'server') {
    this.#isClient = side === 'client'
  }

  /**
   * Reads on.
   *
   * @returns the streams of which something came
   */
  read (text: string): Set<Stream> {
    this.#text += text
    const changed = new Set<Stream>()
    if (this.#isClient && !this.#pastPreface()) return changed
    const { frames, end } = readFrames(this.#text, 0)
    this.#text = this.#text.slice(end)
    for (const frame of frames) {
      const stream = this.broken ? undefined : this.#take(frame)
      if (stream !== undefined) changed.add(stream)
    }
    return changed
  }

  /** The frames that acknowledge what has come. */
  acknowledge (): string {
    return this.#asked.splice(0).map(({ type, payload }) => writeFrame(type, ACK, 0, type === PING ? payload : '')).join('')
  }

  /** Nothing follows: the begin of a data frame is data to whoever does not wait for its end. */
  end (): void {
    const [type, flags] = [this.#text.charCodeAt(3), this.#text.charCodeAt(4)]
    const stream = this.streams.get(readUint32(this.#text, 5) & 0x7fffffff)
    if (this.broken || stream === undefined || stream.ended || stream.reset !== undefined || this.#text.length < 9 || type !== DATA) return
    stream.data += this.#text.slice(flags & PADDED ? 10 : 9)
  }

  #pastPreface (): boolean {
    if (this.#hasPreface) return true
    if (this.#text.length < PREFACE.length) return false
    this.broken = !this.#text.startsWith(PREFACE)
    this.#text = this.#text.slice(PREFACE.length)
    this.#hasPreface = true
    return true
  }

  #take (frame: Frame): Stream | undefined {
    const { type, flags, stream: id, payload } = frame
    if (payload.length > MAX_PAYLOAD || (this.#open !== undefined && (type !== CONTINUATION || id !== this.#open.frame.stream))) {
      this.broken = true
      return undefined
    }
    switch (type) {
      case DATA: return this.#data(frame)
      case HEADERS: return this.#block(frame, this.#unpadded(frame, flags & HAS_PRIORITY ? 5 : 0))
      case CONTINUATION: return this.#open === undefined ? undefined : this.#block(this.#open.frame, this.#open.block + payload, flags)
      case RST_STREAM: return this.#reset(frame)
      // A promise's block would have to be decoded; nobody may send one.
      case PUSH_PROMISE: this.broken = true; return undefined
      case GOAWAY: this.goaway = true; return undefined
      case PING:
      case SETTINGS: if ((flags & ACK) === 0) this.#asked.push(frame)
    }
    return undefined
  }

  #unpadded ({ flags, payload }: Frame, before: number): string {
    const padding = flags & PADDED ? payload.charCodeAt(0) : 0
    const from = before + (flags & PADDED ? 1 : 0)
    if (from + padding > payload.length || Number.isNaN(padding)) this.broken = true
    return payload.slice(from, payload.length - padding)
  }

  #data (frame: Frame): Stream | undefined {
    const data = this.#unpadded(frame, 0)
    const stream = this.streams.get(frame.stream)
    this.taken.push(frame)
    if (this.broken || stream === undefined || stream.ended || stream.reset !== undefined) return undefined
    stream.data += data
    stream.ended = (frame.flags & END_STREAM) !== 0
    return stream
  }

  #block (frame: Frame, block: string, flags = frame.flags): Stream | undefined {
    if (this.broken) return undefined
    this.#open = undefined
    if ((flags & END_HEADERS) === 0) {
      this.#open = { frame, block }
      return undefined
    }
    const fields = this.#decoder.decode(block)
    if (fields === undefined) {
      this.broken = true
      return undefined
    }
    const stream = this.#stream(frame.stream)
    if (stream.ended || stream.reset !== undefined) return undefined
    stream.ended = (frame.flags & END_STREAM) !== 0
    stream.blocks.push({ fields, at: stream.data.length, ends: stream.ended })
    return stream
  }

  /** Also of a stream on which nothing else came. */
  #reset ({ stream: id, payload }: Frame): Stream {
    const stream = this.#stream(id)
    stream.reset ??= readUint32(payload, 0)
    return stream
  }

  #stream (id: number): Stream {
    const stream: Stream = this.streams.get(id) ?? { id, blocks: [], data: '', ended: false, reset: undefined }
    this.streams.set(id, stream)
    return stream
  }
}

/** The streams in what one side of a connection has sent, up to its last byte. */
export function readStreams (text: string, side: 'client' | 'server'): Stream[] {
  const reader = new StreamReader(side)
  reader.read(text)
  reader.end()
  return [...reader.streams.values()]
}
