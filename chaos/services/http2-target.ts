import { createServer, constants } from 'node:http2'
import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Server, Socket } from 'node:net'
import { outsideReads, whenEnded } from '../streams.js'
import type { ArrivalRecord } from './journal.js'
import { fail, respond } from './respond.js'
import type { Framing, Responder } from './respond.js'
import { Target } from './target.js'

/** A service that speaks HTTP/2 without TLS. */
export class Http2Target extends Target {
  protected override createServer (): Server {
    const server = createServer()
    server.on('session', session => {
      session.on('error', () => {})
    })
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => this.#onStream(stream, headers))
    return server
  }

  #onStream (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on('error', () => {})
    const record = this.journal.enter(this.name, String(headers[':method']), String(headers[':path']), this.faultFor, headers)
    if (record === undefined) {
      stream.respond({ ':status': 500 }, { endStream: true })
      return
    }
    const responder = new Http2Responder(stream, record, this.sockets)
    respond(responder, record, this.answerFor(record.number), headers.accept === 'text/event-stream').catch(fail)
  }
}

class Http2Responder implements Responder {
  readonly isHttp2 = true
  readonly uploaded: Promise<unknown>

  constructor (readonly stream: ServerHttp2Stream, record: ArrivalRecord, readonly sockets: ReadonlySet<Socket>) {
    stream.on('data', (chunk: Buffer) => record.add(chunk))
    this.uploaded = new Promise<void>(resolve => {
      whenEnded(stream, isWhole => {
        record.uploaded(isWhole ? 'whole' : 'broken')
        resolve()
      })
    })
  }

  get isGone (): boolean {
    return this.stream.destroyed || this.stream.closed
  }

  hold (): void {
    this.stream.pause()
  }

  release (): void {
    this.stream.resume()
  }

  head (status: number, fields: Record<string, string>, length: number, framing: Framing): void {
    this.stream.respond({ ':status': status, ...fields, ...(framing === 'length' && { 'content-length': String(length) }) })
  }

  async write (bytes: Buffer): Promise<void> {
    await new Promise<void>(resolve => {
      this.stream.once('close', resolve)
      this.stream.write(bytes, () => {
        this.stream.off('close', resolve)
        resolve()
      })
    })
  }

  end (): void {
    this.stream.end()
  }

  /** Node would end the stream before it resets it, were it not destroyed with an error. */
  reset (): void {
    outsideReads(() => {
      // Node closes a stream that was held when it has been read to its end.
      this.stream.resume()
      if (this.isGone) return
      if (this.stream.writableEnded) this.stream.close(constants.NGHTTP2_NO_ERROR)
      else this.stream.destroy(new Error('reset'))
    })
  }

  close (): void {
    if (!this.stream.writableEnded) this.stream.end()
    else if (!this.isGone) this.stream.session?.close()
    // Node closes a stream that was held when it has been read to its end.
    this.stream.resume()
  }

  /** Its connection is lost to all who share it. */
  spoil (variant: number): void {
    const { session } = this.stream
    if (session === undefined) return
    if (variant % 2 === 0) outsideReads(() => session.destroy(new Error('garbage'), constants.NGHTTP2_PROTOCOL_ERROR))
    else this.#socketOf(session)?.write('garbage that is no frame'.repeat(variant))
  }

  /** The session guards its socket against being written to. */
  #socketOf ({ socket: { remotePort } }: Http2Session): Socket | undefined {
    return [...this.sockets].find(socket => socket.remotePort === remotePort)
  }
}
