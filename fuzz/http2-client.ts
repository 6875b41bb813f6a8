import type { Client } from './client.js'
import { grant } from './frames.js'
import { StreamReader } from './streams.js'

/** The side of a client's connection that HTTP/2 expects of it: it answers, and gives windows back. */
export class Http2Client {
  readonly reader = new StreamReader('server')
  /** All bytes that were sent. */
  sent = ''
  #read = 0

  constructor (readonly client: Client) {}

  async send (pieces: readonly string[]): Promise<void> {
    for (const piece of pieces) {
      if (!this.client.socket.writable) return
      this.sent += piece
      await this.client.send([piece])
    }
  }

  /** As {@link Client.until}. Called when all was sent: an answer must not stand within a frame. */
  async until (isDone: () => boolean): Promise<boolean> {
    return await this.client.until(() => {
      this.#answer()
      return this.reader.goaway || this.reader.broken || isDone()
    })
  }

  /** Reads what has come to the end. */
  read (): void {
    this.reader.read(this.client.text.slice(this.#read))
    this.#read = this.client.text.length
  }

  #answer (): void {
    this.read()
    let answers = this.reader.acknowledge()
    for (const { stream, payload } of this.reader.taken.splice(0)) {
      if (payload.length > 0) answers += grant(0, payload.length) + grant(stream, payload.length + 100)
    }
    if (answers === '' || !this.client.socket.writable) return
    this.sent += answers
    this.client.socket.write(answers, 'latin1')
  }
}
