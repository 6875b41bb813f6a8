import type { Mistake } from './config-error.js'
import { below } from './json-path.js'
import { alternatives, type SchemaNode, valuesOf } from './schema-node.js'

/** What came of a value after its placeholders were replaced. */
export interface Expanded {
  value: unknown
  mistakes: Mistake[]
  /** By path, the text as written, for every text that held a placeholder. */
  written: Map<string, string>
}

/** Whatever begins with `${`: what stands in it, and whether it ends; of `$${` neither. */
export const PLACEHOLDER = /\$\$\{|\$\{([^{}]*)(\}?)/g
const WHOLE = /^\$\{[^{}]*\}$/
const LITERAL = 'write "$${" for the characters themselves'
/** What is filled in for each request, as `client.ip`. */
const DOTTED = /^[A-Za-z]+\.[\w.-]+$/
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s

/**
 * Replaces `${NAME}` and `${NAME:-default}` in every string with the
 * environment's value; the default also stands in for an empty one, as in a
 * shell. `$${` stands for a literal `${`. What is filled in for each request
 * stays as it is where the schema has it.
 *
 * A string that is one placeholder and nothing else becomes a number or a
 * boolean where the schema allows one and the text reads as one: the environment
 * holds only text.
 */
export function expandPlaceholders (value: unknown, schema: SchemaNode, env: NodeJS.ProcessEnv): Expanded {
  const mistakes: Mistake[] = []
  const written = new Map<string, string>()
  return { value: expand(value, [schema], ''), mistakes, written }

  function expand (value: unknown, schemas: SchemaNode[], path: string): unknown {
    const allowed = schemas.flatMap(alternatives)
    if (typeof value === 'string') return expandText(value, allowed, path)
    if (Array.isArray(value)) {
      const items = allowed.flatMap(({ items }) => items ?? [])
      return value.map((item, index) => expand(item, items, below(path, index)))
    }
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => {
      return [key, expand(item, allowed.flatMap(node => valuesOf(node, key)), below(path, key))]
    }))
  }

  function expandText (text: string, allowed: SchemaNode[], path: string): unknown {
    if (!text.includes('${')) return text
    const isTemplate = allowed.some(node => node.isTemplate)
    const expanded = text.replace(PLACEHOLDER, (all: string, inside: string | undefined, end: string) => {
      // A template is read once more, and takes what comes from the environment for text.
      if (inside === undefined) return isTemplate ? all : '${'
      if (isTemplate && DOTTED.test(inside)) return all
      const replaced = lookUp(inside, end !== '', env)
      if (replaced.text !== undefined) return isTemplate ? replaced.text.replaceAll('${', () => '$${') : replaced.text
      mistakes.push({ path, message: replaced.mistake })
      return all
    })
    if (expanded !== text) written.set(path, text)
    return WHOLE.test(text) ? convert(expanded, allowed) : expanded
  }
}

type Found = { text: string } | { text?: undefined, mistake: string }

function lookUp (inside: string, closed: boolean, env: NodeJS.ProcessEnv): Found {
  if (!closed) return { mistake: `found "\${" without its "}" (no placeholder stands inside another); ${LITERAL}` }
  if (DOTTED.test(inside)) return { mistake: `found "\${${inside}}", which is filled in for each request, and in headers alone; ${LITERAL}` }
  const [, name, fallback] = VARIABLE.exec(inside) ?? []
  if (name === undefined) {
    return { mistake: `found "\${${inside}}", must be \${NAME} or \${NAME:-default}; ${LITERAL}` }
  }
  // Own ones only: `process.env` inherits `toString` and the like.
  const set = Object.hasOwn(env, name) ? env[name] : undefined
  const text = set === '' ? fallback ?? '' : set ?? fallback
  return text === undefined
    ? { mistake: `the environment variable ${name} is not set; \${${name}:-default} gives it a default` }
    : { text }
}

function convert (text: string, allowed: SchemaNode[]): string | number | boolean {
  const types = allowed.map(({ type }) => type)
  if ((types.includes('integer') || types.includes('number')) && /^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  if (types.includes('boolean') && /^(true|false)$/.test(text)) return text === 'true'
  return text
}
