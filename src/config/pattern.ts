import { RE2JS } from 're2js'

/**
 * Each character of a path takes at most so many steps: with all of them, the longest path (`server.maxHeaderSize`)
 * takes some 100 ms, where JavaScript's own engine takes exponential time for patterns such as `(a|a)*$`.
 */
const MOST_INSTRUCTIONS = 250

/**
 * A pattern for an engine of linear time. JavaScript's own takes exponential time for some pairs of a pattern and a
 * path, such as (a|a)*$ and /aaa…!
 *
 * @throws when it needs more: look-around, back-references
 */
export function compilePattern (pattern: string): RE2JS {
  return RE2JS.compile(RE2JS.translateRegExp(pattern))
}

/** Makes what puts a replacement in the place of a pattern's first match. */
export function compileReplacement ({ pattern, replacement }: { pattern: string, replacement: string }): (path: string) => string {
  const compiled = compilePattern(pattern)
  return path => compiled.matcher(path).replaceFirst(replacement)
}

/** @returns what is wrong with a pattern, as "must …" */
export function validatePattern (text: string): string | undefined {
  try {
    RegExp(text)
  } catch (error) {
    return `must be a regular expression (${String(error).replace(/^.*: /, '').toLowerCase()})`
  }
  return isLinear(text)
    ? undefined
    : 'must be a simpler regular expression, which no crafted path can keep busy: ' +
      'no look-around, no back-reference, no large repetition such as (a{30}){30}'
}

function isLinear (text: string): boolean {
  try {
    return compilePattern(text).programSize() <= MOST_INSTRUCTIONS
  } catch {
    return false
  }
}
