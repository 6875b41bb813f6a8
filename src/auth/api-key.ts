import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readApiKeys } from '../config/index.js'
import type { ApiKeySettings } from '../config/index.js'
import type { Identity } from '../proxy/identity.js'
import { Rejection } from './authenticator.js'
import type { Authenticator, AuthRequest, Decision } from './authenticator.js'
import { headerOf, parameterIn, TWICE } from './credentials.js'
import type { Found } from './credentials.js'
import type { Log } from './log.js'
import { Watched } from './watched.js'

/**
 * Nobody outside knows it, so that the time of a look-up by a digest that it is part of tells nothing: who could make up
 * keys with known digests would learn from it how those of the others begin.
 */
const SALT = randomBytes(32).toString('hex')

interface Holder {
  readonly digest: Buffer
  readonly identity: Identity
}

/** Compared with where nobody has the key, so that this takes as long. */
const NOBODY: Holder = { digest: randomBytes(32), identity: { fields: [], vouched: [] } }

type Holders = ReadonlyMap<string, Holder>

/** Keys that programs show. */
export class ApiKey implements Authenticator {
  readonly #holders: Watched<Holders>
  readonly #find: (request: AuthRequest) => Found
  readonly #missing: Rejection
  readonly #wrong: Rejection

  /** @param by names the method among those of a route */
  constructor (settings: ApiKeySettings, by: string, log: Log) {
    const { keys, hashed, header, query = '' } = settings
    const file = typeof keys === 'string' ? keys : undefined
    this.#holders = new Watched(file, () => holdersOf(settings, by, readApiKeys(keys, hashed)), log, 'API keys')
    const name = header?.toLowerCase()
    this.#find = name === undefined ? ({ url }) => parameterIn(url, query) : ({ raw }) => headerOf(raw, name)
    const challenges = [name === undefined ? `ApiKey query="${query}"` : `ApiKey header="${name}"`]
    this.#missing = new Rejection('UNAUTHORIZED', 'no API key', undefined, { challenges })
    this.#wrong = new Rejection('UNAUTHORIZED', 'the API key is not known', undefined, { challenges })
  }

  async start (): Promise<void> {
    this.#holders.start()
  }

  close (): void {
    this.#holders.close()
  }

  authenticate (request: AuthRequest): Decision {
    const key = this.#find(request)
    if (key === undefined) return this.#missing
    if (key === TWICE) return this.#wrong
    const digest = salted(hash('sha256', key))
    const { digest: expected, identity } = this.#holders.value.get(digest.toString('hex')) ?? NOBODY
    return timingSafeEqual(digest, expected) ? identity : this.#wrong
  }
}

function salted (digest: string): Buffer {
  return hash('sha256', SALT + digest, 'buffer')
}

function holdersOf ({ forward }: ApiKeySettings, by: string, names: ReadonlyMap<string, string>): Holders {
  return new Map([...names].map(([key, name]): [string, Holder] => {
    const digest = salted(key)
    const fields = forward === undefined ? [] : [forward, name]
    return [digest.toString('hex'), { digest, identity: { fields, vouched: [{ by, claims: { key: name } }] } }]
  }))
}
