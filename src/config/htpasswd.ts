import { readFileSync } from 'node:fs'

/** The hash of each user's password. */
export type Users = ReadonlyMap<string, string>

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/

/** Rounds, as a power of two: 2^16 take some four seconds. */
const MOST_ROUNDS = 16

/**
 * Reads an htpasswd file, which may have no users.
 *
 * @throws Error with what is wrong, as "must …"; no hash is told
 */
export function readHtpasswd (file: string): Users {
  const users = new Map<string, string>()
  for (const [nth, line] of readLines(file).entries()) {
    const text = line.trim()
    if (text === '' || text.startsWith('#')) continue
    const colon = text.indexOf(':')
    const where = `line ${nth + 1}`
    if (colon < 1) throw new Error(`must have a name, a colon and a hash on ${where}`)
    const user = text.slice(0, colon)
    const hash = text.slice(colon + 1)
    const rounds = BCRYPT.exec(hash)?.[1]
    if (rounds === undefined) throw new Error(`must have a bcrypt hash on ${where}, as "htpasswd -B" makes it${kindOf(hash)}`)
    if (Number(rounds) < 4 || Number(rounds) > MOST_ROUNDS) throw new Error(`must have a bcrypt hash of 4 to ${MOST_ROUNDS} rounds on ${where}`)
    if (users.has(user)) throw new Error(`must name each user once: ${where} has one again`)
    users.set(user, hash)
  }
  return users
}

/** What is broken too easily, or not at all hidden. */
function kindOf (hash: string): string {
  if (hash.startsWith('{SHA}')) return ', and not SHA-1'
  if (hash.startsWith('$apr1$')) return ', and not MD5'
  return ''
}

function readLines (file: string): string[] {
  try {
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '').split('\n')
  } catch (error) {
    throw new Error(`must be a file that can be read (${String(error).replace(/^Error: |, .*$/gs, '')})`)
  }
}
