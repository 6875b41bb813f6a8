import { bytesOf, UnreadableRequest } from './asked-request.js'

/** Parts of a line, one after the other; a word ends where there is a blank. */
const PART = new RegExp([
  /(?<nothing>\\\r?\n)/,
  /(?<blanks>[ \t\r\n]+)/,
  /'(?<literal>[^']*)'/,
  /\$'(?<escaped>(?:[^'\\]|\\[^])*)'/,
  /"(?<double>(?:[^"\\]|\\[^])*)"/,
  /\\(?<single>[^])/,
  /(?<plain>[^ \t\r\n'"\\|;&<>()`$]+|\$(?!'))/
].map(({ source }) => source).join('|'), 'y')

/** Of "Copy as cURL (cmd)". */
const FOR_CMD = /^\s*curl\s+\^"|\^\r?\n/

/**
 * Takes a line apart as bash does, as far as people and browsers write requests: nothing is run, and no variable filled
 * in. It ends at a pipe.
 *
 * @param line with a character for each byte
 * @throws UnreadableRequest
 */
export function shellWords (line: string): string[] {
  if (FOR_CMD.test(line)) throw new UnreadableRequest('found a line for the Windows command prompt, must be one for bash: browsers have "Copy as cURL (bash)"')
  const words: string[] = []
  let word: string | undefined
  for (let at = 0; at < line.length && line[at] !== '|'; at = PART.lastIndex) {
    PART.lastIndex = at
    const groups = PART.exec(line)?.groups
    if (groups === undefined) throw new UnreadableRequest(mistakeAt(line, at))
    const { nothing, blanks } = groups
    if (nothing !== undefined) continue
    if (blanks === undefined) {
      word = (word ?? '') + partOf(groups)
    } else if (word !== undefined) {
      words.push(word)
      word = undefined
    }
  }
  return word === undefined ? words : [...words, word]
}

function mistakeAt (line: string, at: number): string {
  const found = String(line[at])
  return /['"$\\]/.test(found) ? `found ${found}, which is not closed` : `found ${found} outside of quotes, which a shell takes for something else: put what it is part of in quotes`
}

function partOf ({ literal, escaped, double, single, plain = '' }: Record<string, string | undefined>): string {
  if (escaped !== undefined) return unescape(escaped)
  return literal ?? double?.replace(/\\([$`"\\\n])/g, (_, char: string) => char === '\n' ? '' : char) ?? single ?? plain
}

const ESCAPES: Readonly<Record<string, string>> = { a: '\x07', b: '\b', e: '\x1b', E: '\x1b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }
const ESCAPE = /\\(?:x([\da-fA-F]{1,2})|u([\da-fA-F]{1,4})|U([\da-fA-F]{1,8})|([0-7]{1,3})|([^]))/g

/** What stands in `$'…'`: a byte for `\x41` and `\101`, those of a character for `\u0041`. */
function unescape (text: string): string {
  return text.replace(ESCAPE, (whole, byte?: string, unit?: string, point?: string, octal?: string, char = '') => {
    if (byte !== undefined) return String.fromCharCode(parseInt(byte, 16))
    if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8) % 256)
    const code = unit ?? point
    if (code === undefined) return ESCAPES[char] ?? (/['"\\?]/.test(char) ? char : whole)
    const value = parseInt(code, 16)
    return value > 0x10ffff ? '' : bytesOf(String.fromCodePoint(value))
  })
}
