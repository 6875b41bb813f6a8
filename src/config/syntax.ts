import { printParseErrorCode, visit } from 'jsonc-parser'
import type { Mistake } from './config-error.js'
import { below } from './json-path.js'

const EXPLANATIONS: Record<string, string> = {
  InvalidCommentToken: 'comments are not allowed',
  UnexpectedEndOfComment: 'comments are not allowed',
  PropertyNameExpected: 'expected a key in double quotes',
  ValueExpected: 'expected a value',
  ColonExpected: 'expected ":" after the key',
  CommaExpected: 'expected "," between two entries',
  CloseBraceExpected: 'expected "}"',
  CloseBracketExpected: 'expected "]"',
  EndOfFileExpected: 'expected nothing more after the end',
  UnexpectedEndOfString: 'this text has no closing quote on its line',
  UnexpectedEndOfNumber: 'this number breaks off',
  InvalidEscapeCharacter: 'this text holds a backslash that escapes nothing (write "\\\\" for a backslash)',
  InvalidUnicode: 'this text holds a \\u without four hexadecimal digits',
  InvalidCharacter: 'this text holds a control character, which must be escaped'
}

/**
 * Finds where a text stops being JSON, which `JSON.parse` does not always tell, and keys that stand twice in one
 * object, of which `JSON.parse` drops the first without a word.
 */
export function validateSyntax (text: string): Mistake[] {
  const errors: Mistake[] = []
  const repeated: Mistake[] = []
  const lines = new Map<string, number>()
  visit(text, {
    onError (error, offset, _length, row, column) {
      errors.push({ path: '', message: explain(text, printParseErrorCode(error), offset, row, column) })
    },
    onObjectProperty (key, _offset, _length, row, _column, parent) {
      const path = below(parent().reduce<string>(below, ''), key)
      const first = lines.get(path)
      if (first === undefined) lines.set(path, row + 1)
      else repeated.push({ path, message: `found on line ${first} and again on line ${row + 1}, must be given once` })
    }
  }, { disallowComments: true, allowTrailingComma: false })
  // What follows the first error is guesswork.
  return errors.length > 0 ? errors.slice(0, 1) : repeated
}

/** The place, the reason, and the line with a caret below it. */
function explain (text: string, error: string, offset: number, row: number, column: number): string {
  const reason = EXPLANATIONS[error] ?? 'this is not valid here (text and keys stand in double quotes)'
  const hint = /Expected$/.test(error) && text.slice(0, offset).trimEnd().endsWith(',') ? ' (no comma may follow the last entry)' : ''
  // A long line is shown around the place; tabs count one column, as the caret does.
  const from = Math.max(0, column - 39)
  const shown = text.slice(offset - column).replace(/[\r\n][^]*$/, '').slice(from, from + 80).replaceAll('\t', ' ')
  return `is not JSON at line ${row + 1}, column ${column + 1}: ${reason}${hint}\n    ${shown}\n    ${' '.repeat(column - from)}^`
}
