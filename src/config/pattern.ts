import { RE2JS } from 're2js'

/**
 * Each character of a path takes at most so many steps: with all of them, the longest path (`server.maxHeaderSize`)
 * takes some 100 ms, where JavaScript's own engine takes exponential time for patterns such as `(a|a)*$`.
 */
const MOST_INSTRUCTIONS = 250

/**
 * A pattern for the engine of linear time.
 *
 * @throws when it needs more: look-around, back-references
 */
export function compilePattern (pattern: string): RE2JS {
  return RE2JS.compile(RE2JS.translateRegExp(pattern))
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
