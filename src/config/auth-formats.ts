import { createPublicKey, type KeyObject } from 'node:crypto'
import { isPem, readPem } from './pem.js'

/** Bytes of a secret: an HMAC's key is as long as its hash (RFC 7518 section 3.2). */
export const LEAST_SECRET = 32

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/** Whether a URL is fetched from this machine, so that nobody is on the way. */
export function isLoopback (url: string): boolean {
  return LOOPBACK.test(new URL(url).hostname)
}

/** Says what is wrong with the address of keys; whether http may be is for `auth-consistency.ts` to say. */
export function validateJwksUrl (text: string): string | undefined {
  return validateUrl(text, 'https://id.example.com/jwks.json')
}

export function validateAuthUrl (text: string): string | undefined {
  return validateUrl(text, 'http://localhost:9091/verify')
}

function validateUrl (text: string, example: string): string | undefined {
  if (!/^https?:\/\/[^\s\\]+$/i.test(text) || !URL.canParse(text)) return `must be a URL such as "${example}"`
  const { username, password, hash } = new URL(text)
  return username === '' && password === '' && hash === '' ? undefined : 'must be a URL without a password and without "#"'
}

export function validateSecret (text: string): string | undefined {
  return Buffer.byteLength(text) < LEAST_SECRET ? `must be text of at least ${LEAST_SECRET} characters` : undefined
}

/** A public key of a path, or of PEM; what a private one would tell is nobody's business here. */
export function readPublicKey (source: string): KeyObject {
  return createPublicKey(readPem(source))
}

/** Says what is wrong with a public key; nothing when it can be read and a signature may be verified by it. */
export function validatePublicKey (source: string): string | undefined {
  const kind = 'PEM with a public key or a certificate'
  let pem: string
  try {
    pem = readPem(source)
  } catch (error) {
    return `must be ${kind}, or a file that has it (${String(error).replace(/^Error: |, .*$/gs, '')})`
  }
  if (pem.includes('PRIVATE KEY')) return `must be ${kind}: a private key is for the issuer alone`
  try {
    return algorithmsOf(createPublicKey(pem)).length > 0 ? undefined : 'must be a key of RSA with at least 2048 bits, of the curve P-256, P-384 or P-521, or of Ed25519'
  } catch {
    return `must be ${kind}${isPem(source) ? '' : ': the file has none'}`
  }
}

const OF_RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
/** By OpenSSL's name of the curve. */
const OF_CURVES = new Map([['prime256v1', ['ES256']], ['secp384r1', ['ES384']], ['secp521r1', ['ES512']]])

/** The algorithms that a key is made for; none for one that is not to be trusted. */
export function algorithmsOf ({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): readonly string[] {
  if (asymmetricKeyType === 'rsa') return Number(asymmetricKeyDetails?.modulusLength) >= 2048 ? OF_RSA : []
  if (asymmetricKeyType === 'ec') return OF_CURVES.get(String(asymmetricKeyDetails?.namedCurve)) ?? []
  return asymmetricKeyType === 'ed25519' ? ['EdDSA', 'Ed25519'] : []
}
