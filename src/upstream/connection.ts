import type { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import { defer, isBusy } from '../node/loop-turn.js'
import type { Deferred } from '../node/loop-turn.js'
import { readBeforeFailing } from '../node/lost-connection.js'
import { isReading, parse, resetOwner, sendOn } from '../node/upstream-connection.js'
import type { ClientSocket } from '../node/upstream-connection.js'
import type { BodySink, ClientConnection, PoolRequest } from './pool.js'

export const kState = Symbol('state')

/** A connection of a pool's. */
export type Connection = ClientSocket & { [kState]: ConnectionState }

/** The pool that a connection belongs to. */
export interface ConnectionOwner {
  /** A response ended well, and the connection may carry the next request. */
  release (connection: Connection): void
  /** The connection is closed. */
  forget (connection: Connection): void
  /** The connection that a request was to have is of no more use; nothing was sent on it. */
  reassign (request: ClientRequest, options: PoolRequest): void
}

/** A connection's state in its pool. */
export class ConnectionState implements Deferred {
  readonly openedAt = Date.now()
  idleSince = 0
  /** Whose request is on it; `undefined` while the connection is idle. */
  holder: PoolRequest | undefined
  /** Who takes the body of the response that is being read. */
  sink: BodySink | undefined
  /** Whether it came about. */
  isEstablished = false
  /** Whether the upstream sent a byte since the connection was acquired. */
  hasResponded = false
  /** Whose it is alone, since a request of theirs has authenticated it. */
  client: ClientConnection | undefined
  /** Whether the connection went over to another protocol, and does not come back. */
  isDetached = false
  #request: ClientRequest | undefined

  constructor (readonly pool: ConnectionOwner, readonly connection: Socket) {}

  /** Puts a request on the connection, at the end of the turn where several go out in it. */
  assign (request: ClientRequest, holder: PoolRequest): void {
    this.holder = holder
    this.hasResponded = false
    this.#request = request
    if (holder.bindsConnection === true) this.client = holder.client
    if (isBusy()) defer(this)
    else this.endOfTurn()
  }

  endOfTurn (): void {
    const { connection, holder } = this
    const request = this.#request
    /* c8 ignore next -- for the types: assign has set both */
    if (request === undefined || holder === undefined) return
    this.#request = undefined
    if (request.reusedSocket) {
      // Its end may have been read meanwhile.
      if (!isOpen(connection)) {
        this.holder = undefined
        connection.destroy()
        this.pool.reassign(request, holder)
        return
      }
      resetOwner(connection, this)
    }
    // Kept as it is from request to request where it can be: arming it anew costs a timer, a write on the socket does not.
    if (connection.timeout !== holder.timeout) connection.setTimeout(holder.timeout)
    sendOn(connection, request)
    if (this.isEstablished && holder.awaitsConnection === true) holder.connected?.()
  }

  established (): void {
    this.isEstablished = true
    if (this.holder?.awaitsConnection === true) this.holder.connected?.()
  }
}

/** Whether neither end has closed. A FIN that has arrived leaves the socket unreadable some ticks before it is closed. */
export function isOpen ({ writable, readable }: Socket): boolean {
  return writable && readable
}

/**
 * Watches over a connection from its first to its last moment.
 *
 * @param connected the event that tells that it came about
 */
export function watch (socket: Socket, connected: 'connect' | 'secureConnect', pool: ConnectionOwner): Connection {
  const connection: Connection = Object.assign(socket, { [kState]: new ConnectionState(pool, socket) })
  connection.once(connected, onConnected)
  connection.on('data', onData)
  connection.on('timeout', onTimeout)
  connection.on('error', onError)
  connection.on('free', onFree)
  connection.on('agentRemove', onAgentRemove)
  connection.on('close', onClose)
  readBeforeFailing(connection)
  return connection
}

/** Takes what has arrived. Whoever has a connection for another protocol may keep it, and reads at a pace of their own. */
export function receive (connection: Connection, bytes: Buffer): boolean {
  const state = connection[kState]
  if (state.isDetached) return connection.push(Buffer.from(bytes))
  parse(connection, bytes)
  state.sink?.flush()
  return true
}

/** The state of the connection that a request has. */
export function stateOf (request: ClientRequest): ConnectionState | undefined {
  const socket: (Socket & { [kState]?: ConnectionState }) | null = request.socket
  return socket?.[kState]
}

/**
 * Node's client listens only while it reads a response. What an upstream sends when nothing was asked would be
 * dropped or, worse, taken for the start of the next response: another client's.
 */
function onData (this: Connection): void {
  if (!isReading(this)) this.destroy()
  this[kState].hasResponded = true
}

function onConnected (this: Connection): void {
  this[kState].established()
}

function onTimeout (this: Connection): void {
  const { holder } = this[kState]
  // An idle one is closed by its pool. Node's timer has run out, and the holder may want to wait on.
  if (holder?.silent() === true) this.setTimeout(holder.timeout)
}

/** Node listens for errors only while a request has the socket; 'close' follows in any case. */
function onError (): void {}

function onFree (this: Connection): void {
  this[kState].pool.release(this)
}

/** After a 101 Node's client gives the socket away: it never comes back, but counts as open until it is closed. */
function onAgentRemove (this: Connection): void {
  this[kState].holder = undefined
  this[kState].isDetached = true
  this.off('data', onData)
  this.off('timeout', onTimeout)
  this.off('free', onFree)
}

/** Called before Node's own listener, which was added with the request. */
function onClose (this: Connection): void {
  const state = this[kState]
  state.sink?.fail(Object.assign(new Error('the connection was closed before the end of the response'), { code: 'ECONNRESET' }))
  state.pool.forget(this)
}
