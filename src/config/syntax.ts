import { parse, printParseErrorCode, type ParseError } from 'jsonc-parser'

const EXPLANATIONS: Record<string, string> = {
  InvalidCommentToken: 'comments are not allowed',
  UnexpectedEndOfComment: 'comments are not allowed',
  PropertyNameExpected: 'expected a key in double quotes (no comma may follow the last one)',
  ValueExpected: 'expected a value (no comma may follow the last one)',
  ColonExpected: 'expected ":" after the key',
  CommaExpected: 'expected "," between two entries',
  CloseBraceExpected: 'expected "}"',
  CloseBracketExpected: 'expected "]"',
  EndOfFileExpected: 'expected nothing more after the end',
  UnexpectedEndOfString: 'this text has no closing quote on its line',
  InvalidEscapeCharacter: 'this text holds a backslash that escapes nothing',
  InvalidUnicode: 'this text holds a \\u without four hexadecimal digits',
  InvalidCharacter: 'this text holds a control character, which must be escaped'
}

/** Says where a text stops being JSON, and shows the line. `JSON.parse` itself does not always tell the place. */
export function explainSyntax (text: string): string {
  const errors: ParseError[] = []
  parse(text, errors, { disallowComments: true })
  const { error, offset } = errors[0] ?? { error: undefined, offset: text.length }
  const explanation = error === undefined ? undefined : EXPLANATIONS[printParseErrorCode(error)]

  const before = text.slice(0, offset).split('\n')
  const row = before.length
  const column = (before.at(-1) ?? '').length + 1
  const line = (text.split('\n')[row - 1] ?? '').trimEnd()
  // A long line is shown around the place; tabs count one column, as the caret does.
  const from = Math.max(0, column - 40)
  const shown = line.slice(from, from + 80).replaceAll('\t', ' ')
  return `is not JSON at line ${row}, column ${column}: ${explanation ?? 'this is not valid here'}\n    ${shown}\n    ${' '.repeat(column - 1 - from)}^`
}
