import type { Socket } from 'node:net'
import type { BodySink, ClientConnection, Interim, PoolRequest, UpstreamRequest, UpstreamResponse } from '../upstream/pool.js'
import { QueueFullError } from '../upstream/pool.js'
import type { AttemptResult, Target } from '../upstream/target.js'
import { Discard } from './discard.js'
import { fieldValue } from './fields.js'
import type { ObservedAttempt } from './observers.js'
import type { AttemptFailure } from './retry.js'

/** A body that can be sent. */
export interface SendableBody {
  sendTo (request: UpstreamRequest): void
}

/** A body on its way to an upstream. */
export interface OutgoingBody extends SendableBody {
  /** Whether no byte of it was taken. */
  readonly isUntouched: boolean
  /** Bytes of one that is there as a whole; `undefined` for one that streams. */
  readonly wholeLength: number | undefined
  /** All of it; `undefined` for one that streams. */
  copyWhole (): Buffer | undefined
}

/** What every attempt of an exchange sends. */
export interface OutgoingRequest<Body extends SendableBody = OutgoingBody> {
  readonly method: string
  /** Without the target's base path, which the attempt puts before it. */
  readonly path: string
  /** The host to ask for; `undefined`: that of the target. */
  readonly host: string | undefined
  /** The value of Host, which stands first, is set by the attempt. */
  readonly head: string[]
  readonly body: Body | undefined
  /** Whether it authenticates the connection that it is sent on. */
  readonly bindsConnection: boolean
}

/** The exchange that an attempt belongs to. It is told once how the attempt went. */
export interface AttemptOwner {
  /** The connection that the client's request came on. */
  readonly client: ClientConnection
  /** Milliseconds without a byte in either direction, after which `silent` is called. */
  readonly timeout: number
  /** @returns whether to go on waiting */
  silent (): boolean
  /** A head before the response's own (1xx). */
  informed (interim: Interim): void
  /** The head of the response has come. Its body goes to whom `deliverTo` names. */
  responded (response: UpstreamResponse): void
  /** The upstream goes over to another protocol. */
  switched (response: UpstreamResponse, connection: Socket, early: Buffer): void
  /** There will be no response. */
  failed (failure: AttemptFailure): void
  /** It has ended, and its target was told. */
  attemptEnded (attempt: Attempt, result: AttemptResult, reason: string, error: Error | undefined): void
}

const kAttempt = Symbol('attempt')

type Sent = UpstreamRequest & { [kAttempt]?: Attempt }

/** One try of an exchange at one target. */
export class Attempt implements PoolRequest, ObservedAttempt {
  readonly method: string
  readonly path: string
  readonly head: string[]
  readonly hasBody: boolean
  readonly timeout: number
  readonly bindsConnection: boolean
  /** Of the response; 0 until it has come. */
  status = 0
  /** Whether its connection went over to another protocol. */
  hasSwitched = false
  hasEjected = false
  readonly #owner: AttemptOwner
  readonly #body: SendableBody | undefined
  #request: Sent | undefined
  #response: UpstreamResponse | undefined
  #sink: BodySink | undefined
  /** Whether nobody wants to hear of it any more. */
  #isOver = false
  #isConnected = false
  #hasEnded = false

  /**
   * @param fresh whether on a new connection
   * @param awaitsConnection whether no byte of the body is taken before it is connected, so that another attempt can follow
   */
  constructor (
    readonly target: Target,
    { method, path, host, head, body, bindsConnection }: OutgoingRequest<SendableBody>,
    readonly fresh: boolean,
    readonly awaitsConnection: boolean,
    owner: AttemptOwner
  ) {
    this.method = method
    this.path = target.basePath === '' ? path : target.basePath + path
    this.head = head
    this.hasBody = body !== undefined
    this.timeout = owner.timeout
    this.bindsConnection = bindsConnection
    this.#body = body
    this.#owner = owner
    head[1] = host ?? target.hostField
    target.began()
  }

  get client (): ClientConnection {
    return this.#owner.client
  }

  /**
   * Takes a connection of the target's, or waits for one, and sends the request on it.
   *
   * @throws QueueFullError
   * @throws TypeError when Node's writer rejects the head
   */
  send (): void {
    const request: Sent = this.target.pool.request(this)
    this.#request = request
    request[kAttempt] = this
    request.on('response', onResponse)
    request.on('information', onInterim)
    request.on('upgrade', onSwitch)
    request.on('error', onError)
    if (this.#body === undefined) request.end()
    else if (!this.awaitsConnection || this.#isConnected) this.#body.sendTo(request)
  }

  connected (): void {
    this.#isConnected = true
    // On a kept connection that is so before the request is there.
    if (this.#request !== undefined && !this.#isOver) this.#body?.sendTo(this.#request)
  }

  silent (): boolean {
    if (!this.#isOver) return this.#owner.silent()
    this.drop()
    return false
  }

  informed (interim: Interim): void {
    if (!this.#isOver) this.#owner.informed(interim)
  }

  responded (response: UpstreamResponse): void {
    /* c8 ignore next 4 -- a guard: whoever gave it up has destroyed what could respond */
    if (this.#isOver) {
      response.destroy()
      return
    }
    this.#response = response
    this.status = response.statusCode
    this.target.responded(response.statusCode)
    const keepAlive = fieldValue(response.rawHeaders, 'keep-alive')
    if (keepAlive !== undefined) this.target.pool.learnKeepAlive(keepAlive)
    this.#owner.responded(response)
  }

  switched (response: UpstreamResponse, connection: Socket, early: Buffer): void {
    this.hasSwitched = true
    this.target.responded(response.statusCode)
    if (this.#isOver) connection.destroy()
    else this.#owner.switched(response, connection, early)
  }

  /** The connection was lost, or none could be had. */
  failed (error: NodeJS.ErrnoException): void {
    if (this.#isOver) return
    if (this.#sink !== undefined) {
      this.#sink.fail(error)
      return
    }
    const progress = this.#request === undefined ? 'unconnected' : this.target.pool.progressOf(this.#request, error)
    this.#isOver = true
    // What was lost on a kept connection is nobody's fault.
    const isTargets = progress !== 'lost' && progress !== 'unprocessed' && !(error instanceof QueueFullError)
    this.end(isTargets ? 'failed' : 'abandoned', error.code ?? error.message, error)
    this.#owner.failed({ error, progress })
  }

  /** Gives the response's body to `sink`; called when it has responded. */
  deliverTo (sink: BodySink): void {
    if (this.#response === undefined) return
    this.#sink = sink
    this.target.pool.deliver(this.#response, sink)
  }

  /** Goes on delivering. */
  resume (): void {
    if (this.#response !== undefined) this.target.pool.resume(this.#response)
  }

  /** Whether the whole of the request was given to the connection. */
  get isSent (): boolean {
    return this.#request?.writableEnded === true
  }

  /** Tells the target how it went. Only the first call counts. */
  end (result: AttemptResult, reason: string, error?: Error): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    const wasEjected = this.target.isEjected
    this.target.ended(result, reason)
    this.hasEjected ||= !wasEjected && this.target.isEjected
    this.#owner.attemptEnded(this, result, reason, error)
  }

  /** The target asked to be left alone. */
  rest (milliseconds: number): void {
    const wasEjected = this.target.isEjected
    this.target.rest(milliseconds)
    this.hasEjected = !wasEjected && this.target.isEjected
  }

  /** Has a response that nobody wants read to its end, for its connection's sake. */
  discard (): void {
    this.#isOver = true
    if (this.#response !== undefined) this.target.pool.deliver(this.#response, new Discard(this))
  }

  /** Gives it up, whatever it has come to. */
  drop (): void {
    this.#isOver = true
    if (this.#request !== undefined) this.target.pool.drop(this.#request)
  }
}

function onResponse (this: Sent, response: UpstreamResponse): void {
  this[kAttempt]?.responded(response)
}

function onInterim (this: Sent, interim: Interim): void {
  this[kAttempt]?.informed(interim)
}

/** Where nobody listens, Node's client breaks the connection off and tells nobody. */
function onSwitch (this: Sent, response: UpstreamResponse, connection: Socket, early: Buffer): void {
  this[kAttempt]?.switched(response, connection, early)
}

function onError (this: Sent, error: Error): void {
  this[kAttempt]?.failed(error)
}
