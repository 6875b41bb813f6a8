import type { KeyObject } from 'node:crypto'
import { algorithmsOf, readPublicKey } from '../config/index.js'
import type { Key, TokenHeader, TokenKeys } from './jwks.js'
import type { Log } from './log.js'
import { Watched } from './watched.js'

/** One public key, of a file or of the configuration. */
export class OnePublicKey implements TokenKeys {
  readonly #key: Watched<{ key: KeyObject, algorithms: readonly string[] }>

  constructor (source: string, log: Log) {
    const file = source.includes('-----BEGIN ') ? undefined : source
    this.#key = new Watched(file, () => {
      const key = readPublicKey(source)
      const algorithms = algorithmsOf(key)
      if (algorithms.length === 0) throw new Error('the key is not one to be trusted')
      return { key, algorithms }
    }, log, 'the public key')
  }

  get version (): number {
    return this.#key.version
  }

  start (): void {
    this.#key.start()
  }

  close (): void {
    this.#key.close()
  }

  keyFor ({ alg = '' }: TokenHeader): Key {
    const { key, algorithms } = this.#key.value
    return algorithms.includes(alg) ? key : undefined
  }
}

/** A secret that is shared with the issuer. */
export class SharedSecret implements TokenKeys {
  readonly version = 0
  readonly #secret: Uint8Array

  constructor (secret: string) {
    this.#secret = Buffer.from(secret)
  }

  keyFor (): Key {
    return this.#secret
  }
}
