import type { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import type { Lessee } from './request.js'

export const kLoan = Symbol('loan')

/** A connection's state in its pool. */
export interface Loan {
  readonly pool: {
    giveBack (connection: Connection): void
    forget (connection: Connection): void
  }
  readonly bornAt: number
  /** `undefined` while the connection is idle. */
  lessee: Lessee | undefined
  /** Whether the service sent a byte since the connection was lent. */
  answered: boolean
  idleSince: number
  /** Whether the connection went over to another protocol, and does not come back. */
  isGiven: boolean
}

/** What Node's client and net hang on a socket: the parser while an answer is read, the last request, libuv's handle. */
export type Connection = Socket & {
  [kLoan]: Loan
  parser?: object | null
  _httpMessage?: ClientRequest | null
  _handle?: { asyncReset? (resource: object): void } | null
}

/** Watches over a connection from its first to its last moment. */
export function adopt (socket: Socket, loan: Loan): Connection {
  const connection: Connection = Object.assign(socket, { [kLoan]: loan })
  connection.on('data', onData)
  connection.on('timeout', onTimeout)
  connection.on('error', onError)
  connection.on('free', onFree)
  connection.on('agentRemove', onAgentRemove)
  connection.on('close', onClose)
  return connection
}

/**
 * Takes what has arrived. Node's client parses it before this returns, and copies what it keeps. Whoever has a
 * connection for another protocol may keep it, and reads at a pace of their own.
 */
export function receive (connection: Connection, bytes: Buffer): boolean {
  if (connection[kLoan].isGiven) return connection.push(Buffer.from(bytes))
  connection.emit('data', bytes)
  return true
}

/** Hands a connection to a request. */
export function lend (connection: Connection, request: ClientRequest, lessee: Lessee): void {
  const loan = connection[kLoan]
  loan.lessee = lessee
  loan.answered = false
  // Kept as it is from loan to loan where it can be: arming it anew costs a timer, a write on the socket does not.
  if (connection.timeout !== lessee.timeout) connection.setTimeout(lessee.timeout)
  // What happens on the socket belongs to this request now, for AsyncLocalStorage and tracers, not to its first one.
  // Not by the request itself: the handle holds on to what it is given, and an idle connection would keep all of its
  // last exchange alive until the next one, long enough for every collection to copy it.
  if (request.reusedSocket) connection._handle?.asyncReset?.(loan)
  // Node's ClientRequest takes any socket here; @types/node declares the method for every stream.
  request.onSocket(connection)
}

/** Whether the service sent anything on the connection that this request has. */
export function wasAnswered (request: ClientRequest): boolean {
  const socket: (Socket & { [kLoan]?: Loan }) | null = request.socket
  return socket?.[kLoan]?.answered === true
}

/**
 * Node's client listens only while it reads an answer. What a service sends when nothing was asked would be
 * dropped or, worse, taken for the start of the next answer: another client's.
 */
function onData (this: Connection): void {
  if (this.parser == null) this.destroy()
  this[kLoan].answered = true
}

function onTimeout (this: Connection): void {
  const { lessee } = this[kLoan]
  // An idle one is closed by its pool. Node's timer has run out, and a loan may want to wait on.
  if (lessee?.onSilence() === true) this.setTimeout(lessee.timeout)
}

/** Node listens for errors only while a request has the socket; 'close' follows in any case. */
function onError (): void {}

function onFree (this: Connection): void {
  this[kLoan].pool.giveBack(this)
}

/** After a 101 Node's client gives the socket away: it never comes back, but counts as open until it is closed. */
function onAgentRemove (this: Connection): void {
  this[kLoan].lessee = undefined
  this[kLoan].isGiven = true
  this.off('data', onData)
  this.off('timeout', onTimeout)
  this.off('free', onFree)
}

function onClose (this: Connection): void {
  this[kLoan].pool.forget(this)
}
