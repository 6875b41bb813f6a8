import type { ConnectionOptions } from 'node:tls'
import type { Redis, Result } from 'ioredis'
import { readPem } from '../config/index.js'
import type { RateLimitSettings } from '../config/index.js'
import { loadOptional } from './optional-package.js'

/** Milliseconds that a request waits for the store at most. The rest of 50 is for a loop that comes to its timers late. */
const LONGEST_WAIT = 40
/** Milliseconds from a request that was not counted in time to another, with none between them that was, after which the store is away. */
const GRACE = 200
/** Milliseconds between two looks whether the store is back. */
const PAUSE = 500
/** Milliseconds that the store may take to accept a connection, and for each step until it is ready. */
const CONNECT_TIMEOUT = 1_000
/** Milliseconds before a further try to connect. */
const LONGEST_RETRY = 1_000

const AWAY = 'the store of the rate limits is away'
const BACK = 'the store of the rate limits is back'

type Counted = (error?: Error | null, result?: [current: number, ttl: number]) => void

type Count = (key: string, timeWindow: number, max: number, continueExceeding: boolean, exponentialBackoff: boolean, counted: Counted) => void

declare module 'ioredis' {
  interface RedisCommander<Context> {
    /** Of @fastify/rate-limit's store, which defines it. */
    rateLimit (...args: Parameters<Count>): Result<[number, number], Context>
  }
}

/** What is used of a pino logger. */
interface Log {
  info (line: object, message: string): void
  warn (line: object, message: string): void
}

export type StoreSettings = Pick<RateLimitSettings, 'store' | 'tls'>

/** The store did not count a request. */
export class StoreAwayError extends Error {
  constructor () {
    super(AWAY)
  }
}

/** @throws ConfigError where ioredis is not installed */
export async function openRedis (settings: StoreSettings, log: Log, load = async () => await import('ioredis')): Promise<RedisStore> {
  const { Redis } = await loadOptional({ source: 'the rate limits', path: 'rateLimit.store', why: 'found a Redis', name: 'ioredis' }, load)
  return new RedisStore(new Redis(redisOptions(settings)), nameOf(settings), log)
}

/**
 * Stands between @fastify/rate-limit and Redis: no request waits for it longer than a moment, and none at all while it
 * is known to be away. By itself ioredis holds commands until it has tried to connect 20 times, which takes nine seconds.
 *
 * Away is a connection that is lost, an error in place of a count (a replica that is read-only, no memory), or silence,
 * but for that of a moment.
 * From then on only one count at a time goes there, nobody's, until one comes back in time.
 */
export class RedisStore {
  /** There from `defineCommand` on, as the store that defines it looks whether it has. */
  rateLimit: Count | undefined
  readonly #client: Redis
  /** Where it is, without a password. */
  readonly #name: string
  readonly #log: Log
  #state: 'starting' | 'available' | 'away' | 'closed' = 'starting'
  #timer: NodeJS.Timeout | undefined
  /** When a request was not counted in time; `undefined` when one was since. */
  #lateSince: number | undefined
  #settle: (() => void) | undefined
  /** Resolves when it is known for the first time how it stands. */
  readonly #settled = new Promise<void>(resolve => { this.#settle = resolve })

  constructor (client: Redis, name: string, log: Log) {
    this.#client = client
    this.#name = name
    this.#log = log
    client.on('ready', () => this.#look())
    client.on('error', error => this.#failed(error.message))
    client.on('close', () => this.#failed('the connection was closed'))
  }

  defineCommand (...definition: Parameters<Redis['defineCommand']>): void {
    this.#client.defineCommand(...definition)
    this.rateLimit = this.#count
  }

  /** Connects, and waits until the first requests would be counted, or the store is known to be away. */
  async open (): Promise<void> {
    // What goes wrong is told by `error` and `close`.
    this.#client.connect().catch(() => {})
    await this.#settled
  }

  close (): void {
    this.#state = 'closed'
    clearTimeout(this.#timer)
    this.#client.disconnect()
  }

  readonly #count: Count = (key, timeWindow, max, continueExceeding, exponentialBackoff, counted) => {
    if (this.#state !== 'available') {
      counted(new StoreAwayError())
      return
    }
    let waits = true
    const settle: Counted = (error, result) => {
      waits = false
      clearTimeout(timer)
      counted(error, result)
    }
    // One turn later: where the loop itself was late, the result lies in the socket.
    const timer = setTimeout(setImmediate, LONGEST_WAIT, () => {
      if (!waits) return
      this.#late()
      settle(new StoreAwayError())
    })
    this.#client.rateLimit(key, timeWindow, max, continueExceeding, exponentialBackoff, (error, result) => {
      if (!waits) return
      if (!error) {
        this.#lateSince = undefined
        settle(null, result)
        return
      }
      this.#failed(error.message)
      settle(new StoreAwayError())
    })
  }

  /** Counts what is nobody's request: only what would be asked can tell whether it would work. */
  #look (): void {
    const askedAt = performance.now()
    this.#client.rateLimit('fastify-rate-limit-probe', PAUSE, 1, false, false, error => {
      if (!error && performance.now() - askedAt <= LONGEST_WAIT) {
        this.#works()
        return
      }
      // A peer that has vanished closes no connection: a new one tells.
      if (error && error.name !== 'ReplyError') this.#client.disconnect(true)
      this.#failed(error?.message ?? SILENT)
    })
  }

  #late (): void {
    const now = performance.now()
    this.#lateSince ??= now
    if (now - this.#lateSince >= GRACE) this.#failed(SILENT)
  }

  #works (): void {
    this.#lateSince = undefined
    if (this.#state === 'away') this.#log.info({ store: this.#name }, BACK)
    this.#state = 'available'
    this.#settle?.()
  }

  /** @param cause never the error itself: ioredis' own have the command, of AUTH with the password */
  #failed (cause: string): void {
    if (this.#state === 'closed') return
    if (this.#state !== 'away') this.#log.warn({ store: this.#name, cause }, AWAY)
    this.#state = 'away'
    this.#settle?.()
    clearTimeout(this.#timer)
    // A new connection is looked at when it is ready.
    if (this.#client.status === 'ready') this.#timer = setTimeout(() => this.#look(), PAUSE).unref()
  }
}

const SILENT = `no response within ${LONGEST_WAIT} ms`

/** What is said of the store, as ioredis has it. */
export function redisOptions ({ store, tls }: StoreSettings) {
  const { protocol, hostname, port, username, password, pathname } = new URL(store)
  return {
    host: bare(hostname),
    port: Number(port || 6379),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
    db: Number(pathname.slice(1)),
    ...(protocol === 'rediss:' && { tls: secure(tls) }),
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT,
    commandTimeout: CONNECT_TIMEOUT,
    disconnectTimeout: LONGEST_WAIT,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (nth: number) => Math.min(nth * 100, LONGEST_RETRY)
  }
}

function secure ({ ca, cert, key, ...tls }: NonNullable<StoreSettings['tls']> = { rejectUnauthorized: true }): ConnectionOptions {
  return {
    ...tls,
    ...(ca !== undefined && { ca: readPem(ca) }),
    ...(cert !== undefined && { cert: readPem(cert) }),
    ...(key !== undefined && { key: readPem(key) })
  }
}

function nameOf ({ store }: StoreSettings): string {
  const { protocol, host, pathname } = new URL(store)
  return `${protocol}//${host}${pathname}`
}

/** An address of IPv6 stands in brackets in a URL alone. */
function bare (hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
}
