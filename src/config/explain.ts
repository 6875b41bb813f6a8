import type { ErrorObject } from 'ajv'
import type { Mistake } from './config-error.js'
import { isFormat, formats } from './formats.js'
import { below, fromPointer } from './json-path.js'
import { nearest } from './nearest.js'
import { isPem } from './pem.js'
import type { SchemaNode } from './schema-node.js'

/**
 * Turns ajv's errors into one sentence for each thing that is wrong.
 *
 * @param errors of a validator with `allErrors` and `verbose`
 * @param written texts with placeholders as they were written, by path
 */
export function explain (errors: ErrorObject[], written: Map<string, string>): Mistake[] {
  const told = withoutNoise(errors)
  const unknown = told.filter(({ keyword }) => keyword === 'additionalProperties').map(explainUnknownKey)
  const meant = unknown.map(({ meant }) => meant)
  const missing = told.filter(({ keyword }) => keyword === 'required').map(explainMissingKey)
  const wrong = told.filter(({ keyword }) => !TOLD_OTHERWISE.includes(keyword))
    // Where a pattern and a format both fail, the format's function knows the reason.
    .sort((a, b) => Number(b.keyword === 'format') - Number(a.keyword === 'format'))
    .map((error) => explainValue(error, written))

  return [
    ...unknown.map(({ path, message }) => ({ path, message })),
    // A mistyped key is told once, not as an unknown and a missing one.
    ...missing.filter(({ path }) => !meant.includes(path)),
    ...wrong
  ]
}

/** By a sentence of their own; of a key's name by what is wrong in it. */
const TOLD_OTHERWISE = ['additionalProperties', 'required', 'propertyNames']

/**
 * For a choice ajv reports the errors of every branch and one for the choice.
 * What counts is the branch that was meant, the one of the value's own type;
 * without such a branch, the choice.
 */
function withoutNoise (errors: ErrorObject[]): ErrorObject[] {
  const choices = errors.filter(({ keyword }) => keyword === 'anyOf').map((error) => ({ error, branch: branchMeant(error) }))
  return errors.filter((error) => !choices.some((choice) => {
    if (error === choice.error) return choice.branch !== undefined
    const { instancePath, schemaPath } = choice.error
    const isInside = error.schemaPath.startsWith(`${schemaPath}/`) &&
      (error.instancePath === instancePath || error.instancePath.startsWith(`${instancePath}/`))
    return isInside && !error.schemaPath.startsWith(`${schemaPath}/${choice.branch}/`)
  }))
}

function branchMeant ({ parentSchema, data }: ErrorObject): number | undefined {
  const node: SchemaNode = { ...parentSchema }
  const index = node.anyOf?.findIndex((branch) => branch.const === undefined && branch.type === typeOf(data))
  return index === -1 ? undefined : index
}

// No schema of ours says "number".
function typeOf (data: unknown): string {
  if (Array.isArray(data)) return 'array'
  return typeof data === 'number' ? 'integer' : typeof data
}

function explainUnknownKey ({ instancePath, params, parentSchema }: ErrorObject): Mistake & { meant: string | undefined } {
  const node: SchemaNode = { ...parentSchema }
  const parent = fromPointer(instancePath)
  const key = String(params.additionalProperty)
  const known = Object.keys({ ...node.properties })
  const guess = nearest(key, known)
  return {
    path: below(parent, key),
    message: guess === undefined ? `unknown key, must be one of ${known.join(', ')}` : `unknown key, did you mean \`${guess}\`?`,
    meant: guess === undefined ? undefined : below(parent, guess)
  }
}

function explainMissingKey ({ instancePath, params, parentSchema }: ErrorObject): Mistake {
  const node: SchemaNode = { ...parentSchema }
  const key = String(params.missingProperty)
  return { path: below(fromPointer(instancePath), key), message: `is missing, ${node.properties?.[key]?.errorMessage}` }
}

function explainValue ({ keyword, instancePath, propertyName, params, parentSchema, data }: ErrorObject, written: Map<string, string>): Mistake {
  const node: SchemaNode = { ...parentSchema }
  const place = fromPointer(instancePath)
  const path = propertyName === undefined ? place : below(place, propertyName)
  const source = written.get(path)
  const shown = node.isSecret && typeof data === 'string' ? 'a text' : show(data)
  const found = source === undefined ? shown : `${shown} (from ${show(source)})`
  const allowed = isFormat(params.format) ? formats[params.format](String(data)) : node.errorMessage
  const isQuoted = keyword === 'type' && source === undefined &&
    (((node.type === 'integer' || node.type === 'number') && /^"\d+(\.\d+)?"$/.test(found)) || (node.type === 'boolean' && /^"(true|false)"$/.test(found)))
  return { path, message: `found ${found}, ${allowed}${isQuoted ? ' (without quotes)' : ''}` }
}

/** A value in a few words: a text in quotes and not too long, lists and objects by their kind. */
export function show (value: unknown): string {
  if (typeof value === 'string') {
    if (isPem(value)) return 'PEM'
    // Errors end up in logs, and a URL may carry a password.
    const text = value.replace(/\/\/.*@/, '//***@')
    return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
  }
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}
