import { readFileSync, writeFileSync } from 'node:fs'
import { ROOT } from './machine.js'

const FILE = new URL('bench/README.md', ROOT)
const BEGIN = '<!-- bench -->'
const END = '<!-- /bench -->'

/** Replaces what is between the markers; the prose around them is people's. */
export function writeReadme (text: string): void {
  const old = readFileSync(FILE, 'utf8')
  const begin = old.indexOf(BEGIN)
  const end = old.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`bench/README.md has no ${BEGIN} … ${END}`)
  writeFileSync(FILE, `${old.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${old.slice(end)}`)
}
