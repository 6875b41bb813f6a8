import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { Random } from '../../fuzz/random.js'
import type { ArrivalRecord } from './journal.js'
import { fail, respond } from './respond.js'
import type { Framing, Responder } from './respond.js'
import { Target } from './target.js'
import { talk } from './websocket.js'

/** How long a target keeps connections that nobody uses: some longer than the gateway would, some shorter than it thinks. */
const KEPT = [5_000, 300]

/** What no parser of HTTP takes for a response. */
const GARBAGE = ['\0\x01\x02', 'SSH-2.0-OpenSSH_9.7\r\n', 'HTTP/1.1 abc\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n12345', 'HTTP/1.1 200 OK\r\nno colon\r\n\r\n', '\x16\x03\x01\x02']

export class Http1Target extends Target {
  readonly #websockets = new WebSocketServer({ noServer: true })
  /** On which a body stands whose end would be theirs. */
  readonly #undelimited = new Set<Socket>()

  protected override createServer (): Server {
    const keepAliveTimeout = KEPT[this.index % KEPT.length] ?? 0
    const server = createServer({ keepAliveTimeout, requestTimeout: 0, headersTimeout: 0 }, (request, response) => this.#onRequest(request, response))
    server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head))
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // One that ends in the middle is broken off, which is honest.
      if (error.code?.startsWith('HPE_') === true && error.code !== 'HPE_INVALID_EOF_STATE') this.journal.strays.push(`${this.name} got what is not HTTP: ${error.message}`)
      socket.destroy()
    })
    return server
  }

  #onRequest (request: IncomingMessage, response: ServerResponse): void {
    const record = this.#enter(request)
    if (record === undefined) {
      response.writeHead(500).end()
      return
    }
    const responder = new Http1Responder(request, response, record, this.#undelimited)
    const wantsEvents = request.headers.accept === 'text/event-stream'
    respond(responder, record, this.answerFor(record.number), wantsEvents).catch(fail)
  }

  #onUpgrade (request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const record = this.#enter(request)
    if (record === undefined) {
      socket.destroy()
      return
    }
    record.uploaded('whole')
    socket.on('error', () => {})
    talk(this.#websockets, request, socket, head, record, new Random(this.seed, 4, this.index, record.number))
  }

  protected override endsBody (socket: Socket): boolean {
    return this.#undelimited.has(socket)
  }

  #enter ({ method = '', url = '', headers }: IncomingMessage): ArrivalRecord | undefined {
    return this.journal.enter(this.name, method, url, this.faultFor, headers)
  }
}

class Http1Responder implements Responder {
  readonly isHttp2 = false
  readonly uploaded: Promise<unknown>
  readonly #socket: IncomingMessage['socket']

  constructor (readonly request: IncomingMessage, readonly response: ServerResponse, record: ArrivalRecord, readonly undelimited: Set<Socket>) {
    this.#socket = request.socket
    request.on('error', () => {})
    response.on('error', () => {})
    request.on('data', (chunk: Buffer) => record.add(chunk))
    this.uploaded = new Promise<void>(resolve => {
      const onLost = (): void => {
        record.uploaded('broken')
        resolve()
      }
      request.on('end', () => {
        // What comes behind the end of its response Node throws away, and says that it came.
        record.uploaded(request.complete && !response.writableFinished ? 'whole' : 'broken')
        this.#socket.off('close', onLost)
        resolve()
      })
      // Node tells a request nothing of its connection's end once it has its response.
      this.#socket.on('close', onLost)
    })
  }

  get isGone (): boolean {
    return this.#socket.destroyed
  }

  hold (): void {
    this.request.pause()
  }

  release (): void {
    this.request.resume()
  }

  head (status: number, fields: Record<string, string>, length: number, framing: Framing): void {
    const { response } = this
    if (framing === 'close') this.#delimitByClose()
    response.writeHead(status, { ...fields, ...(framing === 'length' && { 'content-length': length }), ...(framing === 'close' && { connection: 'close' }) })
    response.flushHeaders()
  }

  #delimitByClose (): void {
    const socket = this.#socket
    this.response.removeHeader('transfer-encoding')
    this.undelimited.add(socket)
    this.response.once('finish', () => this.undelimited.delete(socket))
    socket.once('close', () => this.undelimited.delete(socket))
  }

  async write (bytes: Buffer): Promise<void> {
    await new Promise<void>(resolve => {
      this.#socket.once('close', resolve)
      this.response.write(bytes, () => {
        this.#socket.off('close', resolve)
        resolve()
      })
    })
  }

  end (): void {
    this.response.end()
  }

  reset (): void {
    this.#socket.resetAndDestroy()
  }

  close (): void {
    this.#socket.end()
  }

  spoil (variant: number): void {
    const garbage = this.response.headersSent ? 'xyz\r\n' : GARBAGE[variant % GARBAGE.length] ?? ''
    this.#socket.write(garbage, 'latin1')
    if (variant % 2 === 0) this.#socket.end()
  }
}
