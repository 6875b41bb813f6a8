import { readFileSync, writeFileSync } from 'node:fs'
import { ROOT } from './machine.js'

/**
 * Replaces what is between `<!-- name -->` and `<!-- /name -->`; the prose around them is people's.
 *
 * @param path from the package's root
 */
export function writeBlock (path: string, name: string, text: string): void {
  const file = new URL(path, ROOT)
  const [first, last] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const old = readFileSync(file, 'utf8')
  const begin = old.indexOf(first)
  const end = old.indexOf(last)
  if (begin < 0 || end < begin) throw new Error(`${path} has no ${first} … ${last}`)
  writeFileSync(file, `${old.slice(0, begin + first.length)}\n\n${text}\n\n${old.slice(end)}`)
}
