import { hash, randomBytes } from 'node:crypto'
import { readHtpasswd } from '../config/index.js'
import type { BasicSettings, Users } from '../config/index.js'
import { fieldOfClaim } from '../proxy/identity.js'
import { Rejection, UNCHECKED } from './authenticator.js'
import type { Authenticator, AuthRequest, Decision } from './authenticator.js'
import { credentialsOf, TWICE } from './credentials.js'
import type { Log } from './log.js'
import type { Passwords } from './passwords.js'
import { Verified } from './verified.js'
import { Watched } from './watched.js'

/** Passwords are remembered by digests that nobody can try others against. */
const SALT = randomBytes(32).toString('hex')

interface Known {
  readonly users: Users
  /** Compared with for a user who is not there: it takes as long as for one who is. */
  readonly nobodys: string
}

/** Names and passwords (RFC 7617) of an htpasswd file. */
export class Basic implements Authenticator {
  readonly #settings: BasicSettings
  readonly #by: string
  readonly #known: Watched<Known>
  readonly #passwords: Passwords
  readonly #missing: Rejection
  readonly #wrong: Rejection
  readonly #verified = new Verified()
  /** By digest: who sends many requests with the same password at once has it compared once. */
  readonly #pending = new Map<string, Promise<Decision>>()

  /** @param by names the method among those of a route */
  constructor (settings: BasicSettings, passwords: Passwords, by: string, log: Log) {
    this.#settings = settings
    this.#by = by
    this.#passwords = passwords
    this.#known = new Watched(settings.file, () => read(settings.file), log, 'users')
    const challenges = [`Basic realm="${settings.realm}", charset="UTF-8"`]
    this.#missing = new Rejection('UNAUTHORIZED', 'no password', undefined, { challenges })
    this.#wrong = new Rejection('UNAUTHORIZED', 'the name or the password is wrong', undefined, { challenges })
  }

  async start (): Promise<void> {
    this.#known.start()
  }

  close (): void {
    this.#known.close()
  }

  authenticate ({ raw }: AuthRequest): Decision | Promise<Decision> {
    const credentials = credentialsOf(raw, 'basic')
    if (credentials === undefined) return this.#missing
    if (credentials === TWICE) return this.#wrong
    const digest = hash('sha256', SALT + credentials, 'base64url')
    return this.#verified.find(digest, this.#known.version) ?? this.#pending.get(digest) ?? this.#begin(credentials, digest)
  }

  #begin (credentials: string, digest: string): Promise<Decision> {
    const decision = this.#ask(credentials, digest).finally(() => this.#pending.delete(digest))
    this.#pending.set(digest, decision)
    return decision
  }

  async #ask (credentials: string, digest: string): Promise<Decision> {
    const text = Buffer.from(credentials, 'base64').toString()
    const colon = text.indexOf(':')
    if (colon === -1) return this.#wrong
    const { version, value: { users, nobodys } } = this.#known
    const user = text.slice(0, colon)
    const expected = users.get(user)
    const matches = await this.#passwords.match(text.slice(colon + 1), expected ?? nobodys)
    if (matches === undefined) return BUSY
    if (!matches || expected === undefined) return this.#wrong
    const decision = this.#decide(user)
    if (!(decision instanceof Rejection)) this.#verified.add(digest, version, Infinity, decision)
    return decision
  }

  #decide (user: string): Decision {
    const { forward } = this.#settings
    const value = fieldOfClaim(user)
    if (value === undefined) return UNTOLD
    return { fields: forward === undefined ? [] : [forward, value], vouched: [{ by: this.#by, claims: { user } }] }
  }
}

const BUSY = new Rejection('SERVICE_UNAVAILABLE', 'too many passwords are to be compared', UNCHECKED)
const UNTOLD = new Rejection('FORBIDDEN', 'the name cannot be told by a header', 'This user is not allowed here')

function read (file: string): Known {
  const users = readHtpasswd(file)
  const rounds = [...users.values()].map(hash => hash.slice(4, 6)).sort().at(-1) ?? '10'
  return { users, nobodys: `$2b$${rounds}$${'.'.repeat(53)}` }
}
