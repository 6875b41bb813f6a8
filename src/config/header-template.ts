import { PLACEHOLDER } from './placeholders.js'

/** What may be filled in for each request. */
const VARIABLES = ['client.ip', 'client.protocol', 'request.id', 'request.host', 'route.prefix']

/** The value of a header, taken apart: text, the name of what is filled in, text, and so on; text first and last. */
export type Template = string[]

/** A field's value in ASCII: no white space at its ends (RFC 9110 section 5.5), no control characters but tabs inside it. */
const VALUE = /^(?:[!-~](?:[\t -~]*[!-~])?)?$/

/** Of who is authenticated, as `claim.sub`. */
export const CLAIM = /^claim\.[\w.-]+$/

const VARIABLE = `must have one of ${VARIABLES.join(', ')} or claim.<name> between "\${" and "}"; write "$\${" for the characters themselves`

/** What a header's value must be. */
export const HEADER_VALUE = 'must be a value in ASCII, without line breaks and without white space at its ends'

/** Takes a valid value apart. `$${` is a literal `${`. */
export function parseTemplate (text: string): Template {
  const parts: Template = []
  let literal = ''
  let end = 0
  for (const match of text.matchAll(PLACEHOLDER)) {
    literal += text.slice(end, match.index)
    end = match.index + match[0].length
    const [, variable] = match
    if (variable === undefined) {
      literal += '${'
    } else {
      parts.push(literal, variable)
      literal = ''
    }
  }
  return [...parts, literal + text.slice(end)]
}

/** Says what is wrong with a header's value. */
export function validateTemplate (text: string): string | undefined {
  if (!VALUE.test(text)) return HEADER_VALUE
  for (const [, variable, end] of text.matchAll(PLACEHOLDER)) {
    if (variable !== undefined && (end === '' || !isKnown(variable))) return VARIABLE
  }
  return undefined
}

function isKnown (variable: string): boolean {
  return VARIABLES.includes(variable) || CLAIM.test(variable)
}
