import type { ServerResponse } from 'node:http'
import type { ServerConnection } from './server-connection.js'

/*
 * Node's HTTP server hands out all requests of a connection as soon as they are parsed, and lets the responses behind
 * the first wait without a socket. What it documents nowhere: such a response emits 'socket' when its turn comes, and
 * nothing at all when the connection is closed before.
 */

/** Requests of one connection that may wait before no more are read. With fewer a client that hangs up is noticed. */
const MAX_WAITING = 64

const kPipeline = Symbol('pipeline')

type Pipelined = ServerConnection & { [kPipeline]?: Pipeline }

/**
 * Calls `next` when the responses before this one on its connection are written, or `abandoned` when the connection is
 * closed before. Only for a response that has no socket yet.
 */
export function whenTurnComes (response: ServerResponse, next: () => void, abandoned: () => void): void {
  const connection: Pipelined = response.req.socket
  connection[kPipeline] ??= new Pipeline(connection)
  connection[kPipeline].add(response, next, abandoned)
}

/** The requests of one connection that wait for their turn. */
class Pipeline {
  readonly #connection: ServerConnection
  readonly #waiting = new Set<() => void>()
  #isHeld = false

  constructor (connection: ServerConnection) {
    this.#connection = connection
    connection.once('close', () => {
      for (const abandoned of this.#waiting) abandoned()
      this.#waiting.clear()
    })
  }

  add (response: ServerResponse, next: () => void, abandoned: () => void): void {
    this.#waiting.add(abandoned)
    response.once('socket', () => {
      this.#waiting.delete(abandoned)
      this.#allowReading()
      // Node goes on with the response after this event.
      process.nextTick(next)
    })
    if (this.#waiting.size === MAX_WAITING + 1) process.nextTick(() => this.#holdReading())
  }

  /** After the parser: Node reads on at the end of every request that it has parsed. */
  #holdReading (): void {
    // A connection without a parser was given away for an upgrade: its reading is no longer Node's server's.
    if (this.#connection.parser == null) return
    this.#isHeld = true
    this.#connection.pause()
  }

  #allowReading (): void {
    if (!this.#isHeld || this.#waiting.size > MAX_WAITING / 2) return
    this.#isHeld = false
    if (this.#connection.parser != null) this.#connection.resume()
  }
}
