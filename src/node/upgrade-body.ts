import type { IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { Socket } from 'node:net'
import type { BodyReceiver } from './parsed-body.js'

/*
 * What Node's server makes of the body of a request whose connection it gives away ('upgrade'), and documents nowhere:
 * - Up to Node 24 nothing. The body stands on the connection as it came, and the request says that it is complete.
 * - From 26 on it is parsed. Where some of it is still to come, the listener gets a stream in the place of the
 *   connection, which reads the connection once the body has ended, and is of no other use.
 */

const kBody = Symbol('body')
const kStream = Symbol('stream')

type GivenConnection = Socket & { [kStream]?: Duplex }
type RequestOnConnection = IncomingMessage & { [kBody]?: BodyOnConnection }

/** The connection that Node gave away, also where it gave a stream in its place. */
export function connectionOf (request: IncomingMessage, given: unknown): Socket | undefined {
  if (given instanceof Socket) return given
  /* c8 ignore start -- from Node 26 on: npm run test:nodes */
  if (!(given instanceof Duplex)) return undefined
  const connection: GivenConnection = request.socket
  connection[kStream] = given
  return connection
}
/* c8 ignore stop */

/** Takes the connection from the stream that stood in its place, and what that had read already. */
export function takeFromStream (connection: GivenConnection): void {
  const stream = connection[kStream]
  if (stream === undefined) return
  /* c8 ignore start -- from Node 26 on: npm run test:nodes */
  connection.removeAllListeners('data')
  const rest: Buffer[] = []
  for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) rest.push(chunk)
  if (rest.length > 0) connection.unshift(Buffer.concat(rest))
}
/* c8 ignore stop */

/** Notes that the body of a request, of so many bytes, stands on its connection, where Node does not parse it. */
export function noteBodyOnConnection (request: RequestOnConnection, length: number): void {
  /* c8 ignore next -- from Node 26 on: npm run test:nodes */
  if (!request.complete || request.readableLength > 0) return
  request.complete = false
  request[kBody] = new BodyOnConnection(request, length)
}

/** The body of a request that Node does not parse. */
export function bodyOnConnection (request: RequestOnConnection): BodyOnConnection | undefined {
  return request[kBody]
}

/** A body that Node does not parse, of a known length. What stands behind it stays on the connection. */
export class BodyOnConnection {
  readonly #request: IncomingMessage
  #remaining: number
  #receiver: BodyReceiver | undefined
  readonly #onData = (chunk: Buffer): void => this.#read(chunk)

  constructor (request: IncomingMessage, length: number) {
    this.#request = request
    this.#remaining = length
  }

  deliverTo (receiver: BodyReceiver): void {
    this.#receiver = receiver
    this.#request.socket.on('data', this.#onData)
    this.resume()
  }

  resume (): void {
    this.#request.socket.resume()
  }

  stop (): void {
    this.#receiver = undefined
    this.#request.socket.off('data', this.#onData)
  }

  #read (chunk: Buffer): void {
    const { socket } = this.#request
    const receiver = this.#receiver
    const piece = chunk.subarray(0, this.#remaining)
    this.#remaining -= piece.length
    if (this.#remaining > 0) {
      if (receiver?.write(piece) === false) socket.pause()
      return
    }
    this.stop()
    socket.pause()
    if (piece.length < chunk.length) socket.unshift(chunk.subarray(piece.length))
    this.#request.complete = true
    receiver?.write(piece)
    receiver?.end()
  }
}
